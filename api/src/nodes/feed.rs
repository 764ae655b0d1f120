//! The feed of an API node's own table: every change of the log in its order, into the table first, then into the list that the
//! streams of other nodes read.

use std::sync::Arc;
use std::time::Duration;

use nexus_validator::Validator;
use tokio::sync::watch;

use super::deltas::Deltas;
use super::ports::{Log, Read, StoreError};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Follows the log from where the table is until `stop` turns true. Failures of the store are waited out; meanwhile the right to
/// answer runs out, and so it does in front of an event that this program cannot read.
pub async fn follow(
    log: Arc<dyn Log>,
    validator: Arc<Validator>,
    deltas: Arc<Deltas>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let read = tokio::select! {
            read = log.follow(deltas.ends().read) => read,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match read {
            Ok(read) => apply(&validator, &deltas, read),
            Err(StoreError(error)) => {
                tracing::warn!(
                    error,
                    applied = validator.applied(),
                    "the credential table does not follow the log"
                );
                metrics::counter!("nexus_feed_failures_total").increment(1);
                tokio::select! {
                    () = tokio::time::sleep(PAUSE_AFTER_FAILURE) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
        }
    }
}

fn apply(validator: &Validator, deltas: &Deltas, read: Read) {
    let Read { to, changed } = read;
    let entries = changed.iter().flat_map(|(_, held)| held.iter().map(|held| held.entry.clone()));
    validator.apply(entries, to);
    // Behind the table: who sees it in the list may take it for visible here.
    deltas.extend(changed, to);
}
