//! What makes an API node a validating node as well: the feed of its table, and the way of its
//! decisions into the log.

pub mod expiry;
pub mod feed;
pub mod usage;

use std::time::Duration;

use nexus_validator::Validator;

use crate::app::{App, VISIBLE_WITHIN};
use crate::problem::{self, Problem};

/// The table did not reach the position in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotVisible;

/// Waits until the node's own table has applied the log up to `position`.
///
/// # Errors
/// [`NotVisible`] after `within`.
pub async fn visible(validator: &Validator, position: u64, within: Duration) -> Result<(), NotVisible> {
    let mut applied = validator.watch();
    match tokio::time::timeout(within, applied.wait_for(|applied| *applied >= position)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(NotVisible),
    }
}

/// Waits until the node's own table shows what was done; where nothing had to be done, until it
/// shows everything that was there before.
///
/// # Errors
/// `unavailable` after [`VISIBLE_WITHIN`]: the change is committed, and not confirmed yet.
pub async fn settle(app: &App, position: Option<u64>) -> Result<u64, Problem> {
    let position = match position {
        Some(position) => position,
        None => app.gate.journal().head().await?,
    };
    visible(&app.verifier.validator, position, VISIBLE_WITHIN).await.map_err(|NotVisible| {
        Problem::new(
            &problem::UNAVAILABLE,
            "the change is committed, but this node has not applied it yet; send the request again",
        )
    })?;
    Ok(position)
}

/// As [`settle`], for an answer that carries a secret: it goes out in any case, since it cannot be shown again. A node that is
/// so far behind has stopped answering from its table.
pub async fn settle_with_secret(app: &App, position: Option<u64>) -> u64 {
    match settle(app, position).await {
        Ok(position) => position,
        Err(problem) => {
            tracing::warn!(%problem, "a secret goes out before this node accepts it");
            position.unwrap_or_default()
        }
    }
}
