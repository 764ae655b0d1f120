//! Reading the log once for all projections of a process: the last batch stays at hand, so that whoever comes second
//! finds it read and decoded.

use nexus_infrastructure::database::DatabaseError;
use nexus_infrastructure::journal::{Journal, RecordedEvent, Turn};
use tokio::sync::Mutex;

use crate::error::FoldError;
use crate::event::{Batch, Event};

/// Most events that a runner folds in one transaction.
const BATCH: u32 = 2000;

/// The shared reader.
#[derive(Default)]
pub(crate) struct Feed {
    /// Locked while it is filled, so that readers who come together read once.
    last: Mutex<Batch>,
}

impl Feed {
    /// A batch that holds the events right behind `after`, and maybe some before. Empty where there are none.
    pub(crate) async fn around(&self, journal: &Journal, after: u64) -> Result<Batch, FoldError> {
        let mut last = self.last.lock().await;
        if !rest(&last, after).is_empty() {
            return Ok(last.clone());
        }
        let batch = decode(recorded(journal, after, BATCH).await?.events);
        if !batch.is_empty() {
            *last = batch.clone();
        }
        Ok(batch)
    }
}

/// Reads the events behind `after`, at most `limit`, as the log holds them.
pub(crate) async fn recorded(journal: &Journal, after: u64, limit: u32) -> Result<Turn, FoldError> {
    let turn = journal.read_turn(after, limit).await?;
    for (expected, event) in (after + 1..).zip(&turn.events) {
        if event.position != expected {
            return Err(DatabaseError::Gap { expected, found: event.position }.into());
        }
    }
    Ok(turn)
}

pub(crate) fn decode(recorded: Vec<RecordedEvent>) -> Batch {
    recorded.into_iter().map(Event::decode).collect()
}

/// The part of a batch behind `after`, where the batch goes on right there; else nothing.
pub(crate) fn rest(batch: &[Event], after: u64) -> &[Event] {
    let Some(first) = batch.first() else {
        return &[];
    };
    let Some(skipped) =
        (after + 1).checked_sub(first.position).and_then(|skipped| usize::try_from(skipped).ok())
    else {
        return &[];
    };
    batch.get(skipped..).unwrap_or_default()
}
