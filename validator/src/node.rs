//! A validating node in a process: everything that it takes to answer on one's own, started and stopped together.
//!
//! A service that checks its callers' credentials itself, without asking another process, starts one. `validator/examples/embedded.rs`
//! is a whole such service.
//!
//! ```no_run
//! # async fn serve(random: [u8; 16], secret: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use nexus_domain::dialect;
//! use nexus_domain::verification::Question;
//! use nexus_validator::node::{Node, NodeOptions};
//! use uuid::Uuid;
//!
//! let mut options = NodeOptions::new(Arc::new(dialect::built_in()), "nexus-node", Uuid::from_bytes(random));
//! options.control.urls = vec!["https://nexus.example.com".to_owned()];
//! options.control.credential = std::env::var("NEXUS_NODE_CREDENTIAL")?;
//! let node = Node::start(options)?;
//! node.ready().await?;
//!
//! let needed = ["read:payments".to_owned()];
//! let question = Question { method: Some("GET"), required_scopes: &needed, ..Question::default() };
//! let decision = node.check(Some("nexus"), secret, &question).await;
//! if decision.accepted() {
//!     // Do what was asked for.
//! }
//! node.stop().await;
//! # Ok(())
//! # }
//! ```

mod check;
mod standing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nexus_domain::dialect::{Dialects, MANAGEMENT};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

use crate::Validator;
use crate::budget::Budgets;
use crate::bus::ear::Ear;
use crate::cache::DiskCache;
use crate::clock::{Clock, SystemClock};
use crate::control::client::{Connection, ControlClient};
use crate::control::follower::{Follower, Identity};
use crate::control::shipper::Shipper;
use crate::control::websocket::{WebSocketDial, WebSocketOptions, WebSocketOptionsError};
use crate::lease::Lease;
use crate::read_through::ReadThrough;
use crate::tasks::{TaskEnded, Tasks};
use crate::usage_journal::{UsageJournal, UsageJournalError, UsageJournalOptions, drain};

/// How a node is run.
pub struct NodeOptions {
    /// The dialects that it serves, the platform's own among them.
    pub dialects: Arc<Dialects>,
    /// The folder of the usage journal, the node's id and the disk cache, of one process alone.
    pub data: PathBuf,
    /// How it reaches the API nodes.
    pub control: WebSocketOptions,
    /// The longest time until a use is on its way to the log.
    pub usage_window: Duration,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// This run of the process: 16 random bytes.
    pub incarnation: Uuid,
}

/// A node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The usage journal cannot be opened.
    #[error(transparent)]
    UsageJournal(#[from] UsageJournalError),
    /// The API nodes cannot be dialled.
    #[error(transparent)]
    Control(#[from] WebSocketOptionsError),
    /// What is to be shown to API nodes is no credential of the platform's, whatever they know.
    #[error("control.credential is no credential of a validating node: make one with `nexus nodes create`")]
    Credential,
}

/// A running node.
pub struct Node {
    // First, since that is the order in which fields are dropped: nobody watches the parts of a node that is dropped, and that
    // they end is no fault then.
    tasks: Tasks,
    follower: Arc<Mutex<Follower>>,
    validator: Arc<Validator>,
    lease: Arc<Lease>,
    clock: Arc<dyn Clock>,
    read_through: ReadThrough,
    budgets: Arc<Budgets>,
    usage: UsageJournal,
    connection: watch::Receiver<Connection>,
    stop: watch::Sender<bool>,
    drain: mpsc::Sender<oneshot::Sender<()>>,
}

impl NodeOptions {
    /// The usual ones, with no API node yet.
    pub fn new(dialects: Arc<Dialects>, data: impl Into<PathBuf>, incarnation: Uuid) -> Self {
        Self {
            dialects,
            data: data.into(),
            control: WebSocketOptions::default(),
            usage_window: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
            incarnation,
        }
    }
}

impl Node {
    /// Starts a node, on the runtime that this is called from. It may answer once it has the right to: see [`Node::lease`].
    ///
    /// # Errors
    /// [`NodeError`]. That no API node can be reached is none: it goes on trying.
    pub fn start(options: NodeOptions) -> Result<Self, NodeError> {
        let NodeOptions { dialects, data, control, usage_window, clock, incarnation } = options;
        let validator = Arc::new(Validator::new(dialects));
        // Asking would tell no more, and would be tried for ever.
        if validator.wanted_in_credential(Some(MANAGEMENT), &control.credential).is_none() {
            return Err(NodeError::Credential);
        }
        let dial = Arc::new(WebSocketDial::new(control)?);
        let (usage, segments) = UsageJournal::open(&data, &UsageJournalOptions::new(incarnation))?;
        let (cache, have) = DiskCache::open(&data, &validator, Arc::clone(&clock));
        let lease = Arc::new(Lease::new());
        let node = Uuid::parse_str(&segments.node()).unwrap_or(incarnation);
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let identity = Identity { node, incarnation, program };
        let follower =
            Follower::new(identity, Arc::clone(&validator), Arc::clone(&lease), have, Box::new(cache));
        let follower = Arc::new(Mutex::new(follower));
        let stop = watch::Sender::new(false);
        let client = ControlClient::new(
            Arc::clone(&dial),
            Arc::clone(&follower),
            Arc::clone(&clock),
            stop.subscribe(),
        );
        let (connection, budgets) = (client.connection(), Arc::clone(client.budgets()));
        let (read_through, reading_through) = ReadThrough::new(Arc::clone(&dial), stop.subscribe());
        let (draining, told) = mpsc::channel(1);
        let mut tasks = Tasks::default();
        let standing = standing::told_of(Arc::clone(&lease), Arc::clone(&clock), stop.subscribe());
        // One task: whoever tells of the right to answer is of no use without whoever keeps it.
        tasks.spawn("control stream", async {
            let ((), ()) = tokio::join!(client.run(), standing);
        });
        tasks.spawn("read-through", reading_through);
        tasks.spawn("usage", drain(segments, Shipper::new(dial), usage_window, told));
        Ok(Self {
            follower,
            validator,
            lease,
            clock,
            read_through,
            budgets,
            usage,
            connection,
            stop,
            drain: draining,
            tasks,
        })
    }

    /// The table.
    #[must_use]
    pub const fn validator(&self) -> &Arc<Validator> {
        &self.validator
    }

    /// The right to answer from it.
    #[must_use]
    pub const fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// Who is asked for single credentials while it does not hold.
    #[must_use]
    pub const fn read_through(&self) -> &ReadThrough {
        &self.read_through
    }

    /// The node's shares of rate limits.
    #[must_use]
    pub const fn budgets(&self) -> &Arc<Budgets> {
        &self.budgets
    }

    /// Where decisions are recorded.
    #[must_use]
    pub const fn usage(&self) -> &UsageJournal {
        &self.usage
    }

    /// How the control stream is.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.clone()
    }

    /// For messages of the bus, where the process has one. The node does without as well.
    #[must_use]
    pub fn ear(&self) -> Ear {
        let served = self.validator.dialects().iter().map(|dialect| dialect.name.clone());
        Ear::new(Arc::clone(&self.follower), self.connection(), served, Arc::clone(&self.clock))
    }

    /// Waits until the node may answer.
    ///
    /// # Errors
    /// [`TaskEnded`]: it never will. See [`Node::failed`].
    pub async fn ready(&self) -> Result<(), TaskEnded> {
        let holds = async {
            while self.lease.holds(self.clock.boottime()).is_none() {
                tokio::time::sleep(READY_PAUSE).await;
            }
        };
        tokio::select! {
            () = holds => Ok(()),
            ended = self.failed() => Err(ended),
        }
    }

    /// Waits until a part of the node has ended that must not, which is a fault of this program. The node still accepts nothing
    /// that was revoked, but it will not get well by itself: stop the process, with an error, so that it is started again.
    pub async fn failed(&self) -> TaskEnded {
        self.tasks.failed().await
    }

    /// Gives up the right to answer, says goodbye, sends what is left of usage, and writes what is left of the cache. Requests must
    /// have ended before. Neither the network nor a disk that stands still keeps a process from ending: usage that takes longer than
    /// 10 s waits for the next start, and a cache that takes longer than 3 s is fetched anew.
    pub async fn stop(self) {
        self.tasks.may_end();
        self.stop.send_replace(true);
        let (usage, drain) = (self.usage, self.drain);
        let sent = async {
            let (done, drained) = oneshot::channel();
            waited_for(move || usage.close()).await
                && (drain.send(done).await.is_err() || drained.await.is_ok())
        };
        if !timeout(USAGE_WITHIN, sent).await.unwrap_or(false) {
            tracing::warn!("usage waits in the node's journal for the next start");
        }
        if timeout(DISK_WITHIN, self.tasks.ended()).await.is_err() {
            tracing::warn!("a part of the node waits for its disk, and is left behind");
        }
        let follower = self.follower;
        // With it goes the cache, which waits for the disk.
        if !timeout(DISK_WITHIN, waited_for(move || drop(follower))).await.unwrap_or(false) {
            tracing::warn!(
                "the node's cache could not be written to its end; what is missing is fetched anew"
            );
        }
    }
}

/// How long the last usage may take on its way.
const USAGE_WITHIN: Duration = Duration::from_secs(10);
/// How long the disk may take with what is left.
const DISK_WITHIN: Duration = Duration::from_secs(3);

/// Does what may wait for the disk on a thread that nobody needs to wait for: a runtime waits for its own. Tells whether it was done.
async fn waited_for(work: impl FnOnce() + Send + 'static) -> bool {
    let (done, told) = oneshot::channel();
    let works = move || {
        work();
        // Whoever waited may have gone.
        let _gone = done.send(());
    };
    thread::Builder::new().name("node-end".to_owned()).spawn(works).is_ok() && told.await.is_ok()
}

/// How long apart the lease is looked at until it holds.
const READY_PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::{SinkExt as _, StreamExt as _};
    use nexus_domain::credential::{RANDOM_BYTES, Secret};
    use nexus_domain::dialect::built_in;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::{WebSocketStream, accept_async};

    use super::*;
    use crate::control::message::{Start, ToNode, Welcome};

    /// One that no API node knows.
    fn credential() -> String {
        Secret::mint("nxm_", &[1; RANDOM_BYTES]).expose().to_owned()
    }

    /// A clock that can be broken.
    #[derive(Debug, Default)]
    struct Breakable(AtomicBool);

    impl Clock for Breakable {
        fn boottime(&self) -> Duration {
            assert!(!self.0.load(Ordering::SeqCst), "the clock is broken");
            Duration::ZERO
        }

        fn unix_micros(&self) -> i64 {
            0
        }
    }

    /// What an API node says first.
    fn welcome() -> String {
        let welcome = Welcome {
            log: Uuid::nil(),
            epoch: Uuid::nil(),
            start: Start::Snapshot,
            bus: None,
            secrets: Default::default(),
        };
        serde_json::to_string(&ToNode::Welcome(welcome)).unwrap()
    }

    #[tokio::test]
    async fn what_is_no_credential_of_a_node_is_told_at_once() {
        let data = tempfile::tempdir().unwrap();
        let key = Secret::mint("nx_live_", &[1; RANDOM_BYTES]);
        let mistyped = credential().replace("nxm_", "nxm_0");
        for wrong in ["", "hello", "nxm_…", key.expose(), &mistyped] {
            let mut options = NodeOptions::new(Arc::new(built_in()), data.path(), Uuid::from_u128(1));
            options.control.urls = vec!["http://127.0.0.1:9".to_owned()];
            options.control.credential = wrong.to_owned();
            let refused = Node::start(options).err().unwrap();
            assert!(matches!(refused, NodeError::Credential), "{wrong}: {refused}");
        }
        assert!(data.path().read_dir().unwrap().next().is_none(), "and nothing is begun");
    }

    /// A node whose stream has been taken, and who has said hello on it.
    async fn begun(mut options: NodeOptions) -> (Node, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        options.control.urls = vec![format!("http://{}", listener.local_addr().unwrap())];
        options.control.credential = credential();
        let node = Node::start(options).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = accept_async(stream).await.unwrap();
        let _hello = stream.next().await.unwrap().unwrap();
        (node, stream)
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_disk_that_stands_still_keeps_no_node_from_ending() {
        let data = tempfile::tempdir().unwrap();
        // Whoever opens a pipe to write into it waits until somebody reads.
        let pipe = data.path().join("cache.new");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let options = NodeOptions::new(Arc::new(built_in()), data.path(), Uuid::from_u128(1));
        let (node, mut stream) = begun(options).await;
        stream.send(Message::Text(welcome().into())).await.unwrap();
        let whole = ToNode::Snapshot { entries: Vec::new(), complete: Some(7) };
        stream.send(Message::Text(serde_json::to_string(&whole).unwrap().into())).await.unwrap();
        node.validator().watch().wait_for(|position| *position == 7).await.unwrap();
        // From here on nothing but time can end the wait, and it need not be waited for.
        tokio::time::pause();
        node.stop().await;
        std::fs::File::open(pipe).unwrap();
    }

    #[tokio::test]
    async fn a_node_whose_control_stream_panics_says_so_at_once() {
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(Breakable::default());
        let mut options = NodeOptions::new(Arc::new(built_in()), data.path(), Uuid::from_u128(1));
        options.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let (node, mut stream) = begun(options).await;
        clock.0.store(true, Ordering::SeqCst);
        stream.send(Message::Text(welcome().into())).await.unwrap();
        let failed = node.failed().await;
        assert_eq!(failed.task, "control stream");
        assert!(failed.reason.contains("the clock is broken"), "{failed}");
        clock.0.store(false, Ordering::SeqCst);
        assert_eq!(node.ready().await, Err(failed), "and nobody waits for it for ever");
        node.stop().await;
    }
}
