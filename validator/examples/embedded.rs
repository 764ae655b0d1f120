//! A service that checks its callers' credentials itself, with a validating node of its own in the process.
//!
//! ```sh
//! NEXUS_URLS=http://127.0.0.1:8080 NEXUS_NODE_CREDENTIAL=nxm_… cargo run -p nexus-validator --example embedded
//! curl -i http://127.0.0.1:7070/payments -H "Authorization: Bearer nx_live_…"
//! ```
//!
//! The credential is a management credential with the scope `nodes:connect`. `NEXUS_URLS` holds the API nodes with commas
//! between them, `LISTEN` the address to listen on, `NODE_DATA` the folder of the node's usage journal and cache. A real
//! service has a web framework where this one has a few lines; what matters is [`answer`], and the order of the end in [`main`].

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nexus_domain::dialect;
use nexus_domain::verification::Question;
use nexus_validator::node::{Node, NodeOptions};
use nexus_validator::tasks::TaskEnded;
use nexus_validator::{Decision, Subject};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Whose keys the service takes.
const DIALECT: &str = "nexus";
/// The longest head of a request, in bytes.
const LONGEST_HEAD: u64 = 16 * 1024;
/// How long a caller may take to send one.
const ASKS_WITHIN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let node = Arc::new(Node::start(options()?)?);
    let listener = TcpListener::bind(variable("LISTEN").unwrap_or("127.0.0.1:7070".to_owned())).await?;
    let outcome = tokio::select! {
        // It could answer before, by asking an API node for each credential. A load balancer would rather wait.
        ready = node.ready() => match ready {
            Ok(()) => {
                writeln!(std::io::stdout(), "ready on {}", listener.local_addr()?)?;
                serve_until(&mut terminated, &node, listener).await
            }
            Err(failed) => Err(failed),
        },
        _ = terminated.recv() => Ok(()),
    };
    // Every request is answered, so nobody else holds the node. It hands over what is left of usage and gives up its right.
    if let Some(node) = Arc::into_inner(node) {
        node.stop().await;
    }
    Ok(outcome?)
}

/// Takes requests until the signal comes, and ends once all are answered. A node that failed ends the process with an error: it
/// would not get well by itself, and whoever started the process starts it again.
async fn serve_until(
    terminated: &mut Signal,
    node: &Arc<Node>,
    listener: TcpListener,
) -> Result<(), TaskEnded> {
    let mut requests = JoinSet::new();
    let outcome = loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, caller)) => {
                    let node = Arc::clone(node);
                    let served = async move { serve(&node, stream, caller).await };
                    requests.spawn(tokio::time::timeout(ASKS_WITHIN, served));
                }
                // Such as too many open files: it passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            // So that what has ended does not pile up.
            Some(_) = requests.join_next() => {}
            _ = terminated.recv() => break Ok(()),
            failed = node.failed() => break Err(failed),
        }
    };
    drop(listener);
    requests.join_all().await;
    outcome
}

fn options() -> Result<NodeOptions, Box<dyn Error>> {
    let mut run = [0; 16];
    #[expect(clippy::disallowed_methods, reason = "the edge of a program is where randomness comes from")]
    getrandom::fill(&mut run)?;
    let data = variable("NODE_DATA").unwrap_or("nexus-node".to_owned());
    let mut options = NodeOptions::new(Arc::new(dialect::built_in()), data, Uuid::from_bytes(run));
    let urls = variable("NEXUS_URLS").ok_or("NEXUS_URLS names no API node")?;
    options.control.urls = urls.split(',').map(|url| url.trim_end_matches('/').to_owned()).collect();
    options.control.credential =
        variable("NEXUS_NODE_CREDENTIAL").ok_or("NEXUS_NODE_CREDENTIAL is missing")?;
    Ok(options)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// One request and its answer; then the connection ends.
async fn serve(
    node: &Node,
    mut stream: TcpStream,
    caller: SocketAddr,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading.take(LONGEST_HEAD)).lines();
    let request = lines.next_line().await?.unwrap_or_default();
    let method = request.split(' ').next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    while let Some(line) = lines.next_line().await?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("not a header")?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let answer = answer(node, &method, &headers, caller).await;
    writing.write_all(answer.as_bytes()).await?;
    Ok(writing.shutdown().await?)
}

/// What the service is for, for those who may.
async fn answer(node: &Node, method: &str, headers: &[(String, String)], caller: SocketAddr) -> String {
    let needed = ["read:payments".to_owned()];
    let question = Question {
        method: Some(method),
        ip: Some(caller.ip().to_canonical()),
        required_scopes: &needed,
        ..Question::default()
    };
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let decision = node.check_headers(DIALECT, headers, &question).await;
    if !decision.accepted() {
        return refusal(&decision);
    }
    let name = decision.subject.as_ref().map_or("", Subject::name);
    response(200, &[("content-type", "text/plain; charset=utf-8")], &format!("payments for {name}\n"))
}

/// The dialect's own words. Why a credential is refused, `decision.outcome` tells; callers are not told.
fn refusal(decision: &Decision<'_>) -> String {
    let Some(dialect) = decision.dialect else { return response(503, &[], "") };
    let refusal = dialect.refusals.answer(decision.code());
    let headers: Vec<_> =
        refusal.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    response(refusal.status, &headers, &refusal.body)
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status} \r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
