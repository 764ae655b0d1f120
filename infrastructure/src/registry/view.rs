//! A current view of the registry for everybody in a process who waits for other API nodes: one reader for all of them,
//! woken by announcements, and by the clock where none comes.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{ApiNode, CHANNEL, Registry};
use crate::database::listen::{self, Heard};
use crate::database::{Database, DatabaseError};

/// How old a view gets while somebody waits for a change, should no announcement come.
const AWAITED: Duration = Duration::from_millis(250);
/// How old a view gets otherwise.
const IDLE: Duration = Duration::from_secs(1);
/// How long a read may take. A connection that stands still must not keep everybody who shares the reader from the others.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// All registrations at one instant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct View {
    /// In the order in which their processes started; see [`Registry::list`].
    pub nodes: Arc<[ApiNode]>,
    /// Counts the reads of this watch: a higher one began later.
    pub read: u64,
}

/// The view that the process has of the registry. Cheap to clone.
///
/// The task behind it ends with its `stop`, and with the last clone. What is asked after that is read directly, so that
/// requests which are being finished still get their answers.
#[derive(Debug, Clone)]
pub struct RegistryWatch {
    shared: Arc<Shared>,
    seen: watch::Receiver<Seen>,
    _task: Arc<EndsWithUs>,
}

#[derive(Debug)]
struct Shared {
    registry: Registry,
    /// How many have asked for a fresh view: each of them holds a number, from 1.
    asked: AtomicU64,
    /// How many wait for a change.
    waiting: AtomicUsize,
    /// Tells the reader that one of the two has grown.
    wake: Notify,
    /// How many reads have begun.
    reads: AtomicU64,
}

/// What the reader has to show.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Whoever asked with this number or a lower one had asked before the last read began.
    asked: u64,
    /// Why the last read failed, if it did.
    failure: Option<DatabaseError>,
    /// What the last read that succeeded found.
    view: Option<View>,
}

#[derive(Debug)]
struct EndsWithUs(AbortHandle);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RegistryWatch {
    /// Starts to watch, on the runtime that this is called from, until `stop` turns true or its sender is gone.
    #[must_use]
    pub fn start(registry: Registry, stop: watch::Receiver<bool>) -> Self {
        let shared = Arc::new(Shared {
            registry,
            asked: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            wake: Notify::new(),
            reads: AtomicU64::new(0),
        });
        let (sender, seen) = watch::channel(Seen::default());
        let task = tokio::spawn(run(Arc::clone(&shared), sender, stop));
        Self { shared, seen, _task: Arc::new(EndsWithUs(task.abort_handle())) }
    }

    /// A view whose read began after the call: whoever has committed before it sees every registration that was committed
    /// before that. Any number of callers costs one read at a time; those who ask while one is under way share the next.
    ///
    /// Fails with what that read failed with. A read may take 2 s, and the one under way before it as long.
    pub async fn fresh(&self) -> Result<View, DatabaseError> {
        // The number is drawn after whatever the caller did and the reader looks at the numbers before it reads.
        let number = self.shared.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.shared.wake.notify_one();
        let mut seen = self.seen.clone();
        let answer = match seen.wait_for(|seen| seen.asked >= number).await {
            Ok(seen) => (seen.failure.clone(), seen.view.clone()),
            Err(_) => (None, None),
        };
        match answer {
            (Some(error), _) => Err(error),
            (None, Some(view)) => Ok(view),
            // The reader is gone.
            (None, None) => self.shared.read().await,
        }
    }

    /// A view that was read later than the one of this number: as soon as there was an announcement that it may have missed, otherwise
    /// within 250 ms, so it need not differ. While the store fails it waits; the caller knows for how long.
    pub async fn changed_after(&self, read: u64) -> View {
        let _waiting = Waiting::announce(&self.shared);
        let mut seen = self.seen.clone();
        let newer = |seen: &Seen| seen.view.as_ref().is_some_and(|new| new.read > read);
        let found = match seen.wait_for(newer).await {
            Ok(seen) => seen.view.clone(),
            Err(_) => None,
        };
        match found {
            Some(view) => view,
            None => self.shared.read_patiently().await,
        }
    }
}

/// Counts who waits, also when their future is dropped.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn announce(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::SeqCst);
        shared.wake.notify_one();
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    async fn read(&self) -> Result<View, DatabaseError> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        match tokio::time::timeout(READ_WITHIN, self.registry.list()).await {
            Ok(nodes) => Ok(View { nodes: nodes?.into(), read }),
            Err(_) => Err(DatabaseError::timed_out()),
        }
    }

    async fn read_patiently(&self) -> View {
        loop {
            tokio::time::sleep(AWAITED).await;
            if let Ok(view) = self.read().await {
                return view;
            }
        }
    }
}

async fn run(shared: Arc<Shared>, seen: watch::Sender<Seen>, mut stop: watch::Receiver<bool>) {
    let listener = listen(&shared.registry);
    // All in one task, so that none of them outlives the others.
    tokio::select! {
        // An error says that the sender is gone, which is a stop too.
        _ = stop.wait_for(|stop| *stop) => {}
        never = listener => match never {},
        never = read_for_all(&shared, &seen) => match never {},
    }
}

/// On SQLite there is one process, and whoever changes something tells it.
async fn listen(registry: &Registry) -> Infallible {
    match &registry.database {
        // Both wake: what was announced while nobody listened may matter as well.
        Database::Postgres(pool) => {
            let wake = |heard: Heard<'_>| match heard {
                Heard::Listening | Heard::Announced(_) => registry.heard(),
            };
            listen::listen(pool.clone(), CHANNEL, wake).await
        }
        Database::Sqlite(_) => pending().await,
    }
}

async fn read_for_all(shared: &Shared, seen: &watch::Sender<Seen>) -> Infallible {
    let mut changes = shared.registry.changes.subscribe();
    let mut failing = false;
    loop {
        // Before the read, in this order: what comes afterwards calls for the next one.
        changes.mark_unchanged();
        let asked = shared.asked.load(Ordering::SeqCst);
        let outcome = shared.read().await;
        if let Err(error) = &outcome
            && !failing
        {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the registry of API nodes cannot be read"
            );
        }
        failing = outcome.is_err();
        seen.send_modify(|seen| {
            seen.asked = asked;
            match outcome {
                Ok(view) => (seen.failure, seen.view) = (None, Some(view)),
                Err(error) => seen.failure = Some(error),
            }
        });
        due(shared, asked, &mut changes).await;
    }
}

/// Waits until there is a reason to read again after a read that served the first `asked` callers.
async fn due(shared: &Shared, asked: u64, changes: &mut watch::Receiver<u64>) {
    let now = Instant::now();
    // The sender stands in the registry and outlives this.
    while shared.asked.load(Ordering::SeqCst) == asked {
        let awaited = shared.waiting.load(Ordering::SeqCst) > 0;
        let pause = if awaited { AWAITED } else { IDLE };
        tokio::select! {
            // Somebody asks or waits: the conditions are looked at again. One that came before this is kept.
            () = shared.wake.notified() => {}
            // While nobody waits, changes stay unread; who comes then has them read at once.
            _ = changes.changed(), if awaited => return,
            () = tokio::time::sleep_until(now + pause) => return,
        }
    }
}
