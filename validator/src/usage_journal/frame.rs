//! Frames of a segment: length (4 bytes, little endian), CRC-32 (IEEE) of what follows, a byte for
//! the format, then records. A frame is whole or, after a crash in the middle of a write, nothing.

use std::ops::Range;

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
    /// Where the records of each frame stand. All can be read.
    records: Vec<Range<usize>>,
    /// How many bytes the whole frames take.
    pub(super) whole: usize,
}

impl Contents {
    /// The records, in the order in which they were written, and where each stands.
    pub(super) fn records(&self) -> impl Iterator<Item = (Place, ReadBack<'_>)> {
        self.records.iter().flat_map(|range| {
            let mut rest = self.bytes.get(range.clone()).unwrap_or_default();
            std::iter::from_fn(move || {
                let place = Place(range.end - rest.len());
                ReadBack::decode(&mut rest).map(|record| (place, record))
            })
        })
    }

    /// The record that stands at a place.
    pub(super) fn at(&self, place: Place) -> Option<ReadBack<'_>> {
        ReadBack::decode(&mut self.bytes.get(place.0..)?)
    }

    /// The whole frames, as they stand on disk.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.whole).unwrap_or_default()
    }
}

/// Where a record stands in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

/// A frame is whole, and holds what this version does not know.
#[derive(Debug)]
pub(super) struct Unreadable;

pub(super) fn read(bytes: Vec<u8>) -> Result<Contents, Unreadable> {
    let mut ranges = Vec::new();
    let mut whole = 0;
    while let Some((body, after)) = first(bytes.get(whole..).unwrap_or_default()) {
        let (format, mut rest) = body.split_first().ok_or(Unreadable)?;
        if *format != FORMAT {
            return Err(Unreadable);
        }
        let end = bytes.len() - after.len();
        ranges.push(end - rest.len()..end);
        while !rest.is_empty() {
            ReadBack::decode(&mut rest).ok_or(Unreadable)?;
        }
        whole = end;
    }
    Ok(Contents { bytes, records: ranges, whole })
}

/// The body of the first frame and what is behind it; absent when the frame is not whole.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let (body, after) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let whole = !body.is_empty() && crc32fast::hash(body) == u32::from_le_bytes(*checksum);
    whole.then_some((body, after))
}
