//! The journal's handle for the request path, and the thread that writes.

use std::error::Error as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use uuid::Uuid;

use nexus_domain::verification::Code;

use super::UsageJournalError;
use super::buffers::{Buffers, Kept};
use super::record::UsageRecord;
use super::segment::{Disk, Segments};

/// Rounds without a record after which the writer sleeps until there is one.
const IDLE_ROUNDS: u32 = 300;
/// How long the writer waits after a failed write.
const RETRY: Duration = Duration::from_millis(100);

/// How a journal is run.
#[derive(Debug, Clone)]
pub struct UsageJournalOptions {
    /// The node's id if the journal is new; a journal that exists keeps its own.
    pub node: Uuid,
    /// How many bytes of decisions are held in memory at most while the disk takes none; more are
    /// dropped and counted.
    pub memory: usize,
    /// From how many bytes on a segment is closed even though nobody asks for it.
    pub segment: u64,
    /// How long a decision stays in memory when all is well. A crash loses no more than that.
    pub interval: Duration,
}

impl UsageJournalOptions {
    /// 64 MiB of memory, segments of 4 MiB, written every 3 ms.
    #[must_use]
    pub const fn new(node: Uuid) -> Self {
        Self { node, memory: 64 << 20, segment: 4 << 20, interval: Duration::from_millis(3) }
    }
}

/// Records decisions. Clones are cheap and write to the same journal, which is written out when
/// the last one is dropped.
#[derive(Debug, Clone)]
pub struct UsageJournal {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
    writer: Thread,
    running: Mutex<Option<JoinHandle<()>>>,
}

/// What the request path, the writer and [`Segments`] share.
#[derive(Debug)]
pub(super) struct Core {
    buffers: Buffers,
    kept: Kept,
    disk: Mutex<Disk>,
    failure: Mutex<Option<String>>,
    asleep: AtomicBool,
    closing: AtomicBool,
}

impl UsageJournal {
    /// Opens the journal in a folder of its own, or begins one. A segment that a crash left is cut
    /// at its last whole frame and delivered; batches that were not done are delivered again.
    ///
    /// # Errors
    /// [`UsageJournalError`]
    pub fn open(dir: &Path, options: &UsageJournalOptions) -> Result<(Self, Segments), UsageJournalError> {
        let core = Arc::new(Core {
            // Half for the buffers, half for the frame that could not be written.
            buffers: Buffers::new(options.memory / 2),
            kept: Kept::default(),
            disk: Mutex::new(Disk::open(dir, options.node, options.segment)?),
            failure: Mutex::new(None),
            asleep: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        });
        let (shared, interval) = (Arc::clone(&core), options.interval);
        let writer = thread::Builder::new()
            .name("usage-journal".to_owned())
            .spawn(move || shared.write_until_closing(interval))
            .map_err(UsageJournalError::io("start a writer for", dir))?;
        let handle = Handle {
            core: Arc::clone(&core),
            writer: writer.thread().clone(),
            running: Mutex::new(Some(writer)),
        };
        Ok((Self { handle: Arc::new(handle) }, Segments::new(core)))
    }

    /// Records a decision. Never waits for the disk and never fails: while memory is used up,
    /// decisions are dropped and counted in [`UsageJournal::dropped`]. Of refusals, those beyond 100
    /// in a second are recorded without particulars: whoever holds no valid credential cannot fill
    /// the disk.
    pub fn record(&self, record: &UsageRecord<'_>) {
        let counted_only = record.code != Code::Valid && !self.handle.core.kept.one_more(record.at);
        self.push(record, counted_only);
    }

    /// Records a decision without particulars: whose it was and how it ended.
    pub fn count(&self, record: &UsageRecord<'_>) {
        self.push(record, true);
    }

    fn push(&self, record: &UsageRecord<'_>, counted_only: bool) {
        let core = &self.handle.core;
        core.buffers.push(|buffer| record.encode(counted_only, buffer));
        // The load spares all but the first of a quiet time from writing to a shared cache line.
        if core.asleep.load(Ordering::SeqCst) && core.asleep.swap(false, Ordering::SeqCst) {
            self.handle.writer.unpark();
        }
    }

    /// Why decisions cannot be written just now, for people; absent when all is well.
    #[must_use]
    pub fn alarm(&self) -> Option<String> {
        let failure = self.handle.core.failure().clone()?;
        Some(match self.dropped() {
            0 => format!("usage journal: {failure}; decisions are held in memory"),
            dropped => format!("usage journal: {failure}; {dropped} decisions were not recorded"),
        })
    }

    /// How many decisions were dropped since the journal was opened. Exact.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.handle.core.buffers.dropped()
    }

    /// Writes out what is in memory and stops writing. What is recorded afterwards is written when
    /// the last handle is dropped. Blocks for one write.
    pub fn close(&self) {
        self.handle.close();
    }
}

impl Handle {
    fn close(&self) {
        self.core.closing.store(true, Ordering::SeqCst);
        self.writer.unpark();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if running.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the usage journal's writer died");
        }
        self.core.flush();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

/// What came of a round of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    Wrote,
    Idle,
    Failed,
}

impl Core {
    pub(super) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is in memory. A failure raises the alarm, and the next success ends it.
    pub(super) fn flush(&self) -> Round {
        let written = self.disk().write(&self.buffers);
        let mut failure = self.failure();
        match written {
            Ok(wrote) => {
                if failure.take().is_some() {
                    tracing::info!(dropped = self.buffers.dropped(), "the usage journal is written again");
                }
                if wrote { Round::Wrote } else { Round::Idle }
            }
            Err(error) => {
                let text =
                    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
                if failure.is_none() {
                    tracing::error!(error = %text, "the usage journal cannot be written; validation goes on");
                }
                *failure = Some(text);
                Round::Failed
            }
        }
    }

    fn write_until_closing(&self, interval: Duration) {
        let mut idle = 0;
        while !self.closing.load(Ordering::SeqCst) {
            match self.flush() {
                Round::Failed => {
                    thread::park_timeout(RETRY);
                    continue;
                }
                Round::Wrote => idle = 0,
                Round::Idle => idle += 1,
            }
            if idle < IDLE_ROUNDS {
                thread::park_timeout(interval);
                continue;
            }
            idle = 0;
            self.asleep.store(true, Ordering::SeqCst);
            // Whoever recorded before this look did not see the flag, whoever comes after does:
            // the buffer's lock orders the two.
            if self.flush() == Round::Idle && !self.closing.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
    }
}
