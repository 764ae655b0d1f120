//! The node's disk cache: what the control stream brought, as it came, so that a restart need not fetch everything anew. It seeds
//! data and never the right to answer.
//!
//! A thread of its own writes it. Whoever takes in changes hands them over and goes on: a disk that stands still costs the cache,
//! and no acknowledgement waits for it. What is on disk is therefore behind, and always a beginning of what came: it ends where it
//! says that it ends, wherever the process or the machine stopped.
//!
//! What the node is told to forget is removed at once, without the thread: were it to come back with a crash while the snapshot
//! comes, a log that lost its end, and has grown again since, would be continued from what it never had. The node holds no right to
//! answer then, so a disk that stands still costs time and no more. What is not promised: that it is gone for good where the machine
//! loses its power in the moments until the file system has noted it.

mod file;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use uuid::Uuid;

use self::writer::{Kept, Work, Writer};
use crate::Validator;
use crate::clock::Clock;
use crate::control::observer::Observer;

/// Bytes of messages that wait for the disk at most, but for a single one that is larger. Beyond that the cache is given up.
const MOST_WAITING: usize = 64 << 20;
/// How often it is noted how far a log has come in which nothing changes.
const REACHED_EVERY: Duration = Duration::from_secs(30);

/// A cache that is written to.
#[derive(Debug)]
pub struct DiskCache {
    clock: Arc<dyn Clock>,
    kept: Arc<Kept>,
    /// Absent once the thread is to end.
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    /// Bytes of messages that were handed over and are not written.
    waiting: Arc<AtomicUsize>,
    /// Something was left out, so that nothing behind it may be written before the next snapshot.
    gave_up: bool,
    /// How far the log has come, and how far what was handed over tells so.
    reached: u64,
    told: u64,
    told_at: Duration,
}

impl DiskCache {
    /// Fills a validator from the cache in a folder, and goes on with it. Tells the log that it is of; absent: there is no cache
    /// of what the validator serves, or it is damaged. Blocks while it reads. The folder is for one cache at a time, until it is
    /// dropped, which blocks until everything is written.
    pub fn open(folder: &Path, validator: &Validator, clock: Arc<dyn Clock>) -> (Self, Option<Uuid>) {
        let dialects: Vec<String> = validator.dialects().iter().map(|dialect| dialect.name.clone()).collect();
        let mut writer = Writer::new(folder, dialects);
        let log = writer.load(validator).unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %folder.display(), "the node's cache cannot be used; everything is fetched anew");
            None
        });
        if log.is_none() {
            // A part of a snapshot may have been there.
            validator.clear();
        }
        let waiting = Arc::default();
        let mut cache = Self {
            told: validator.applied(),
            reached: validator.applied(),
            told_at: clock.boottime(),
            clock,
            kept: Arc::clone(writer.kept()),
            work: None,
            thread: None,
            gave_up: false,
            waiting,
        };
        if let Err(error) = cache.start(writer) {
            tracing::warn!(%error, folder = %folder.display(), "the node's cache is not written: it has no thread");
        }
        (cache, log)
    }

    fn start(&mut self, mut writer: Writer) -> io::Result<()> {
        let (work, waits) = mpsc::channel::<Work>();
        let waiting = Arc::clone(&self.waiting);
        let write = move || {
            for work in waits {
                let bytes = work.bytes();
                writer.take(work);
                waiting.fetch_sub(bytes, Ordering::AcqRel);
            }
        };
        self.thread = Some(thread::Builder::new().name("node-cache".to_owned()).spawn(write)?);
        self.work = Some(work);
        Ok(())
    }

    fn hand_over(&self, work: Work) {
        let Some(thread) = &self.work else { return };
        self.waiting.fetch_add(work.bytes(), Ordering::AcqRel);
        // A thread that died has said so on stderr, and the file is a beginning all the same.
        let _died = thread.send(work);
    }

    fn has_room_for(&self, text: &str) -> bool {
        let waiting = self.waiting.load(Ordering::Acquire);
        waiting == 0 || waiting.saturating_add(text.len()) <= MOST_WAITING
    }

    /// Has it written how far the log has come, where that is not clear from what was handed over.
    fn tell(&mut self) {
        if self.gave_up || self.reached <= self.told {
            return;
        }
        self.hand_over(Work::Reached(self.reached));
        (self.told, self.told_at) = (self.reached, self.clock.boottime());
    }
}

impl Observer for DiskCache {
    fn loading(&mut self, log: Uuid) {
        (self.gave_up, self.reached, self.told) = (false, 0, 0);
        let forgotten = self.kept.forget();
        self.hand_over(Work::Begin { log, forgotten });
    }

    fn message(&mut self, text: &str, reached: u64) {
        if self.gave_up {
            return;
        }
        if !self.has_room_for(text) {
            tracing::warn!(
                "the disk is too slow for the node's cache; it stays behind until the next snapshot"
            );
            self.gave_up = true;
            self.hand_over(Work::GiveUp);
            return;
        }
        // A delta may begin where a grant has led, and the file must not have a gap before it.
        self.tell();
        self.hand_over(Work::Message { text: text.to_owned(), reached });
        self.reached = reached.max(self.reached);
        self.told = self.reached;
    }

    fn loaded(&mut self) {
        self.hand_over(Work::Whole);
    }

    fn reached(&mut self, position: u64) {
        self.reached = position.max(self.reached);
        if self.clock.boottime().saturating_sub(self.told_at) >= REACHED_EVERY {
            self.tell();
        }
    }
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        self.tell();
        self.work = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the node's cache died");
        }
    }
}

#[cfg(test)]
mod tests;
