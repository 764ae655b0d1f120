//! What this process appended last, so that its own readers need not read it back.

use std::collections::VecDeque;
use std::iter::{once, repeat};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Change;
use super::append::{Appended, Prepared};
use super::lane::Outcome;

/// Changes that are remembered: a reader that is farther behind reads the store.
const REMEMBERED: usize = 4096;

/// The last changes of this process, in the order of the log; between them are those of others.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<Change>>);

impl Recent {
    /// Remembers what was committed of a batch.
    pub(super) fn remember(&self, batch: &[&Prepared], outcomes: &[Outcome]) {
        let mut recent = self.changes();
        for (append, outcome) in batch.iter().zip(outcomes) {
            let Ok(Appended { first, .. }) = outcome else { continue };
            // Batches that were committed beside each other are not told of in the order of the log.
            let place = recent.partition_point(|change| change.position < *first);
            if place == recent.len() {
                recent.extend(changes(append, *first));
            } else {
                for change in changes(append, *first).into_iter().rev() {
                    recent.insert(place, change);
                }
            }
        }
        let beyond = recent.len().saturating_sub(REMEMBERED);
        recent.drain(..beyond);
    }

    /// The changes right behind a position, as far as they follow each other.
    pub(super) fn after(&self, position: u64, limit: usize) -> Vec<Change> {
        let recent = self.changes();
        let first = recent.partition_point(|change| change.position <= position);
        let following = recent.range(first..).zip(position + 1..);
        following
            .take(limit)
            .take_while(|(change, next)| change.position == *next)
            .map(|(change, _)| change.clone())
            .collect()
    }

    fn changes(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Positions go up over the streams in their order, and over the events of each.
fn changes(append: &Prepared, first: u64) -> Vec<Change> {
    let mut position = first;
    let mut changes = Vec::with_capacity(append.event_count);
    for (stream, shows) in append.streams.iter().zip(once(append.shows.as_ref()).chain(repeat(None))) {
        let before = stream.expected.map(i64::unsigned_abs);
        let last = stream.events.len();
        for number in 1..=last {
            changes.push(Change {
                position,
                aggregate_type: stream.aggregate_type.clone(),
                aggregate_id: stream.aggregate_id.clone(),
                sequence: before.map_or(0, |before| before + number as u64),
                // What it shows is the state behind all of its events.
                shows: shows.filter(|_| number == last && before.is_some()).cloned(),
            });
            position += 1;
        }
    }
    changes
}
