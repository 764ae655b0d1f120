//! The baseline of the HTTP measurements: actix-web, and a handler that returns bytes.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};

use super::load::Answer;
use crate::Failure;
use crate::output;
use crate::process::{Server, beside};

/// The command that makes this program a bare server.
pub(crate) const COMMAND: &str = "bare-server";

/// What the bare server answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bare {
    workers: u32,
    path: String,
    /// Whether requests have a body, which any handler would have to take.
    has_body: bool,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Bare {
    /// The answer that somebody else gave, byte by byte, apart from what actix-web writes itself.
    pub(crate) fn repeating(answer: &Answer<'_>, path: &str, has_body: bool, workers: u32) -> Self {
        let own = ["content-length", "date", "connection", "transfer-encoding"];
        let headers = answer
            .headers()
            .filter(|(name, _)| !own.iter().any(|own| own.eq_ignore_ascii_case(name)))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let body = String::from_utf8_lossy(answer.body).into_owned();
        Self { workers, path: path.to_owned(), has_body, status: answer.status, headers, body }
    }

    /// Starts it in a process of its own.
    pub(crate) fn start(&self) -> Result<Server, Failure> {
        let mut command = Command::new(beside("nexus-bench")?);
        command.arg(COMMAND);
        Server::start(command, &serde_json::to_string(self)?)
    }
}

#[derive(Serialize)]
struct Ready {
    url: String,
}

/// Serves what stdin says, until told to end.
pub(crate) async fn serve() -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let bare: Bare = serde_json::from_str(&text)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    let status = StatusCode::from_u16(bare.status)?;
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in &bare.headers {
        headers.push((name.parse()?, value.parse()?));
    }
    let headers: Arc<[_]> = headers.into();
    let (path, body, has_body) = (bare.path, Bytes::from(bare.body), bare.has_body);
    let respond = move || {
        let mut response = HttpResponse::build(status);
        for header in headers.iter() {
            response.insert_header(header.clone());
        }
        response.body(body.clone())
    };
    let server = HttpServer::new(move || {
        let (respond, route) = (respond.clone(), web::resource(path.as_str()));
        App::new().service(if has_body {
            route.to(move |_body: Bytes| std::future::ready(respond()))
        } else {
            route.to(move || std::future::ready(respond()))
        })
    });
    let server = server.workers(bare.workers as usize).listen(listener)?.run();
    output::json(&Ready { url })?;
    Ok(server.await?)
}
