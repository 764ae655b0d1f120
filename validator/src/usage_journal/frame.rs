//! Frames of a segment: length (4 bytes, little endian), CRC-32 (IEEE) of what follows, a byte for
//! the format, then records. A frame is whole or, after a crash in the middle of a write, nothing.

use super::record::ReadBack;

/// Bytes before the records: length, checksum, format.
pub(super) const HEADER: usize = 9;
/// How records are written in this version.
const FORMAT: u8 = 1;

/// A frame that is being filled.
#[derive(Debug)]
pub(super) struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HEADER] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER
    }

    /// Its bytes, the header's among them.
    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn push(&mut self, records: &[u8]) {
        self.bytes.extend_from_slice(records);
    }

    pub(super) fn clear(&mut self, keep: usize) {
        self.bytes.truncate(HEADER);
        self.bytes.shrink_to(keep);
    }

    /// The bytes to write, with the header filled in.
    pub(super) fn seal(&mut self) -> &[u8] {
        if let Some(format) = self.bytes.get_mut(HEADER - 1) {
            *format = FORMAT;
        }
        let body = self.bytes.get(8..).unwrap_or_default();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
        let checksum = crc32fast::hash(body).to_le_bytes();
        for (place, byte) in self.bytes.iter_mut().zip(length.into_iter().chain(checksum)) {
            *place = byte;
        }
        &self.bytes
    }
}

/// What a segment holds, up to its first broken frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    bytes: Vec<u8>,
    /// How many bytes the whole frames take.
    pub(super) whole: usize,
}

impl Contents {
    /// Goes through a segment, and shows each record with the place where it stands, in the order in which they were written.
    pub(super) fn read(
        bytes: Vec<u8>,
        mut show: impl FnMut(Place, ReadBack<'_>),
    ) -> Result<Self, Unreadable> {
        let mut whole = 0;
        while let Some((body, after)) = first(bytes.get(whole..).unwrap_or_default()) {
            let (format, mut rest) = body.split_first().ok_or(Unreadable)?;
            if *format != FORMAT {
                return Err(Unreadable);
            }
            let end = bytes.len() - after.len();
            while !rest.is_empty() {
                let place = Place(end - rest.len());
                show(place, ReadBack::decode(&mut rest).ok_or(Unreadable)?);
            }
            whole = end;
        }
        Ok(Self { bytes, whole })
    }

    /// The record that stands at a place.
    pub(super) fn at(&self, place: Place) -> Option<ReadBack<'_>> {
        ReadBack::decode(&mut self.bytes.get(place.0..)?)
    }

    /// The whole frames, as they stand on disk.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.whole).unwrap_or_default()
    }

    /// The memory that the segment took, empty, for the next one.
    pub(super) fn into_spare(mut self) -> Vec<u8> {
        self.bytes.clear();
        self.bytes
    }
}

/// Where a record stands in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(usize);

/// A frame is whole, and holds what this version does not know.
#[derive(Debug)]
pub(super) struct Unreadable;

/// The body of the first frame and what is behind it; absent when the frame is not whole.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let (body, after) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let whole = !body.is_empty() && crc32fast::hash(body) == u32::from_le_bytes(*checksum);
    whole.then_some((body, after))
}
