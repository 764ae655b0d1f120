//! What the cache's thread does, one piece of work after the other.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::file::{Frames, Header, Reader, VERSION};
use crate::Validator;
use crate::control::message::{Delta, ToNode};

pub(super) const FILE: &str = "cache";
pub(super) const DRAFT: &str = "cache.new";
/// What may be added to a snapshot before it is better to fetch another one.
const MOST_ADDED: u64 = 256 << 20;

/// What there is to do.
#[derive(Debug)]
pub(super) enum Work {
    /// What was kept is forgotten, as [`Kept::forget`] counts it, and a snapshot of this log comes.
    Begin { log: Uuid, forgotten: u64 },
    /// A piece of the snapshot, or a delta that continues what is there.
    Message { text: String, reached: u64 },
    /// The snapshot is whole.
    Whole,
    /// Nothing changed up to here but what came.
    Reached(u64),
    /// What comes next has a gap before it.
    GiveUp,
}

impl Work {
    /// What it takes in memory, but for a few bytes.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Message { text, .. } => text.len(),
            Self::Begin { .. } | Self::Whole | Self::Reached(_) | Self::GiveUp => 0,
        }
    }
}

/// The file that a restart reads, between the thread that writes it and whoever is told to forget what it holds.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    /// How often it was forgotten. Whoever changes this, or brings a file into place, holds it until the file is so.
    forgotten: Mutex<u64>,
}

impl Kept {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), forgotten: Mutex::default() }
    }

    /// Removes the file, before this returns and for good: the thread may have far to go until it hears of it, and what it still
    /// has to finish does not come into place any more. Tells how often that was done.
    pub(super) fn forget(&self) -> u64 {
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        remove(&self.folder, FILE);
        *forgotten
    }

    /// Makes a whole draft the file, unless it was forgotten since.
    fn replace(&self, forgotten: u64) -> io::Result<bool> {
        let now = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = *now == forgotten;
        if holds {
            fs::rename(self.folder.join(DRAFT), self.folder.join(FILE))?;
        }
        Ok(holds)
    }
}

fn remove(folder: &Path, name: &str) {
    if let Err(error) = fs::remove_file(folder.join(name))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, name, folder = %folder.display(), "a part of the node's cache cannot be removed");
    }
}

/// The cache's files.
#[derive(Debug)]
pub(super) struct Writer {
    kept: Arc<Kept>,
    /// How often the file had been forgotten when what is being written was begun.
    forgotten: u64,
    folder: PathBuf,
    dialects: Vec<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is added: nothing came yet, something was left out, or the disk took no more.
    Idle,
    /// A snapshot is being written down.
    Drafting(Frames),
    /// What changes is added.
    Adding(Frames),
}

impl Writer {
    pub(super) fn new(folder: &Path, dialects: Vec<String>) -> Self {
        let kept = Arc::new(Kept::new(folder));
        Self { kept, forgotten: 0, folder: folder.to_owned(), dialects, state: State::Idle }
    }

    /// The file, for whoever is told to forget it.
    pub(super) const fn kept(&self) -> &Arc<Kept> {
        &self.kept
    }

    /// Fills a validator from the file, and goes on behind it. Tells the log that it is of.
    pub(super) fn load(&mut self, validator: &Validator) -> io::Result<Option<Uuid>> {
        let file = match OpenOptions::new().read(true).write(true).open(self.folder.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut frames = Reader::new(file);
        let Some(header) = frames.next()? else { return Ok(None) };
        let header: Header = serde_json::from_slice(&header)?;
        if header.version != VERSION || header.dialects != self.dialects {
            return Ok(None);
        }
        let mut snapshot = 0;
        while let Some(text) = frames.next()? {
            match serde_json::from_slice(&text)? {
                ToNode::Snapshot { entries, complete } => {
                    validator.load(entries, complete);
                    snapshot = frames.whole;
                }
                ToNode::Delta(Delta { from, to, entries }) if from <= validator.applied() => {
                    validator.apply(entries, to);
                }
                _ => return Err(io::Error::other("the cache has a gap")),
            }
        }
        let reached = validator.applied();
        if reached == 0 {
            return Ok(None);
        }
        let Reader { reader, whole } = frames;
        let mut file = reader.into_inner();
        // What stands behind the last whole frame was cut off by a crash.
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        let most = snapshot.saturating_add(MOST_ADDED);
        self.state = State::Adding(Frames { file, written: whole, most, reached });
        Ok(Some(header.log))
    }

    pub(super) fn take(&mut self, work: Work) {
        match work {
            Work::Begin { log, forgotten } => self.begin(log, forgotten),
            Work::Message { text, reached } => self.write(|frames| frames.add(text.as_bytes(), reached)),
            Work::Whole => self.complete(),
            Work::Reached(position) => self.write(|frames| frames.add_reached(position)),
            // The file stays as it is, where there is a whole one: it is behind, and is continued from there.
            Work::GiveUp => {
                self.state = State::Idle;
                self.remove(&[DRAFT]);
            }
        }
    }

    fn begin(&mut self, log: Uuid, forgotten: u64) {
        self.forgotten = forgotten;
        self.state = match self.draft(log) {
            Ok(frames) => State::Drafting(frames),
            Err(error) => {
                tracing::warn!(%error, folder = %self.folder.display(), "the node has no cache");
                State::Idle
            }
        };
    }

    fn draft(&self, log: Uuid) -> io::Result<Frames> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // It holds names and addresses of others' credentials.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.folder.join(DRAFT))?;
        let mut frames = Frames { file, written: 0, most: u64::MAX, reached: 0 };
        let header = Header { version: VERSION, log, dialects: self.dialects.clone() };
        frames.add(&serde_json::to_vec(&header)?, 0)?;
        Ok(frames)
    }

    fn complete(&mut self) {
        if let State::Drafting(mut frames) = std::mem::replace(&mut self.state, State::Idle) {
            frames.most = frames.written.saturating_add(MOST_ADDED);
            self.state = State::Adding(frames);
            let (kept, forgotten) = (Arc::clone(&self.kept), self.forgotten);
            let mut in_place = true;
            // The other way round, a power failure could leave the name without the contents.
            self.write(|frames| {
                frames.file.sync_all()?;
                in_place = kept.replace(forgotten)?;
                Ok(())
            });
            if !in_place {
                self.state = State::Idle;
            }
        }
    }

    /// Does something with the file, and gives it up where that fails: the node goes on without.
    fn write(&mut self, work: impl FnOnce(&mut Frames) -> io::Result<()>) {
        let (State::Drafting(frames) | State::Adding(frames)) = &mut self.state else { return };
        let outcome = work(frames);
        let full = frames.written > frames.most;
        if let Err(error) = &outcome {
            tracing::warn!(%error, folder = %self.folder.display(), "the node's cache cannot be written; a restart fetches everything anew");
        }
        if outcome.is_err() || full {
            self.state = State::Idle;
            self.remove(&[FILE, DRAFT]);
        }
    }

    fn remove(&self, names: &[&str]) {
        for name in names {
            remove(&self.folder, name);
        }
    }

    #[cfg(test)]
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }
}
