//! Follows the log from a position on: each event once, in order, as soon as it is committed anywhere.

use std::time::Duration;

use tokio::sync::watch;

use super::{Journal, RecordedEvent, Turn};
use crate::database::DatabaseError;

/// How long a quiet reader waits before it looks by itself, in case a wake-up was lost.
const POLL: Duration = Duration::from_secs(1);

/// A reader of the log. It keeps its place in memory alone: whoever needs it after a restart stores
/// [`Subscription::position`] together with what it made of the events.
///
/// It outlives restarts of the database: an error leaves it where it is, and the caller calls again after a pause.
#[derive(Debug)]
pub struct Subscription {
    journal: Journal,
    after: u64,
    at_end: bool,
    wake: watch::Receiver<u64>,
}

impl Subscription {
    /// Starts behind position `after`; 0 is the beginning.
    pub fn from(journal: Journal, after: u64) -> Self {
        let wake = journal.watch();
        Self { journal, after, at_end: false, wake }
    }

    /// The position of the last event that was handed out.
    pub fn position(&self) -> u64 {
        self.after
    }

    /// Whether the log ended, when it was read, behind the events that were handed out last.
    pub fn at_end(&self) -> bool {
        self.at_end
    }

    /// The next events, at most `limit`, never none: what is there at once, else it waits. Dropping the future loses nothing.
    ///
    /// [`DatabaseError::Gap`] says that the log is damaged, and trying again will not help.
    pub async fn next(&mut self, limit: u32) -> Result<Vec<RecordedEvent>, DatabaseError> {
        loop {
            let Turn { events, at_end } = self.journal.read_turn(self.after, limit.max(1)).await?;
            let mut last = self.after;
            for event in &events {
                if event.position != last + 1 {
                    return Err(DatabaseError::Gap { expected: last + 1, found: event.position });
                }
                last = event.position;
            }
            if last > self.after {
                (self.after, self.at_end) = (last, at_end);
                return Ok(events);
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let after = self.after;
        // The guard that `wait_for` returns must not live into the sleep below: it would make the future unsendable.
        let deaf = {
            let woken = tokio::time::timeout(POLL, self.wake.wait_for(|head| *head > after)).await;
            matches!(woken, Ok(Err(_)))
        };
        if deaf {
            // Nobody moves the head any more, but other processes may still append.
            tokio::time::sleep(POLL).await;
        }
    }
}
