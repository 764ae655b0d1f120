//! Follows the log from a position on: each change once, in order, as soon as it is committed anywhere.

use std::time::Duration;

use tokio::sync::watch;

use super::{Change, Journal};
use crate::database::DatabaseError;

/// How long a quiet reader waits before it looks by itself, in case a wake-up was lost.
const POLL: Duration = Duration::from_secs(1);

/// A reader of the log. It keeps its place in memory alone: whoever needs it after a restart stores
/// [`Subscription::position`] together with what it made of the changes.
///
/// It outlives restarts of the database: an error leaves it where it is, and the caller calls again after a pause.
#[derive(Debug)]
pub struct Subscription {
    journal: Journal,
    after: u64,
    wake: watch::Receiver<u64>,
}

impl Subscription {
    /// Starts behind position `after`; 0 is the beginning.
    pub fn from(journal: Journal, after: u64) -> Self {
        let wake = journal.watch();
        Self { journal, after, wake }
    }

    /// The position of the last change that was handed out.
    pub fn position(&self) -> u64 {
        self.after
    }

    /// The next changes, at most `limit`, never none: what is there at once, else it waits. Dropping the future loses nothing.
    ///
    /// [`DatabaseError::Gap`] says that the log is damaged, and trying again will not help.
    pub async fn next(&mut self, limit: u32) -> Result<Vec<Change>, DatabaseError> {
        let limit = limit.max(1);
        loop {
            let changes = self.stored(limit).await?;
            if !changes.is_empty() {
                return Ok(changes);
            }
            self.wait().await;
        }
    }

    /// As [`Subscription::next`], without a look at the store where this process appended the next changes itself; these carry
    /// what they show ([`Change::shows`]).
    pub async fn next_or_recent(&mut self, limit: u32) -> Result<Vec<Change>, DatabaseError> {
        let limit = limit.max(1);
        loop {
            let recent = self.journal.recent_changes(self.after, limit);
            let changes = if recent.is_empty() { self.stored(limit).await? } else { self.handed_out(recent) };
            if !changes.is_empty() {
                return Ok(changes);
            }
            self.wait().await;
        }
    }

    async fn stored(&mut self, limit: u32) -> Result<Vec<Change>, DatabaseError> {
        let changes = self.journal.changes(self.after, limit).await?;
        let mut last = self.after;
        for change in &changes {
            if change.position != last + 1 {
                return Err(DatabaseError::Gap { expected: last + 1, found: change.position });
            }
            last = change.position;
        }
        Ok(self.handed_out(changes))
    }

    fn handed_out(&mut self, changes: Vec<Change>) -> Vec<Change> {
        if let Some(last) = changes.last() {
            self.after = last.position;
        }
        changes
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
