//! The node's disk cache: what the control stream brought, as it came, so that a restart need not fetch everything anew. It seeds
//! data and never the right to answer.
//!
//! A file of frames: length (4 bytes, little endian), CRC-32 (IEEE) of what follows, a JSON text. The first text is a
//! [`Header`], the others are messages of the stream. A frame is whole or, after a crash in the middle of a write, the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Validator;
use crate::control::message::{Delta, LONGEST_FRAME, ToNode};
use crate::control::observer::Observer;

const FILE: &str = "cache";
const DRAFT: &str = "cache.new";
const VERSION: u32 = 1;
/// What may be added to a snapshot before it is better to fetch another one.
const MOST_ADDED: u64 = 256 << 20;
/// How often it is noted how far a log has come in which nothing changes.
const REACHED_EVERY: Duration = Duration::from_secs(30);

/// What a cache is of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    version: u32,
    log: Uuid,
    dialects: Vec<String>,
}

/// A cache that is written to.
#[derive(Debug)]
pub struct DiskCache {
    folder: PathBuf,
    dialects: Vec<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is kept: nothing came yet, or the disk took no more.
    Nothing,
    /// A snapshot is being written down.
    Drafting(Writer),
    /// What changes is added.
    Adding(Writer),
}

#[derive(Debug)]
struct Writer {
    file: File,
    /// Bytes so far, and what it may become.
    written: u64,
    most: u64,
    /// How far the log had come, as the file says.
    reached: u64,
    noted: Instant,
}

impl DiskCache {
    /// Fills a validator from the cache in a folder, and goes on with it. Tells the log that it is of; absent: there is no cache
    /// of what the validator serves, or it is damaged. Blocks while it reads.
    pub fn open(folder: &Path, validator: &Validator) -> (Self, Option<Uuid>) {
        let dialects: Vec<String> = validator.dialects().iter().map(|dialect| dialect.name.clone()).collect();
        let mut cache = Self { folder: folder.to_owned(), dialects, state: State::Nothing };
        match cache.load(validator) {
            Ok(log) => (cache, log),
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "the node's cache cannot be used; everything is fetched anew");
                validator.clear();
                (cache, None)
            }
        }
    }

    fn load(&mut self, validator: &Validator) -> io::Result<Option<Uuid>> {
        let path = self.folder.join(FILE);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut frames = Frames { reader: BufReader::with_capacity(1 << 20, file), whole: 0 };
        let Some(header) = frames.next()? else { return Ok(None) };
        let header: Header = serde_json::from_slice(&header)?;
        if header.version != VERSION || header.dialects != self.dialects {
            return Ok(None);
        }
        let mut snapshot = 0;
        while let Some(text) = frames.next()? {
            match serde_json::from_slice(&text)? {
                ToNode::Snapshot { entries, complete } => {
                    validator.apply(entries, complete.unwrap_or(0));
                    snapshot = frames.whole;
                }
                ToNode::Delta(Delta { from, to, entries }) if from <= validator.applied() => {
                    validator.apply(entries, to);
                }
                _ => return Err(io::Error::other("the cache has a gap")),
            }
        }
        if validator.applied() == 0 {
            return Ok(None);
        }
        let Frames { reader, whole } = frames;
        let mut file = reader.into_inner();
        // What stands behind the last whole frame was cut off by a crash.
        file.set_len(whole)?;
        io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        let reached = validator.applied();
        let most = snapshot.saturating_add(MOST_ADDED);
        self.state = State::Adding(Writer { file, written: whole, most, reached, noted: now() });
        Ok(Some(header.log))
    }

    /// Does something with the file, and gives it up where that fails: the node goes on without.
    fn write(&mut self, work: impl FnOnce(&mut Writer) -> io::Result<()>) {
        let (State::Drafting(writer) | State::Adding(writer)) = &mut self.state else { return };
        let outcome = work(writer);
        let full = writer.written > writer.most;
        if let Err(error) = &outcome {
            tracing::warn!(%error, folder = %self.folder.display(), "the node's cache cannot be written; a restart fetches everything anew");
        }
        if outcome.is_err() || full {
            self.state = State::Nothing;
            for name in [FILE, DRAFT] {
                // Where it stays, it is behind, and is continued from there.
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
    }

    fn draft(&self, log: Uuid) -> io::Result<Writer> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // It holds names and addresses of others' credentials.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.folder.join(DRAFT))?;
        let mut writer = Writer { file, written: 0, most: u64::MAX, reached: 0, noted: now() };
        let header = Header { version: VERSION, log, dialects: self.dialects.clone() };
        writer.frame(&serde_json::to_vec(&header)?)?;
        Ok(writer)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how often a note is written is nothing that a test has to set"
)]
fn now() -> Instant {
    Instant::now()
}

impl Writer {
    fn frame(&mut self, text: &[u8]) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        let mut frame = Vec::with_capacity(8 + text.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
        frame.extend_from_slice(text);
        self.file.write_all(&frame)?;
        self.written += u64::from(length) + 8;
        Ok(())
    }
}

impl Observer for DiskCache {
    fn loading(&mut self, log: Uuid) {
        // The old one stays until the new one is whole: a crash in between begins from there.
        match self.draft(log) {
            Ok(writer) => self.state = State::Drafting(writer),
            Err(error) => {
                tracing::warn!(%error, folder = %self.folder.display(), "the node has no cache");
                self.state = State::Nothing;
            }
        }
    }

    fn message(&mut self, text: &str, reached: u64) {
        self.write(|writer| {
            writer.reached = reached.max(writer.reached);
            writer.frame(text.as_bytes())
        });
    }

    fn loaded(&mut self) {
        if let State::Drafting(mut writer) = std::mem::replace(&mut self.state, State::Nothing) {
            writer.most = writer.written.saturating_add(MOST_ADDED);
            let renamed = fs::rename(self.folder.join(DRAFT), self.folder.join(FILE));
            self.state = State::Adding(writer);
            self.write(|_| renamed);
        }
    }

    fn reached(&mut self, position: u64) {
        let State::Adding(writer) = &self.state else { return };
        if position <= writer.reached || writer.noted.elapsed() < REACHED_EVERY {
            return;
        }
        let nothing = ToNode::Delta(Delta { from: writer.reached, to: position, entries: Vec::new() });
        self.write(|writer| {
            (writer.reached, writer.noted) = (position, now());
            writer.frame(&serde_json::to_vec(&nothing)?)
        });
    }
}

/// Reads frames until one is not whole.
struct Frames {
    reader: BufReader<File>,
    /// How many bytes the whole ones take.
    whole: u64,
}

impl Frames {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0; 8];
        if let Err(error) = self.reader.read_exact(&mut head) {
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
        }
        let [a, b, c, d, rest @ ..] = head;
        let (length, checksum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(rest));
        if usize::try_from(length).map_or(true, |length| length > LONGEST_FRAME) {
            return Ok(None);
        }
        let mut text = Vec::new();
        self.reader.by_ref().take(u64::from(length)).read_to_end(&mut text)?;
        if u32::try_from(text.len()) != Ok(length) || crc32fast::hash(&text) != checksum {
            return Ok(None);
        }
        self.whole += u64::from(length) + 8;
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests;
