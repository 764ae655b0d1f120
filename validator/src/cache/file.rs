//! The file: frames of length (4 bytes, little endian), CRC-32 (IEEE) of what follows, and a JSON text. The first text is a
//! [`Header`], the others are messages of the stream. Where a frame is not whole, the file ends: a crash in the middle of a
//! write leaves such a one, and so does a power failure, in which the last pages of a file may be lost or filled with zeros.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Write as _};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::control::message::{Delta, LONGEST_FRAME, ToNode};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// What a cache is of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) log: Uuid,
    pub(super) dialects: Vec<String>,
}

/// A file that frames are added to.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) file: File,
    /// Bytes so far, and what it may become.
    pub(super) written: u64,
    pub(super) most: u64,
    /// How far the log had come, as the file says.
    pub(super) reached: u64,
}

impl Frames {
    pub(super) fn add(&mut self, text: &[u8], reached: u64) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        let mut frame = Vec::with_capacity(8 + text.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
        frame.extend_from_slice(text);
        self.file.write_all(&frame)?;
        self.written += u64::from(length) + 8;
        self.reached = reached.max(self.reached);
        Ok(())
    }

    /// Adds that nothing changed up to a position but what is there.
    pub(super) fn add_reached(&mut self, position: u64) -> io::Result<()> {
        let nothing = ToNode::Delta(Delta { from: self.reached, to: position, entries: Vec::new() });
        self.add(&serde_json::to_vec(&nothing)?, position)
    }
}

/// Reads frames until one is not whole.
pub(super) struct Reader {
    pub(super) reader: BufReader<File>,
    /// How many bytes the whole ones take.
    pub(super) whole: u64,
}

impl Reader {
    pub(super) fn new(file: File) -> Self {
        Self { reader: BufReader::with_capacity(1 << 20, file), whole: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0; 8];
        if let Err(error) = self.reader.read_exact(&mut head) {
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
        }
        let [a, b, c, d, rest @ ..] = head;
        let (length, checksum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(rest));
        // No text is empty. Zeros would be a whole frame of nothing.
        if length == 0 || usize::try_from(length).map_or(true, |length| length > LONGEST_FRAME) {
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
