//! Memory between the request path and the disk: several buffers, so that threads do not wait for
//! each other, nor for the thread that empties them.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::frame::Frame;

const SHARDS: usize = 16;
/// What a buffer keeps allocated while it is empty.
const KEPT: usize = 256 << 10;
/// More than the longest record takes.
const LONGEST_RECORD: usize = 1024;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The buffer that a thread tries first.
    static HOME: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS);
}

/// On its own cache lines, lest threads slow each other down by writing side by side.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Vec<u8>>);

/// Encoded records that are not written yet.
#[derive(Debug)]
pub(super) struct Buffers {
    shards: [Shard; SHARDS],
    most: usize,
    dropped: AtomicU64,
}

impl Buffers {
    /// Buffers of at most `memory` bytes together.
    pub(super) fn new(memory: usize) -> Self {
        let most = (memory / SHARDS).max(LONGEST_RECORD);
        Self { shards: std::array::from_fn(|_| Shard::default()), most, dropped: AtomicU64::new(0) }
    }

    /// Appends one record, or counts it as dropped where memory is used up.
    pub(super) fn push(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        match self.room() {
            Some(mut buffer) => encode(&mut buffer),
            None => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many records were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Moves the buffers from this one on into a frame, until it holds `enough` bytes or there are no more of them. Tells the one
    /// to go on from.
    pub(super) fn drain(&self, from: usize, frame: &mut Frame, enough: u64) -> Option<usize> {
        for (number, shard) in self.shards.iter().enumerate().skip(from) {
            let mut buffer = shard.0.lock().unwrap_or_else(PoisonError::into_inner);
            frame.push(&buffer);
            buffer.clear();
            buffer.shrink_to(KEPT);
            if frame.len() >= enough {
                return Some(number + 1);
            }
        }
        None
    }

    /// A buffer with room that nobody uses: the thread's own or, while that is full or being
    /// emptied, another one.
    fn room(&self) -> Option<MutexGuard<'_, Vec<u8>>> {
        let home = HOME.with(Cell::get);
        let (before, from) = self.shards.split_at_checked(home)?;
        let mut in_turn = from.iter().chain(before);
        let free = in_turn.find_map(|shard| match shard.0.try_lock() {
            Ok(buffer) => self.with_room(buffer),
            Err(TryLockError::Poisoned(poisoned)) => self.with_room(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        // All are full, or sixteen threads are in the middle of a copy: one is done in a moment.
        free.or_else(|| self.with_room(from.first()?.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn with_room<'a>(&self, buffer: MutexGuard<'a, Vec<u8>>) -> Option<MutexGuard<'a, Vec<u8>>> {
        (buffer.len() + LONGEST_RECORD <= self.most).then_some(buffer)
    }
}

/// How many refusals are kept one by one in a second.
const KEPT_PER_SECOND: u64 = 100;
const COUNT_BITS: u32 = 16;

/// Limits what a flood of unknown credentials can write: within a second the first hundred are
/// kept with their particulars, the others only count.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The newest second, and how many were kept in it, in the low bits.
    state: AtomicU64,
}

impl Kept {
    /// Whether one more may be kept, at this Unix time in microseconds.
    pub(super) fn one_more(&self, at: i64) -> bool {
        let second = u64::try_from(at.div_euclid(1_000_000)).unwrap_or(0);
        let count = |state: u64| {
            let newest = state >> COUNT_BITS;
            let kept = state & ((1 << COUNT_BITS) - 1);
            // A second that is over gets no more: its own count is forgotten.
            match second.cmp(&newest) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => (kept < KEPT_PER_SECOND).then_some(state + 1),
                std::cmp::Ordering::Greater => Some((second << COUNT_BITS) | 1),
            }
        };
        self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
    }
}
