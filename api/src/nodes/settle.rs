//! What an answer waits for: that a change holds on every node, and shows in this one's table.

use std::time::Duration;

use nexus_validator::Validator;

use super::barrier::{Confirmation, Effect, Moved};
use crate::app::{App, VISIBLE_WITHIN};
use crate::problem::{self, Problem};

/// The table did not reach the position in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotVisible;

/// A change that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Where it stands in the log.
    pub position: u64,
    /// Who confirmed it.
    pub confirmation: Confirmation,
}

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

/// Waits until what was done holds on every node; where nothing had to be done, until everything does that was there before,
/// for a repetition may be of a change whose first answer never came.
///
/// # Errors
/// `unavailable`: the change is committed, and this node has not applied it within [`VISIBLE_WITHIN`].
pub async fn settle(app: &App, position: Option<u64>, effect: Effect) -> Result<Settled, Problem> {
    let settled = held(app, position, effect).await?;
    shown(app, settled.position).await?;
    Ok(settled)
}

async fn held(app: &App, position: Option<u64>, effect: Effect) -> Result<Settled, Problem> {
    let (position, moved) = match position {
        Some(position) => (position, Moved::At(position)),
        None => {
            let head = app.gate.journal().head().await?;
            (head, Moved::UpTo(head))
        }
    };
    let confirmation = app.plane.barrier(moved, effect).await;
    Ok(Settled { position, confirmation })
}

/// Waits until this node's table shows everything that the log holds now.
///
/// # Errors
/// As [`settle`].
pub async fn settle_here(app: &App) -> Result<(), Problem> {
    shown(app, app.gate.journal().head().await?).await
}

async fn shown(app: &App, position: u64) -> Result<(), Problem> {
    visible(&app.verifier.validator, position, VISIBLE_WITHIN).await.map_err(|NotVisible| {
        Problem::new(
            &problem::UNAVAILABLE,
            "the change is committed, but this node has not applied it yet; send the request again",
        )
    })
}

/// As [`settle`], for an answer that carries a secret: once it is made it goes out in any case, since it cannot be shown again. A
/// node that is so far behind has stopped answering from its table.
///
/// # Errors
/// `unavailable` for a repetition, when the store cannot tell what to wait for, or when the change takes something away and it
/// cannot be seen whether that holds everywhere: the secret is not lost by that.
pub async fn settle_with_secret(
    app: &App,
    position: Option<u64>,
    effect: Effect,
) -> Result<Settled, Problem> {
    let settled = held(app, position, effect).await?;
    match shown(app, settled.position).await {
        Err(problem) if position.is_none() && effect == Effect::Reduces => return Err(problem),
        Err(problem) => tracing::warn!(%problem, "a secret goes out before this node accepts it"),
        Ok(()) => {}
    }
    Ok(settled)
}
