//! `GET /v1/nodes/stream`: a validating node's stream, a WebSocket (RFC 6455). What is said on it stands in
//! `nexus_validator::control::message`.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, get, rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, Session};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_domain::validity::DialectEntry;
use nexus_validator::SecretKeys;
use nexus_validator::control::message::{BudgetAsk, BusKeys, FromNode, LONGEST_BATCH, TenantShares};
use nexus_validator::control::wanted::Wanted;
use tokio::sync::watch;
use uuid::Uuid;

use super::connection::{Admission, Connection, Desk, Gone, Incoming, Parcel, Peer};
use super::deltas::{Deltas, Served};
use super::holders::HolderId;
use super::ports::StoreError;
use super::roster::Badge;
use super::streams::Place;
use super::{Certified, budgets, usage};
use crate::app::App;
use crate::principal::NodeCaller;
use crate::problem::{self, Problem};

/// Follows the log as a validating node, which is what `nexus validator` does: a WebSocket (RFC 6455) on which the node gets
/// every credential of its dialects, what changes of them, and the right to answer for three seconds at a time. Needs the
/// scope `nodes:connect`, and a client certificate where `server.tls.node_ca` is set; revoking the credential ends the stream. What is said on it is between programs of one version.
#[utoipa::path(
    operation_id = "follow_as_node",
    tag = "nodes",
    responses((status = 101, description = "The stream begins"), (status = 400, body = problem::Document), (status = 401, body = problem::Document), (status = 403, body = problem::Document), (status = 503, body = problem::Document)),
)]
#[get("/v1/nodes/stream")]
pub(crate) async fn stream(
    app: web::Data<App>,
    worker: web::Data<Worker>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let node = NodeCaller::of(&request, &app)?;
    if app.nodes_are_certified && request.conn_data::<Certified>().is_none() {
        let detail =
            "validating nodes must show a certificate here: set `control.certificate` and `control.key`";
        return Err(Problem::new(&problem::FORBIDDEN, detail));
    }
    if node.may_do_more() {
        tracing::warn!(
            credential = %node.key_id(), name = node.name(),
            "a validating node follows with a credential that may do more than that; make it one of its own with `nexus nodes create`"
        );
    }
    let place = app.streams.enter(node.key_id()).map_err(|full| {
        metrics::counter!("nexus_node_streams_refused_total").increment(1);
        tracing::info!(credential = %node.key_id(), "a node is refused a stream: {full}");
        Problem::new(&problem::TOO_MANY_STREAMS, full.to_string())
    })?;
    let (response, session, messages) = actix_ws::handle(&request, body)
        .map_err(|error| Problem::new(&problem::INVALID_REQUEST, format!("no WebSocket: {error}")))?;
    let messages =
        messages.max_frame_size(LONGEST_BATCH).aggregate_continuations().max_continuation_size(LONGEST_BATCH);
    let connection = Connection {
        plane: Arc::clone(&app.plane),
        log: Arc::clone(&app.log),
        newest: worker.newest(app.plane.deltas()),
        peer: Socket { session, messages },
        desk: Counter { app, node, told_of_refusals: AtomicBool::new(false), _place: place },
    };
    rt::spawn(connection.serve());
    Ok(response)
}

/// What the streams of one worker share. To wake a task of another thread takes a system call: with many nodes that would be
/// done once for each of them, with this once for each worker.
#[derive(Default)]
pub(crate) struct Worker(OnceCell<watch::Sender<u64>>);

impl Worker {
    /// Moves as [`Deltas::newest`] does, on this worker's thread.
    fn newest(&self, deltas: &Deltas) -> watch::Receiver<u64> {
        let begin = || {
            let mut newest = deltas.newest();
            let echo = watch::Sender::new(*newest.borrow_and_update());
            let heard = echo.clone();
            rt::spawn(async move {
                while newest.changed().await.is_ok() {
                    heard.send_replace(*newest.borrow_and_update());
                }
            });
            echo
        };
        self.0.get_or_init(begin).subscribe()
    }
}

struct Socket {
    session: Session,
    messages: AggregatedMessageStream,
}

impl Peer for Socket {
    async fn receive(&mut self) -> Result<Incoming, Gone> {
        loop {
            let incoming = match self.messages.recv().await {
                Some(Ok(AggregatedMessage::Text(text))) => message(&text),
                Some(Ok(AggregatedMessage::Binary(bytes))) => parcel(bytes),
                Some(Ok(AggregatedMessage::Ping(bytes))) => {
                    self.session.pong(&bytes).await.map_err(|_| Gone)?;
                    continue;
                }
                Some(Ok(AggregatedMessage::Pong(_))) => continue,
                Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => return Err(Gone),
            };
            return Ok(incoming);
        }
    }

    async fn send(&mut self, text: Bytes) -> Result<(), Gone> {
        let text = bytestring::ByteString::try_from(text).map_err(|_| Gone)?;
        self.session.text(text).await.map_err(|_| Gone)
    }
}

/// The most bytes of a message. What is long comes in frames of bytes.
const LONGEST_MESSAGE: usize = 256 << 10;

fn message(text: &str) -> Incoming {
    if text.len() > LONGEST_MESSAGE {
        return Incoming::Nonsense("a message of more than 256 KiB".to_owned());
    }
    serde_json::from_str::<FromNode>(text)
        .map_or_else(|error| Incoming::Nonsense(error.to_string()), Incoming::Message)
}

/// A parcel begins with the node's id in 16 bytes and the batch's number in 8.
fn parcel(mut bytes: Bytes) -> Incoming {
    let head = bytes.split_first_chunk::<16>().and_then(|(node, rest)| {
        let number = rest.first_chunk::<8>()?;
        Some((Uuid::from_bytes(*node), u64::from_be_bytes(*number)))
    });
    match head {
        Some((node, number)) => Incoming::Usage(Parcel { node, number, segment: bytes.split_off(24) }),
        None => Incoming::Nonsense("a batch of usage without node and number".to_owned()),
    }
}

/// What a node is served besides the feed.
struct Counter {
    app: web::Data<App>,
    node: NodeCaller,
    /// Once for each stream: a node that was broken into must not fill the log.
    told_of_refusals: AtomicBool,
    _place: Place,
}

impl Desk for Counter {
    fn admits(&self, dialects: &[String]) -> Admission {
        self.node.admits(&self.app.verifier, dialects)
    }

    fn badge(&self) -> Option<Badge> {
        Some(Badge { key_id: self.node.key_id(), name: self.node.name().to_owned() })
    }

    fn bus_keys(&self, served: &Served) -> Option<BusKeys> {
        let sealer = self.app.bus.as_ref()?;
        Some(
            sealer.keys(|dialect| served.has(dialect) && self.node.sees_dialect(&self.app.verifier, dialect)),
        )
    }

    fn secret_keys(&self, served: &Served) -> SecretKeys {
        let App { gate, .. } = &**self.app;
        let sees = |dialect: &str| served.has(dialect) && self.node.sees_dialect(&self.app.verifier, dialect);
        SecretKeys::new(gate.node_secret_keys().filter(|(dialect, _)| sees(dialect)))
    }

    async fn credential(&self, wanted: Wanted) -> Result<Vec<DialectEntry>, StoreError> {
        // A table that may be behind does not know what is new.
        if !self.app.verifier.can_tell() {
            return Err(StoreError("this API node cannot follow the log just now".to_owned()));
        }
        let mut entries = self.app.log.credential(wanted).await?;
        entries.retain(|held| self.node.sees_dialect(&self.app.verifier, &held.dialect));
        Ok(entries)
    }

    fn divide(&self, holder: HolderId, asks: Vec<BudgetAsk>) -> BoxFuture<'static, Vec<TenantShares>> {
        let (verifier, node) = (&self.app.verifier, &self.node);
        let asks = asks.into_iter().filter_map(|mut asked| {
            let dialect = verifier.validator.dialect_of_tenant(asked.counted.tenant_id)?;
            let limits = dialect.limits_of(asked.counted.environment);
            // Of limits that the tenant has, and no more than there is: others share them.
            let real = asked.ask.windows.iter().all(|window| limits.contains(&window.limit));
            for window in &mut asked.ask.windows {
                window.needed = window.needed.min(window.limit.limit());
            }
            (real && node.sees_dialect(verifier, &dialect.name)).then_some(asked)
        });
        let asks = asks.collect();
        let ledgers = self.app.rate_budgets.clone();
        async move { budgets::divide(&ledgers, holder, asks).await }.boxed()
    }

    async fn take_usage(&self, parcel: Parcel) -> Result<(), String> {
        let validator = &self.app.verifier.validator;
        let sees = |tenant| {
            validator
                .dialect_of_tenant(tenant)
                .is_some_and(|dialect| self.node.sees_dialect(&self.app.verifier, &dialect.name))
        };
        let App { gate, projections, .. } = &**self.app;
        let node = parcel.node;
        let _turn = self.app.plane.usage_turn().await;
        let refused = usage::Intake { gate, projections, validator }.take(parcel, sees).await?;
        if refused > 0 {
            metrics::counter!("nexus_usage_refused_total").increment(refused.try_into().unwrap_or(u64::MAX));
            if !self.told_of_refusals.swap(true, Ordering::Relaxed) {
                let credential = self.node.key_id();
                tracing::warn!(
                    %node, %credential, refused,
                    "a node reports uses of keys that there are not or that it may not know of, or too many at once; they are not recorded"
                );
            }
        }
        Ok(())
    }
}
