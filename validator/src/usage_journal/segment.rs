//! Segments: numbered files of frames. The one with the highest number is running; all others are
//! closed and do not change until the log has them. Since there is always a running one, a number
//! is never forgotten and never used twice.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::aggregate::Bounds;
use super::buffers::Buffers;
use super::frame::{Contents, Frame};
use super::journal::Core;
use super::{Batch, BatchNumber, UsageJournalError};

const EXTENSION: &str = "usage";
/// What a frame keeps allocated while it is empty.
const KEPT: usize = 1 << 20;
/// What is kept of a batch's memory for the next one.
const MOST_SPARE: usize = 8 << 20;

/// The journal's folder and its running segment. One thread at a time.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    node: String,
    running: File,
    number: BatchNumber,
    written: u64,
    /// A write failed half-way: the file must be cut before the next one.
    torn: bool,
    frame: Frame,
    closed: VecDeque<BatchNumber>,
    longest: u64,
    _lock: File,
}

fn path_of(dir: &Path, number: BatchNumber) -> PathBuf {
    dir.join(format!("{number:020}.{EXTENSION}"))
}

/// Files hold addresses and paths of callers, so nobody else may read them.
fn create(path: &Path) -> Result<File, UsageJournalError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(UsageJournalError::io("open", path))
}

impl Disk {
    pub(super) fn open(dir: &Path, new_node: Uuid, longest: u64) -> Result<Self, UsageJournalError> {
        fs::create_dir_all(dir).map_err(UsageJournalError::io("create", dir))?;
        let lock = lock(&dir.join("lock"))?;
        let mut closed = numbers(dir)?;
        let node = node(dir, new_node, closed.is_empty())?;
        let newest = closed.pop_back().unwrap_or(1);
        let running = create(&path_of(dir, newest))?;
        let mut disk = Self {
            dir: dir.to_owned(),
            node,
            running,
            number: newest,
            written: 0,
            torn: false,
            frame: Frame::new(),
            closed,
            longest,
            _lock: lock,
        };
        disk.recover()?;
        Ok(disk)
    }

    /// Cuts the newest segment of the last run at its last whole frame, and closes it.
    fn recover(&mut self) -> Result<(), UsageJournalError> {
        let path = path_of(&self.dir, self.number);
        let bytes = fs::read(&path).map_err(UsageJournalError::io("read", &path))?;
        let length = bytes.len();
        let contents = Contents::read(bytes, |_, _| {})
            .map_err(|_| UsageJournalError::Unreadable { path: path.clone() })?;
        if contents.whole < length {
            tracing::warn!(path = %path.display(), bytes = length - contents.whole, "the usage journal ends in a broken frame, which is cut off");
        }
        self.written = u64::try_from(contents.whole).unwrap_or(u64::MAX);
        self.running.set_len(self.written).map_err(UsageJournalError::io("truncate", &path))?;
        self.close_running()
    }

    /// Writes what the buffers hold. What cannot be written is kept for the next time.
    /// Returns whether there was anything.
    pub(super) fn write(&mut self, buffers: &Buffers) -> Result<bool, UsageJournalError> {
        let mut wrote = !self.frame.is_empty();
        if wrote {
            self.write_frame()?;
        }
        let mut from = Some(0);
        while let Some(next) = from {
            // In parts: after a disk has stood still, all at once would be longer than a batch may be.
            from = buffers.drain(next, &mut self.frame, self.longest);
            if !self.frame.is_empty() {
                self.write_frame()?;
                wrote = true;
            }
        }
        Ok(wrote)
    }

    fn write_frame(&mut self) -> Result<(), UsageJournalError> {
        let path = || path_of(&self.dir, self.number);
        if self.torn {
            self.running.set_len(self.written).map_err(UsageJournalError::io("truncate", path()))?;
        }
        self.torn = true;
        let bytes = self.frame.seal();
        self.running.write_all(bytes).map_err(UsageJournalError::io("write", path()))?;
        self.torn = false;
        self.written += u64::try_from(bytes.len()).unwrap_or(0);
        self.frame.clear(KEPT);
        if self.written >= self.longest { self.close_running() } else { Ok(()) }
    }

    /// Closes the running segment if it holds anything, and begins the next one.
    fn close_running(&mut self) -> Result<(), UsageJournalError> {
        if self.written == 0 || self.torn {
            return Ok(());
        }
        let next = self.number + 1;
        self.running = create(&path_of(&self.dir, next))?;
        self.closed.push_back(self.number);
        self.number = next;
        self.written = 0;
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, UsageJournalError> {
    let file = create(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(UsageJournalError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => {
            Err(UsageJournalError::Io { action: "lock", path: path.to_owned(), source })
        }
    }
}

/// The numbers of the segments in a folder, in order.
fn numbers(dir: &Path) -> Result<VecDeque<BatchNumber>, UsageJournalError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(UsageJournalError::io("list", dir))? {
        let path = entry.map_err(UsageJournalError::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            numbers.extend(path.file_stem().and_then(|stem| stem.to_str()?.parse::<BatchNumber>().ok()));
        }
    }
    numbers.sort_unstable();
    Ok(numbers.into())
}

/// The node's id: the one on disk or, in a new journal, `new_node`.
fn node(dir: &Path, new_node: Uuid, new: bool) -> Result<String, UsageJournalError> {
    let path = dir.join("node");
    match fs::read_to_string(&path) {
        Ok(text) => match Uuid::try_parse(text.trim()) {
            Ok(node) => Ok(node.to_string()),
            Err(_) => Err(UsageJournalError::NoNode { path }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && new => {
            let draft = dir.join("node.new");
            fs::write(&draft, format!("{new_node}\n")).map_err(UsageJournalError::io("write", &draft))?;
            fs::rename(&draft, &path).map_err(UsageJournalError::io("rename", &draft))?;
            Ok(new_node.to_string())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(UsageJournalError::NoNode { path }),
        Err(source) => Err(UsageJournalError::Io { action: "read", path, source }),
    }
}

/// The way of decisions out of the journal, for one who ships them. Its calls do file IO.
#[derive(Debug)]
pub struct Segments {
    core: Arc<Core>,
    spare: Vec<u8>,
}

impl Segments {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, spare: Vec::new() }
    }

    /// The node's id, made when the journal was first opened.
    #[must_use]
    pub fn node(&self) -> String {
        self.core.disk().node.clone()
    }

    /// The number of the running segment, with everything written that was recorded: no batch with a higher one has begun.
    #[must_use]
    pub fn running(&self) -> BatchNumber {
        self.core.flush();
        self.core.disk().number
    }

    /// The oldest batch that is not [`Segments::done`], the same one until then, unless its number is above `newest`. When
    /// none is waiting, the running segment is closed if it holds anything; under a backlog it grows on, so that batches
    /// become fewer and not smaller.
    ///
    /// # Errors
    /// [`UsageJournalError`] when a segment cannot be closed or read. Nothing is lost by that; the
    /// next call tries again.
    pub fn next_up_to(&mut self, newest: BatchNumber) -> Result<Option<Batch>, UsageJournalError> {
        self.core.flush();
        let (node, dir, number) = {
            let mut disk = self.core.disk();
            if disk.closed.is_empty() && disk.number <= newest {
                disk.close_running()?;
            }
            let oldest = disk.closed.front().copied();
            let Some(number) = oldest.filter(|oldest| *oldest <= newest) else { return Ok(None) };
            (disk.node.clone(), disk.dir.clone(), number)
        };
        let path = path_of(&dir, number);
        let mut bytes = std::mem::take(&mut self.spare);
        let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
        let length = read.map_err(UsageJournalError::io("read", &path))?;
        let batch = Batch::read(node, number, bytes, Bounds::NONE)
            .map_err(|_| UsageJournalError::Unreadable { path: path.clone() })?;
        if batch.contents.whole < length {
            tracing::error!(path = %path.display(), bytes = length - batch.contents.whole, "a usage segment is damaged; what follows the damage is lost");
        }
        Ok(Some(batch))
    }

    /// Forgets a batch that the log has. Doing so twice is no error.
    ///
    /// # Errors
    /// [`UsageJournalError`] when the file cannot be deleted; the batch is then delivered again.
    pub fn done(&mut self, batch: Batch) -> Result<(), UsageJournalError> {
        let mut disk = self.core.disk();
        if !disk.closed.contains(&batch.number) {
            return Ok(());
        }
        let path = path_of(&disk.dir, batch.number);
        fs::remove_file(&path).map_err(UsageJournalError::io("delete", &path))?;
        disk.closed.retain(|number| *number != batch.number);
        // Memory that comes from the system has to be cleared by it first: that would be a good part of the way into the log.
        self.spare = batch.contents.into_spare();
        self.spare.shrink_to(MOST_SPARE);
        Ok(())
    }

    /// How many closed segments wait for the log.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.core.disk().closed.len()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
impl Segments {
    /// From now on every write fails with "no space left on device".
    pub(super) fn fill_disk(&mut self) {
        let mut disk = self.core.disk();
        disk.running = OpenOptions::new().write(true).open("/dev/full").unwrap();
    }

    /// Writing works again.
    pub(super) fn free_disk(&mut self) {
        let mut disk = self.core.disk();
        disk.running = create(&path_of(&disk.dir, disk.number)).unwrap();
    }
}
