//! The way of a node's decisions to whoever keeps them: batch by batch, each until it is taken.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Batch, Segments, UsageJournalError};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a node waits between two batches when little happens.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// What a key that is in use makes the window wider by. The log so grows with the keys in use, and by about fifty events a
/// second at most as long as they fit the widest window; a key that is used very much makes one more for every few hundred
/// requests.
const WINDOW_PER_KEY: Duration = Duration::from_millis(20);

/// Who takes batches.
pub trait Taker: Send {
    /// Why a batch was not taken, for people.
    type Error: Display + Send;

    /// Takes a batch, once however often it comes: `Ok` says that it is kept. Tells how many streams of events it touched.
    fn take(&mut self, batch: &Batch) -> impl Future<Output = Result<usize, Self::Error>> + Send;
}

/// A batch could not be taken; it will be tried again.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error("the usage journal cannot be read: {0}")]
    Journal(#[from] UsageJournalError),
    #[error("the batch was not taken: {0}")]
    NotTaken(String),
    #[error("the reader of the usage journal ended")]
    Reader,
}

/// Moves batches from the usage journal to `taker` until `stop` is told; then once more, so that nothing waits for the next
/// start, and answers. The window between two turns is a second, and widens up to `widest` with the keys that are used.
pub async fn drain(
    segments: Segments,
    mut taker: impl Taker,
    widest: Duration,
    mut stop: mpsc::Receiver<oneshot::Sender<()>>,
) {
    let mut segments = Some(segments);
    let mut window = SHORTEST_WINDOW.min(widest);
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(window) => None,
            told = stop.recv() => told,
        };
        match move_all(&mut taker, &mut segments).await {
            Ok(keys) => {
                let keys = u32::try_from(keys).unwrap_or(u32::MAX);
                window = WINDOW_PER_KEY.saturating_mul(keys).max(SHORTEST_WINDOW).min(widest);
            }
            Err(error) => {
                tracing::warn!(%error, "usage stays in the node's journal for now");
                metrics::counter!("nexus_usage_drain_failures_total").increment(1);
                if last.is_none() {
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
        if let Some(last) = last {
            // Whoever waits may have gone; that is their affair.
            let _gone = last.send(());
            return;
        }
        if segments.is_none() {
            tracing::error!(
                "the reader of the usage journal was lost; usage waits on disk for the next start"
            );
            return;
        }
    }
}

/// Moves what is there, and tells how many keys it concerned at most. What is recorded meanwhile waits for the next turn: under
/// load there would be no end, and every key would make an event each time.
async fn move_all(taker: &mut impl Taker, segments: &mut Option<Segments>) -> Result<usize, DrainError> {
    let mut keys = 0;
    let newest = on_disk(segments, |segments| Ok(segments.running())).await?;
    loop {
        let Some(batch) = on_disk(segments, move |segments| segments.next_up_to(newest)).await? else {
            return Ok(keys);
        };
        // Most keys are in all batches of a turn.
        let taken = taker.take(&batch).await.map_err(|error| DrainError::NotTaken(error.to_string()))?;
        keys = taken.max(keys);
        on_disk(segments, move |segments| segments.done(batch)).await?;
    }
}

/// Runs file work off the async threads. The reader is given back also after a failure.
async fn on_disk<T: Send + 'static>(
    segments: &mut Option<Segments>,
    work: impl FnOnce(&mut Segments) -> Result<T, UsageJournalError> + Send + 'static,
) -> Result<T, DrainError> {
    let mut owned = segments.take().ok_or(DrainError::Reader)?;
    let (owned, outcome) = tokio::task::spawn_blocking(move || {
        let outcome = work(&mut owned);
        (owned, outcome)
    })
    .await
    .map_err(|_| DrainError::Reader)?;
    *segments = Some(owned);
    Ok(outcome?)
}
