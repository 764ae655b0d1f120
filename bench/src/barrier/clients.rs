//! The other ends: nodes as a validating node runs them, without HTTP and disk, and clients that only answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use nexus_infrastructure::dialects;
use nexus_validator::Validator;
use nexus_validator::clock::{Clock, SystemClock};
use nexus_validator::control::client::ControlClient;
use nexus_validator::control::follower::{Follower, Identity};
use nexus_validator::control::observer::Unobserved;
use nexus_validator::control::websocket::{WebSocketDial, WebSocketOptions};
use nexus_validator::lease::Lease;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use uuid::Uuid;

use crate::Failure;
use crate::timer::Stopwatch;

/// How long all nodes may take to follow.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a node is told of a revoked key of one secret, as long as usual.
pub(super) const DELTA: &str = r#"{"delta":{"from":1203,"to":1204,"entries":[{"key":{"key_id":"key_01a20378dcee731aa2132c19b6715026","tenant_id":"01a20378-c559-7bfb-bfee-34c7736c31df","name":"Backend","key_type":"secret","environment":"live","scopes":["read:users","write:users"],"ip_allowlist":[],"restrictions":{},"client_id":null,"secrets":[{"digest":"c3f1f6c3e9a0f5a0c3f1f6c3e9a0f5a0c3f1f6c3e9a0f5a0c3f1f6c3e9a0f5a0","version":1,"status":"revoked","not_after":1795354580000000}]}}]}}"#;

/// What a node answers.
const ACK: &str = r#"{"ack":{"applied":1204}}"#;

/// Nodes that follow.
pub(super) struct Nodes {
    stop: watch::Sender<bool>,
    running: JoinSet<()>,
}

impl Nodes {
    /// Starts nodes and waits until each has the right to answer.
    pub(super) async fn start(address: SocketAddr, token: &str, count: u32) -> Result<Self, Failure> {
        let stop = watch::Sender::new(false);
        let mut running = JoinSet::new();
        let dialects = Arc::new(dialects::load(None)?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut leases = Vec::new();
        for number in 0..count {
            let options = WebSocketOptions {
                urls: vec![format!("http://{address}")],
                credential: token.to_owned(),
                ..WebSocketOptions::default()
            };
            let id = Uuid::from_u128(u128::from(number) + 1);
            let identity = Identity { node: id, incarnation: id, program: "bench".to_owned() };
            let validator = Arc::new(Validator::new(Arc::clone(&dialects)));
            let lease = Arc::new(Lease::new());
            leases.push(Arc::clone(&lease));
            let follower = Follower::new(identity, validator, lease, None, Box::new(Unobserved));
            let follower = Arc::new(Mutex::new(follower));
            let dial = WebSocketDial::new(options)?;
            running.spawn(ControlClient::new(dial, follower, Arc::clone(&clock), stop.subscribe()).run());
        }
        let watch = Stopwatch::start();
        while !leases.iter().all(|lease| lease.holds(clock.boottime()).is_some()) {
            if watch.elapsed() > PATIENCE {
                return Err("not all nodes got the right to answer".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { stop, running })
    }

    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.running.join_next().await.is_some() {}
    }
}

/// Clients that answer whatever comes. They end when this is dropped.
pub(super) struct BareClients {
    _running: JoinSet<()>,
}

impl BareClients {
    pub(super) async fn start(address: SocketAddr, count: u32) -> Result<Self, Failure> {
        let mut running = JoinSet::new();
        for _ in 0..count {
            // As nodes do: the library's own, 128 KiB, are filled with zeros before each read.
            let config = WebSocketConfig::default().read_buffer_size(8 << 10);
            let address = format!("ws://{address}/stream");
            let (mut stream, _) = connect_async_with_config(address, Some(config), true).await?;
            running.spawn(async move {
                while let Some(Ok(message)) = stream.next().await {
                    if message.is_text() && stream.send(Message::text(ACK)).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { _running: running })
    }
}
