//! The baseline: sends bytes over WebSockets, waits for an answer on each, and does nothing else.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_ws::AggregatedMessage;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};

use crate::Failure;
use crate::output;
use crate::process::{Server, beside};
use crate::timer::Stopwatch;

/// The command that makes this program a bare fan-out.
pub(crate) const COMMAND: &str = "bare-fan-out";

/// Starts one in a process of its own.
pub(super) fn start(workers: u32) -> Result<Server, Failure> {
    let mut command = Command::new(beside("nexus-bench")?);
    command.arg(COMMAND).arg(workers.to_string());
    Server::start(command, "")
}

#[derive(Default)]
struct Fan {
    streams: Mutex<Vec<mpsc::UnboundedSender<Bytes>>>,
    answered: AtomicUsize,
    one_more: Notify,
}

async fn stream(
    fan: Data<Fan>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let (response, mut session, messages) = actix_ws::handle(&request, body)?;
    let mut messages = messages.aggregate_continuations();
    let (sender, mut sent) = mpsc::unbounded_channel();
    fan.streams.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
    rt::spawn(async move {
        loop {
            tokio::select! {
                Some(bytes) = sent.recv() => {
                    let Ok(text) = bytestring::ByteString::try_from(bytes) else { return };
                    if session.text(text).await.is_err() {
                        return;
                    }
                }
                message = messages.recv() => match message {
                    Some(Ok(AggregatedMessage::Text(_))) => {
                        fan.answered.fetch_add(1, Ordering::AcqRel);
                        fan.one_more.notify_one();
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    });
    Ok(response)
}

async fn fan_out(fan: Data<Fan>, message: Bytes) -> HttpResponse {
    let watch = Stopwatch::start();
    fan.answered.store(0, Ordering::Release);
    let streams = {
        let streams = fan.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in streams.iter() {
            // One that ended is waited for in vain, which would be noticed.
            let _ended = stream.send(message.clone());
        }
        streams.len()
    };
    while fan.answered.load(Ordering::Acquire) < streams {
        fan.one_more.notified().await;
    }
    let took = format!("fan-out;dur={:.3}", watch.seconds() * 1e3);
    HttpResponse::Ok().insert_header(("server-timing", took)).body("{}")
}

#[derive(Serialize)]
struct Ready {
    url: String,
}

/// Serves until told to end.
pub(crate) async fn serve(workers: usize) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    let fan: Data<Fan> = Data::from(Arc::<Fan>::default());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(fan.clone())
            .route("/stream", web::get().to(stream))
            .route("/fan-out", web::post().to(fan_out))
    });
    // As Nexus does.
    let server = server.on_connect(|connection, _| {
        if let Some(stream) = connection.downcast_ref::<rt::net::TcpStream>() {
            // One that gathers what it sends is only slower.
            let _slower = stream.set_nodelay(true);
        }
    });
    let server = server.workers(workers).listen(listener)?.run();
    output::json(&Ready { url })?;
    Ok(server.await?)
}
