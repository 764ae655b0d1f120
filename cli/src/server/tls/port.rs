//! The server on a port of TLS. Whoever speaks plain HTTP there is told so, and never sent elsewhere: a redirect would let a client
//! go on that sends its credential in the clear first, every time.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use nexus_api::problem::{HTTPS_REQUIRED, Problem};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::prepare;
use crate::server::node::{DRAIN_SECONDS, HEAD_WITHIN};

/// How long a connection may take to end.
const DISCONNECTS_WITHIN: Duration = Duration::from_secs(1);
/// How much of a plain request is read, so that the answer to it arrives.
const READ_AT_MOST: usize = 64 * 1024;

type Refusal = TlsError<io::Error, DispatchError>;

/// A server that runs once it is awaited, as [`actix_web::HttpServer`] would build it.
pub(crate) fn server<F, I, S, B>(
    factory: F,
    workers: Option<u32>,
    tls: rustls::ServerConfig,
    listener: TcpListener,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error>,
    S::InitError: std::fmt::Debug,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let mut builder = Server::build().shutdown_timeout(DRAIN_SECONDS).disable_signals();
    if let Some(workers) = workers {
        builder = builder.workers(workers as usize);
    }
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("nexus", listener, move || {
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .client_request_timeout(HEAD_WITHIN)
            .client_disconnect_timeout(DISCONNECTS_WITHIN)
            .on_connect_ext(|stream: &TlsStream<TcpStream>, data| prepare(stream, data));
        let routes = factory().into_factory().map_err(|error| error.into().error_response());
        let routes = http.finish(map_config(routes, |()| AppConfig::default()));
        fn_service(sift).and_then(routes.rustls_0_23(tls.clone()))
    })?;
    Ok(builder.run())
}

/// Passes on what may be TLS.
async fn sift(stream: TcpStream) -> Result<TcpStream, Refusal> {
    let mut first = [0];
    match timeout(HEAD_WITHIN, stream.peek(&mut first)).await {
        Err(_) => Err(TlsError::Timeout),
        Ok(Err(error)) => Err(TlsError::Tls(error)),
        // A method begins with a letter, and a handshake with 22 (RFC 8446 section 5.1).
        Ok(Ok(_)) if first.iter().all(u8::is_ascii_alphabetic) => {
            // Whether it could be said is of no matter to the server.
            let _told = timeout(DISCONNECTS_WITHIN, refuse(stream)).await;
            Err(TlsError::Tls(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP on a port of TLS")))
        }
        Ok(Ok(_)) => Ok(stream),
    }
}

async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    metrics::counter!("nexus_plain_http_refused_total").increment(1);
    let problem = Problem::new(&HTTPS_REQUIRED, "this is a port of HTTPS: write https:// instead of http://");
    let body = serde_json::to_string(&problem.document(""))?;
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await?;
    // A connection that is closed while something is unread is reset, and the answer with it.
    let mut read = stream.take(READ_AT_MOST as u64);
    let mut piece = [0; 1024];
    while read.read(&mut piece).await? > 0 {}
    Ok(())
}
