//! The log for nodes, out of the journal and the credential lookup.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, try_join_all};
use nexus_domain::credential::Digest;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::DialectEntry;
use nexus_infrastructure::gate::{Gate, GateError};
use nexus_infrastructure::journal::{Change, Subscription};
use nexus_projections::{Projections, credential_lookup};
use nexus_validator::Validator;
use uuid::Uuid;

use super::ports::{Log, Read, Snapshot, StoreError};

/// Changes that are read at once.
const TURN: u32 = 1_000;
/// Loads at a time. One after the other, each would queue for a connection behind all requests that wait for one, and whoever
/// waits to see a change would wait for the sum.
const AT_ONCE: usize = 16;
/// Entries of a snapshot that are handed on at once.
const PIECE: usize = 8_000;

/// The log of the process's store.
pub struct JournalLog {
    id: Uuid,
    gate: Arc<Gate>,
    projections: Projections,
    validator: Arc<Validator>,
}

impl JournalLog {
    /// The log of this id. The table finds the key that a digest belongs to.
    #[must_use]
    pub const fn new(id: Uuid, gate: Arc<Gate>, projections: Projections, validator: Arc<Validator>) -> Self {
        Self { id, gate, projections, validator }
    }
}

impl Log for JournalLog {
    fn id(&self) -> Uuid {
        self.id
    }

    fn read(&self, after: u64) -> BoxFuture<'_, Result<Read, StoreError>> {
        async move {
            let mut subscription = Subscription::from(self.gate.journal().clone(), after);
            let changes = subscription.next(TURN).await.map_err(StoreError::of)?;
            let entries = entries(&self.gate, &changes).await.map_err(StoreError::of)?;
            let to = changes.last().map_or(after, |last| last.position);
            let moved = changes.iter().rfind(|change| concerns_validity(change));
            Ok(Read { to, changed: moved.map(|change| (change.position, entries)) })
        }
        .boxed()
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        async move {
            let snapshot = self.projections.credential_lookup().snapshot().await.map_err(StoreError::of)?;
            Ok(Box::new(Pages { snapshot }) as Box<dyn Snapshot>)
        }
        .boxed()
    }

    fn credential(&self, digest: Digest) -> BoxFuture<'_, Result<Vec<DialectEntry>, StoreError>> {
        async move {
            let Some(key) = self.validator.key_of(&digest) else { return Ok(Vec::new()) };
            let (key_id, tenant_id) = (key.key_id().to_string(), key.tenant_id().to_string());
            // As the log has them now: the table may be behind.
            let tenant = tenant_entry(&self.gate, &tenant_id).await.map_err(StoreError::of)?;
            let key = key_entry(&self.gate, &key_id).await.map_err(StoreError::of)?;
            Ok(tenant.into_iter().chain(key).collect())
        }
        .boxed()
    }
}

struct Pages {
    snapshot: credential_lookup::Snapshot,
}

impl Snapshot for Pages {
    fn position(&self) -> u64 {
        self.snapshot.position()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<DialectEntry>>, StoreError>> {
        async move {
            let mut piece = Vec::new();
            while piece.len() < PIECE {
                match self.snapshot.next().await.map_err(StoreError::of)? {
                    Some(page) => piece.extend(page),
                    None => break,
                }
            }
            Ok(Some(piece).filter(|piece| !piece.is_empty()))
        }
        .boxed()
    }
}

/// Whether an event of this kind may change what a node decides.
fn concerns_validity(change: &Change) -> bool {
    matches!(change.aggregate_type.as_str(), "tenant" | "key")
}

/// The present state of everything that changed. It may be newer than the last of the changes,
/// which does no harm: entries are whole states, and the changes in between only repeat them.
async fn entries(gate: &Gate, changes: &[Change]) -> Result<Vec<DialectEntry>, GateError> {
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

async fn entry(gate: &Gate, change: &Change) -> Result<Option<DialectEntry>, GateError> {
    match change.aggregate_type.as_str() {
        "tenant" => tenant_entry(gate, &change.aggregate_id).await,
        "key" => key_entry(gate, &change.aggregate_id).await,
        _ => Ok(None),
    }
}

async fn tenant_entry(gate: &Gate, id: &str) -> Result<Option<DialectEntry>, GateError> {
    let Ok(tenant_id) = id.parse::<TenantId>() else {
        return Ok(None);
    };
    let tenant = gate.tenant(id).await?;
    Ok(tenant.state().map(|state| DialectEntry::of_tenant(tenant_id, state)))
}

async fn key_entry(gate: &Gate, id: &str) -> Result<Option<DialectEntry>, GateError> {
    let Ok(key_id) = id.parse::<KeyId>() else {
        return Ok(None);
    };
    let key = gate.key(id).await?;
    Ok(key.state().map(|state| DialectEntry::of_key(key_id, state)))
}
