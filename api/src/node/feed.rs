//! The feed of a node's table from the log within the process: the credential lookup's snapshot
//! first, then every event that changes what a key may do, in the log's order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::{Entry, KeyEntry, TenantEntry};
use nexus_infrastructure::gate::{Gate, GateError};
use nexus_infrastructure::journal::{Change, Subscription};
use nexus_validator::Validator;
use nexus_validator::lease::{self, Lease};
use tokio::sync::watch;

/// Changes a turn.
const TURN: u32 = 1_000;
/// Loads at a time. One after the other, each would queue for a connection behind all requests that wait for one, and whoever
/// waits to see a change would wait for the sum.
const AT_ONCE: usize = 16;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);
/// How long no event may come before the log is asked whether that is so. A lease outlives three answers that are lost.
const QUIET: Duration = Duration::from_millis(750);

/// Follows the log from `after` until `stop` turns true, and extends the lease whenever the table is known to be complete.
/// Failures of the store are waited out; meanwhile the lease runs out, and so it does in front of an event that this program
/// cannot read.
pub async fn follow(
    gate: Arc<Gate>,
    validator: Arc<Validator>,
    lease: Arc<Lease>,
    after: u64,
    mut stop: watch::Receiver<bool>,
) {
    let mut subscription = Subscription::from(gate.journal().clone(), after);
    loop {
        let outcome = tokio::select! {
            outcome = turn(&gate, &validator, &lease, &mut subscription) => outcome,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if let Err(error) = outcome {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, applied = validator.applied(), "the credential table does not follow the log");
            metrics::counter!("nexus_feed_failures_total").increment(1);
            subscription = Subscription::from(gate.journal().clone(), validator.applied());
            tokio::select! {
                () = tokio::time::sleep(PAUSE_AFTER_FAILURE) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }
}

/// Applies the next events, or after a quiet while makes sure that there are none.
async fn turn(
    gate: &Gate,
    validator: &Validator,
    lease: &Lease,
    subscription: &mut Subscription,
) -> Result<(), GateError> {
    // Read before the log is asked: what is appended while the answer is on its way is not in it.
    let mut asked = gate.clock().monotonic();
    let changes = match tokio::time::timeout(QUIET, subscription.next(TURN)).await {
        Ok(changes) => changes.map_err(GateError::Unavailable)?,
        Err(_) => {
            asked = gate.clock().monotonic();
            if gate.journal().head().await.map_err(GateError::Unavailable)? <= validator.applied() {
                lease.extend(asked + lease::LENGTH);
                return Ok(());
            }
            // There are some, however long the store takes to hand them out.
            subscription.next(TURN).await.map_err(GateError::Unavailable)?
        }
    };
    let entries = entries(gate, &changes).await?;
    if let Some(last) = changes.last() {
        validator.apply(entries, last.position);
    }
    if subscription.at_end() {
        lease.extend(asked + lease::LENGTH);
    }
    Ok(())
}

/// The present state of everything that changed. It may be newer than the last of the changes,
/// which does no harm: entries are whole states, and the changes in between only repeat them.
async fn entries(gate: &Gate, changes: &[Change]) -> Result<Vec<Entry>, GateError> {
    let mut seen = BTreeSet::new();
    let touched: Vec<&Change> =
        changes.iter().filter(|change| seen.insert((&change.aggregate_type, &change.aggregate_id))).collect();
    let mut entries = Vec::new();
    for several in touched.chunks(AT_ONCE) {
        let loaded = try_join_all(several.iter().map(|change| entry(gate, change))).await?;
        entries.extend(loaded.into_iter().flatten());
    }
    Ok(entries)
}

async fn entry(gate: &Gate, change: &Change) -> Result<Option<Entry>, GateError> {
    match change.aggregate_type.as_str() {
        "tenant" => tenant_entry(gate, &change.aggregate_id).await,
        "key" => key_entry(gate, &change.aggregate_id).await,
        _ => Ok(None),
    }
}

async fn tenant_entry(gate: &Gate, id: &str) -> Result<Option<Entry>, GateError> {
    let Ok(tenant_id) = id.parse::<TenantId>() else {
        return Ok(None);
    };
    let tenant = gate.tenant(id).await?;
    Ok(tenant.state().map(|state| {
        Entry::Tenant(TenantEntry { tenant_id, dialect: state.dialect.clone(), suspended: state.suspended })
    }))
}

async fn key_entry(gate: &Gate, id: &str) -> Result<Option<Entry>, GateError> {
    let Ok(key_id) = id.parse::<KeyId>() else {
        return Ok(None);
    };
    let key = gate.key(id).await?;
    Ok(key.state().map(|state| Entry::Key(Box::new(KeyEntry::of(key_id, state)))))
}
