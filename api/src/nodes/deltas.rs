//! The latest stretches of the log as nodes get them: one list that every stream reads from its own place, each delta written
//! as a message once for all nodes that serve the same dialects.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use actix_web::web::Bytes;
use nexus_domain::validity::DialectEntry;
use nexus_infrastructure::dialects::MANAGEMENT;
use nexus_validator::control::message::{Delta, ToNode};
use tokio::sync::watch;

/// Entries that are kept for nodes that come back. Those that need older ones are served from the log.
const KEPT: usize = 100_000;

/// Kinds of nodes, by what they serve, for which a message is kept as it was written. For further ones it is written again.
const MOST_WRITTEN: usize = 4;

/// The dialects that a node serves. The platform's own is always among them: its credentials are what callers of
/// `POST /v1/verify` show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served(BTreeSet<String>);

impl Served {
    /// These dialects, and the platform's own.
    pub fn new(dialects: impl IntoIterator<Item = String>) -> Self {
        Self(dialects.into_iter().chain([MANAGEMENT.to_owned()]).collect())
    }

    /// Whether entries of a dialect are for the node.
    #[must_use]
    pub fn has(&self, dialect: &str) -> bool {
        self.0.contains(dialect)
    }
}

/// A stretch of the log that changed validity.
#[derive(Debug)]
pub struct Stretch {
    /// The end of the stretch before.
    pub from: u64,
    /// The last position in it that changed validity.
    pub to: u64,
    /// The state of what changed.
    pub entries: Vec<DialectEntry>,
    written: Mutex<Vec<(Arc<Served>, Bytes)>>,
}

impl Stretch {
    fn new(from: u64, to: u64, entries: Vec<DialectEntry>) -> Self {
        Self { from, to, entries, written: Mutex::default() }
    }

    /// The message for a node that serves these dialects, as [`Deltas::serving`] has them, from its place in the log on.
    ///
    /// # Errors
    /// What serde says; entries can always be written.
    pub fn message(&self, served: &Arc<Served>) -> Result<Bytes, serde_json::Error> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = written.iter().find(|(of, _)| Arc::ptr_eq(of, served)) {
            return Ok(bytes.clone());
        }
        let entries = self.entries.iter().filter(|held| served.has(&held.dialect));
        let entries = entries.map(|held| held.entry.clone()).collect();
        let delta = ToNode::Delta(Delta { from: self.from, to: self.to, entries });
        let bytes = Bytes::from(serde_json::to_vec(&delta)?);
        if written.len() < MOST_WRITTEN {
            written.push((Arc::clone(served), bytes.clone()));
        }
        Ok(bytes)
    }
}

/// What a stream has to send to be at the list's end.
#[derive(Debug)]
pub struct Missed {
    /// In order; none: it is there. Nothing: it needs older ones than are kept.
    pub stretches: Option<Vec<Arc<Stretch>>>,
    /// Where the list ended at the same instant.
    pub ends: Ends,
}

#[derive(Debug)]
struct Kept {
    stretches: VecDeque<Arc<Stretch>>,
    entries: usize,
    /// Where the first of them begins.
    oldest: u64,
    /// Where the last of them ends: the last position that changed validity.
    newest: u64,
    /// How far the log has been read.
    read: u64,
}

impl Kept {
    const fn ends(&self) -> Ends {
        Ends { oldest: self.oldest, newest: self.newest, read: self.read }
    }
}

/// The list. One writer, the feed of the API node's own table.
#[derive(Debug)]
pub struct Deltas {
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
    read: watch::Sender<u64>,
    /// What nodes serve that have a stream: one for all that serve the same.
    served: Mutex<Vec<Weak<Served>>>,
}

impl Deltas {
    /// A list that begins at a position: what is before it is in the snapshot.
    #[must_use]
    pub fn from(position: u64) -> Self {
        let kept = Kept {
            stretches: VecDeque::new(),
            entries: 0,
            oldest: position,
            newest: position,
            read: position,
        };
        Self {
            kept: Mutex::new(kept),
            newest: watch::Sender::new(position),
            read: watch::Sender::new(position),
            served: Mutex::default(),
        }
    }

    /// These dialects, and the platform's own: the same value for all that serve the same, so that each message is written once.
    pub fn serving(&self, dialects: impl IntoIterator<Item = String>) -> Arc<Served> {
        let wanted = Served::new(dialects);
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.retain(|known| known.strong_count() > 0);
        if let Some(known) = served.iter().filter_map(Weak::upgrade).find(|known| **known == wanted) {
            return known;
        }
        let wanted = Arc::new(wanted);
        served.push(Arc::downgrade(&wanted));
        wanted
    }

    /// Adds what the log holds behind the last call, up to `read`. `to` is the last position that changed validity, with the
    /// state of all that changed. For after the own table shows it.
    pub fn extend(&self, changed: Option<(u64, Vec<DialectEntry>)>, read: u64) {
        let mut kept = self.kept();
        let moved = changed.is_some();
        if let Some((to, entries)) = changed {
            kept.entries += entries.len();
            let from = kept.newest;
            kept.stretches.push_back(Arc::new(Stretch::new(from, to, entries)));
            kept.newest = to;
        }
        kept.read = read.max(kept.read);
        while kept.entries > KEPT
            && let Some(first) = kept.stretches.pop_front()
        {
            kept.entries -= first.entries.len();
            kept.oldest = first.to;
        }
        let (newest, read) = (kept.newest, kept.read);
        drop(kept);
        if moved {
            self.newest.send_replace(newest);
        }
        self.read.send_replace(read);
    }

    /// What a node that has everything up to `place` misses.
    #[must_use]
    pub fn after(&self, place: u64) -> Missed {
        let kept = self.kept();
        let stretches = (place >= kept.oldest).then(|| {
            let first = kept.stretches.partition_point(|stretch| stretch.to <= place);
            kept.stretches.range(first..).cloned().collect()
        });
        Missed { stretches, ends: kept.ends() }
    }

    /// Where the list ends.
    #[must_use]
    pub fn ends(&self) -> Ends {
        self.kept().ends()
    }

    /// Moves with each stretch, to its end.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Moves whenever more of the log has been read.
    #[must_use]
    pub fn read(&self) -> watch::Receiver<u64> {
        self.read.subscribe()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the list begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Whoever has everything up to here finds the rest in the list.
    pub oldest: u64,
    /// The last position that changed validity.
    pub newest: u64,
    /// How far the log has been read.
    pub read: u64,
}
