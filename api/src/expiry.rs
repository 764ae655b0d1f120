//! Puts ended lives on record: a `KeyExpired` event for those who follow the log. Keys are refused
//! from their expiry on without it. What is over and need not be remembered is forgotten.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use nexus_infrastructure::gate::{Gate, Principal};
use nexus_projections::Projections;
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(1);
const AT_ONCE: u32 = 100;

/// Sweeps until `stop` turns true. Several nodes may sweep at once: the decision writes one event.
pub async fn sweep(gate: Arc<Gate>, projections: Projections, mut stop: watch::Receiver<bool>) {
    let principal = Principal::system(Gate::system_scopes());
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let call = gate.system_call(&principal, "expiry");
        let due = match projections.key_list().due_for_expiry(call.now, AT_ONCE).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "expired keys cannot be listed just now");
                Vec::new()
            }
        };
        for due in due {
            if let Err(error) = gate.expire_key(&call, due.tenant_id, due.key_id).await {
                tracing::warn!(%error, key = %due.key_id, "the end of a key's life cannot be recorded just now");
            }
        }
        if let Err(error) = gate.prune_sessions(call.now).await {
            tracing::debug!(%error, "sessions that are over stay for now");
        }
        // An hour late: a node whose clock is behind accepts a token for longer, and may fetch all that there is meanwhile.
        let ended = call.now - TimeDelta::hours(1);
        if let Err(error) = projections.credential_lookup().forget_ended(ended).await {
            tracing::debug!(%error, "tokens that were revoked and are over stay for now");
        }
        if let Err(error) = gate.pushed_requests().prune(call.now).await {
            tracing::debug!(%error, "pushed authorization requests that are over stay for now");
        }
        if let Err(error) = gate.journal().purge_expired(call.now.timestamp_micros()).await {
            tracing::debug!(%error, "expired idempotency keys stay for now");
        }
    }
}
