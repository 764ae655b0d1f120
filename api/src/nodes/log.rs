//! The log for nodes, out of the journal and the credential lookup.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_domain::validity::DialectEntry;
use nexus_infrastructure::gate::Gate;
use nexus_infrastructure::gate::entries::{self, Entries, Named};
use nexus_infrastructure::journal::{Change, Subscription};
use nexus_projections::{Projections, credential_lookup};
use nexus_validator::Validator;
use nexus_validator::control::wanted::{TokenNames, Wanted};
use uuid::Uuid;

use super::ports::{Log, Read, Snapshot, StoreError};

/// Changes that are read at once.
const TURN: u32 = 1_000;
/// The log of the process's store.
pub struct JournalLog {
    id: Uuid,
    gate: Arc<Gate>,
    projections: Projections,
    validator: Arc<Validator>,
    entries: Entries,
}

impl JournalLog {
    /// The log of this id. The table finds the key that a digest belongs to.
    #[must_use]
    pub fn new(id: Uuid, gate: Arc<Gate>, projections: Projections, validator: Arc<Validator>) -> Self {
        let entries = Entries::new(Arc::clone(&gate));
        Self { id, gate, projections, validator, entries }
    }
}

impl Read {
    fn of(after: u64, changes: &[Change], entries: Vec<DialectEntry>) -> Self {
        let moved = changes.iter().rfind(|change| entries::concerns(change));
        let to = changes.last().map_or(after, |last| last.position);
        Self { to, changed: moved.map(|change| (change.position, entries)) }
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
            let entries = self.entries.stored(&changes).await.map_err(StoreError::of)?;
            Ok(Read::of(after, &changes, entries))
        }
        .boxed()
    }

    fn follow(&self, after: u64) -> BoxFuture<'_, Result<Read, StoreError>> {
        async move {
            let mut subscription = Subscription::from(self.gate.journal().clone(), after);
            let changes = subscription.next_or_recent(TURN).await.map_err(StoreError::of)?;
            let entries = self.entries.followed(&changes).await.map_err(StoreError::of)?;
            Ok(Read::of(after, &changes, entries))
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

    fn credential(&self, wanted: Wanted) -> BoxFuture<'_, Result<Vec<DialectEntry>, StoreError>> {
        async move {
            let digest = match wanted {
                Wanted::Secret(digest) => digest,
                Wanted::Token(names) => {
                    let client = names.client_id.as_ref().and_then(|id| self.validator.client_of(id));
                    let TokenNames { kid, tenant_id, ids, .. } = &*names;
                    let token = Named { kid, client, tenant: *tenant_id, ids };
                    return self.entries.token(token).await.map_err(StoreError::of);
                }
            };
            let Some(key) = self.validator.key_of(&digest) else { return Ok(Vec::new()) };
            let (key_id, tenant_id) = (key.key_id().to_string(), key.tenant_id().to_string());
            // As the log has them now: the table may be behind.
            self.entries.credential(&key_id, &tenant_id).await.map_err(StoreError::of)
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
        async move { self.snapshot.next().await.map_err(StoreError::of) }.boxed()
    }
}
