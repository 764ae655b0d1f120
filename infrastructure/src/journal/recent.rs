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
        for (number, event) in (1..).zip(&stream.events) {
            changes.push(Change {
                position,
                aggregate_type: stream.aggregate_type.clone(),
                aggregate_id: stream.aggregate_id.clone(),
                sequence: before.map_or(0, |before| before + number as u64),
                event_type: event.event_type.clone(),
                // What it shows is the state behind all of its events.
                shows: shows.filter(|_| number == last && before.is_some()).cloned(),
            });
            position += 1;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::append::{Append, AppendError, Expected, NewEvent, StreamAppend};
    use super::super::json::Json;
    use super::*;

    /// Events for streams, so many for each.
    fn append(streams: &[(&str, usize)]) -> Prepared {
        let event = || NewEvent {
            event_type: "Happened".to_owned(),
            event_version: "1.0".to_owned(),
            payload: Json::from(serde_json::json!({})),
            metadata: Json::from(serde_json::json!({})),
        };
        let streams = streams.iter().map(|(id, events)| StreamAppend {
            aggregate_type: "thing".to_owned(),
            aggregate_id: (*id).to_owned(),
            expected: Expected::Exactly(7),
            events: (0..*events).map(|_| event()).collect(),
        });
        Prepared::new(Append { streams: streams.collect(), ..Append::default() }).unwrap()
    }

    fn at(first: u64, events: u64) -> Outcome {
        Ok(Appended { first, last: first + events - 1 })
    }

    fn after(recent: &Recent, position: u64) -> Vec<(u64, String, u64)> {
        let changes = recent.after(position, usize::MAX).into_iter();
        changes.map(|change| (change.position, change.aggregate_id, change.sequence)).collect()
    }

    fn change(position: u64, id: &str, sequence: u64) -> (u64, String, u64) {
        (position, id.to_owned(), sequence)
    }

    #[test]
    fn changes_follow_each_other_over_streams_and_commands() {
        let recent = Recent::default();
        let (first, refused, second) =
            (append(&[("a", 2), ("b", 1)]), append(&[("c", 1)]), append(&[("d", 1)]));
        recent.remember(&[&first, &refused, &second], &[at(5, 3), Err(AppendError::Conflict), at(8, 1)]);
        let all = [change(5, "a", 8), change(6, "a", 9), change(7, "b", 8), change(8, "d", 8)];
        assert_eq!(after(&recent, 4), all);
        assert_eq!(after(&recent, 6), all[2..]);
        assert_eq!(after(&recent, 3), [], "what is at 4 is not known");
        assert_eq!(after(&recent, 8), []);
    }

    #[test]
    fn a_batch_that_is_told_of_late_stands_in_its_place() {
        let recent = Recent::default();
        let (late, early, first) =
            (append(&[("late", 2), ("too", 1)]), append(&[("early", 1)]), append(&[("first", 1)]));
        recent.remember(&[&first], &[at(1, 1)]);
        recent.remember(&[&early], &[at(5, 1)]);
        assert_eq!(after(&recent, 0), [change(1, "first", 8)], "up to the gap");
        recent.remember(&[&late], &[at(2, 3)]);
        let rest = [change(2, "late", 8), change(3, "late", 9), change(4, "too", 8), change(5, "early", 8)];
        assert_eq!(after(&recent, 1), rest);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let recent = Recent::default();
        let one = append(&[("a", 1)]);
        let most = REMEMBERED as u64;
        for position in 1..=most + 10 {
            recent.remember(&[&one], &[at(position, 1)]);
        }
        assert_eq!(after(&recent, 9), []);
        assert_eq!(after(&recent, 10).len(), REMEMBERED);
        // Told of so late that nobody can use it: it goes, and nothing else.
        recent.remember(&[&one], &[at(10, 1)]);
        assert_eq!(after(&recent, 10).len(), REMEMBERED);
    }

    #[test]
    fn commands_without_events_leave_nothing() {
        let recent = Recent::default();
        let (one, none) = (append(&[("a", 1)]), append(&[("b", 0)]));
        recent.remember(&[&one, &none], &[at(1, 1), Ok(Appended { first: 1, last: 1 })]);
        assert_eq!(after(&recent, 0), [change(1, "a", 8)]);
    }
}
