//! What runners, rebuilds and queries of one process share: the log, the projections and how each of them stands.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_infrastructure::database::{Database, DatabaseError};
use nexus_infrastructure::journal::Journal;
use tokio::sync::{Notify, watch};

use crate::builds::{self, Standing};
use crate::error::Lagging;
use crate::feed::Feed;
use crate::projection::Projection;

/// How often the database is asked how far another node has come.
const POLL: Duration = Duration::from_millis(15);

/// The state of a process.
pub(crate) struct Shared {
    pub(crate) journal: Journal,
    pub(crate) feed: Feed,
    pub(crate) slots: Vec<Arc<Slot>>,
    /// Whether runners keep what is known of the live builds up to date.
    pub(crate) running: bool,
    /// True once the process stops.
    pub(crate) stopping: watch::Sender<bool>,
}

/// A projection and how it stands, as this process knows it.
pub(crate) struct Slot {
    pub(crate) projection: Arc<dyn Projection>,
    live: watch::Sender<Option<Standing>>,
    /// Somebody waits for what is not folded yet.
    wanted: Notify,
    error: Mutex<Option<String>>,
    /// Held by whoever rebuilds it in this process.
    pub(crate) rebuilding: Arc<tokio::sync::Mutex<()>>,
}

impl Slot {
    pub(crate) fn new(projection: Arc<dyn Projection>) -> Self {
        Self {
            projection,
            live: watch::Sender::new(None),
            wanted: Notify::new(),
            error: Mutex::new(None),
            rebuilding: Arc::default(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.projection.name()
    }

    pub(crate) fn live(&self) -> Option<Standing> {
        *self.live.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Standing>> {
        self.live.subscribe()
    }

    /// Returns once somebody waits for what is not folded yet.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Takes what was read from the database under the lock of the build's row.
    pub(crate) fn set_live(&self, live: Option<Standing>) {
        self.live.send_if_modified(|known| std::mem::replace(known, live) != live);
    }

    /// Takes what was read without a lock: never back to an earlier build or position.
    fn raise_live(&self, live: Standing) {
        self.live.send_if_modified(|known| {
            let newer =
                known.is_none_or(|known| (known.build, known.checkpoint) < (live.build, live.checkpoint));
            if newer {
                *known = Some(live);
            }
            newer
        });
    }

    /// Sets the error that the status shows; true where it is another one than before.
    pub(crate) fn set_error(&self, error: Option<String>) -> bool {
        let mut shown = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *shown != error;
        *shown = error;
        changed
    }

    pub(crate) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    pub(crate) fn database(&self) -> &Database {
        self.journal.database()
    }

    pub(crate) fn slot(&self, name: &str) -> Option<&Arc<Slot>> {
        self.slots.iter().find(|slot| slot.name() == name)
    }

    /// The live build, where runners keep it known.
    pub(crate) fn known(&self, slot: &Slot) -> Option<Standing> {
        slot.live().filter(|_| self.running)
    }

    /// Reads the live build from the database.
    pub(crate) async fn refresh(&self, slot: &Slot) -> Result<Option<Standing>, DatabaseError> {
        let live = builds::live(self.database(), &*slot.projection).await?;
        if let Some(live) = live {
            slot.raise_live(live);
        }
        Ok(live)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Sleeps; false where the process stops meanwhile.
    pub(crate) async fn pause(&self, duration: Duration) -> bool {
        let mut stopping = self.stopping.subscribe();
        let stopped = async { stopping.wait_for(|stopping| *stopping).await.is_ok() };
        tokio::time::timeout(duration, stopped).await.is_err()
    }

    /// Waits until a projection has come to a position, wherever it is folded.
    pub(crate) async fn await_position(
        &self,
        slot: &Slot,
        wanted: u64,
        patience: Duration,
    ) -> Result<(), Lagging> {
        let reached = |live: Option<Standing>| live.is_some_and(|live| live.checkpoint >= wanted);
        if reached(self.known(slot)) {
            return Ok(());
        }
        let mut live = slot.watch();
        slot.wanted.notify_one();
        let waiting = async {
            loop {
                // Moved by this process, or to be looked up because another one may have.
                let moved = async { live.wait_for(|live| reached(*live)).await.is_ok() };
                if tokio::time::timeout(POLL, moved).await == Ok(true) {
                    return;
                }
                // An error here is as good as no answer: what counts is the time that the caller gave.
                if reached(self.refresh(slot).await.unwrap_or(None)) {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(patience, waiting).await;
        waited.map_err(|_| Lagging {
            name: slot.name().to_owned(),
            wanted,
            checkpoint: slot.live().map_or(0, |live| live.checkpoint),
        })
    }
}
