//! Usage into the log, each batch once: that of this process's own table, and that of validating nodes.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::UsageEvent;
use nexus_infrastructure::gate::{Gate, GateError, PLATFORM_TENANT};
use nexus_infrastructure::personal_data::Cipher;
use nexus_projections::{Projections, key_list};
use nexus_validator::Validator;
use nexus_validator::usage_journal::{Batch, Taker};
use sha2::{Digest as _, Sha256};

use super::connection::Parcel;
use super::settle::visible;
use crate::app::VISIBLE_WITHIN;

/// Keys whose owners are asked for with one statement.
const KEYS_AT_ONCE: usize = 1_000;

/// Events of a batch that go into the log at once, so that a revocation never waits long behind usage. After a crash the parts
/// are recognised by their numbers, so this must not change while batches wait on disk: it never does.
const EVENTS_AT_ONCE: usize = 2_000;

/// Takes the batches of the process's own journal.
pub struct IntoLog(pub Arc<Gate>);

impl Taker for IntoLog {
    type Error = GateError;

    async fn take(&mut self, batch: &Batch) -> Result<usize, GateError> {
        // Its decisions are this process's own.
        append(&self.0, batch, |_, _| true).await
    }
}

/// What a node's word about usage is held against.
pub(super) struct Intake<'a> {
    /// The way into the log.
    pub(super) gate: &'a Arc<Gate>,
    /// Whose the keys are.
    pub(super) projections: &'a Projections,
    /// The own table.
    pub(super) validator: &'a Validator,
}

impl Intake<'_> {
    /// Takes a batch that a validating node sent into the log, once however often it comes, and tells how many of its decisions
    /// were refused: those on keys that there are not or that are of another tenant than the node says, those of tenants that
    /// it may not know of, as `sees` tells, and those beyond what a journal puts into one batch. A node that was broken into must
    /// not write the usage of others, and one whose credential was narrowed must not keep its other usage back for ever.
    ///
    /// # Errors
    /// For people: the node keeps the batch, and sends it again.
    pub(super) async fn take(
        &self,
        parcel: Parcel,
        sees: impl Fn(TenantId) -> bool,
    ) -> Result<usize, String> {
        let Parcel { node, number, segment } = parcel;
        // Up to 64 MiB, which would keep a worker from its requests.
        let received = tokio::task::spawn_blocking(move || Batch::received(node, number, segment.into()));
        let batch = received.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let owners = self.owners(&batch).await?;
        // Another API node, or this one after its next start, may have it: nothing is refused that is only not known yet.
        let unserved = |key: KeyId, tenant: TenantId| {
            owners.get(&key) == Some(&tenant) && self.validator.dialect_of_tenant(tenant).is_none()
        };
        if let Some((_, tenant, _)) = batch.owners().find(|(key, tenant, _)| unserved(*key, *tenant)) {
            return Err(format!("this API node does not serve the dialect of tenant {tenant}"));
        }
        let admitted = |key: KeyId, tenant: TenantId| owners.get(&key) == Some(&tenant) && sees(tenant);
        let admitted: HashSet<(KeyId, TenantId)> = batch
            .owners()
            .map(|(key, tenant, _)| (key, tenant))
            .filter(|(key, tenant)| admitted(*key, *tenant))
            .collect();
        let refused = batch.owners().filter(|(key, tenant, _)| !admitted.contains(&(*key, *tenant)));
        let refused = batch.left_out() + refused.map(|(.., decisions)| decisions).sum::<usize>();
        append(self.gate, &batch, |key, tenant| admitted.contains(&(key, tenant)))
            .await
            .map_err(|error| error.to_string())?;
        Ok(refused)
    }

    /// Whose the keys of a batch really are. What a node decided on was in the log before: where one is not known here, the
    /// lists and the table may only be behind.
    async fn owners(&self, batch: &Batch) -> Result<HashMap<KeyId, TenantId>, String> {
        let said: HashMap<KeyId, TenantId> = batch.owners().map(|(key, tenant, _)| (key, tenant)).collect();
        let mut owners = HashMap::with_capacity(said.len());
        let mut unknown: Vec<KeyId> = said.into_keys().collect();
        self.look_up(&unknown, &mut owners).await?;
        unknown.retain(|key| {
            owners.get(key).is_none_or(|tenant| self.validator.dialect_of_tenant(*tenant).is_none())
        });
        if !unknown.is_empty() {
            let head = self.gate.journal().head().await.map_err(|error| error.to_string())?;
            let listed = self.projections.await_position(key_list::NAME, head, VISIBLE_WITHIN);
            listed.await.map_err(|error| error.to_string())?;
            let shown = visible(self.validator, head, VISIBLE_WITHIN).await;
            shown.map_err(|_| "this API node's table is behind the log".to_owned())?;
            self.look_up(&unknown, &mut owners).await?;
        }
        Ok(owners)
    }

    async fn look_up(&self, keys: &[KeyId], owners: &mut HashMap<KeyId, TenantId>) -> Result<(), String> {
        let list = self.projections.key_list();
        for some in keys.chunks(KEYS_AT_ONCE) {
            owners.extend(list.owners(some).await.map_err(|error| error.to_string())?);
        }
        // Those of clients and of secrets for service JWTs, whose tokens are used under their ids.
        let others = keys.iter().filter_map(|key| Some((*key, self.validator.owner_of_tokens(*key)?)));
        for (key, tenant) in others {
            owners.entry(key).or_insert(tenant);
        }
        Ok(())
    }
}

/// Appends the events of a batch, in parts, and tells how many streams they belong to. Keys that are not `admitted` are left out;
/// they have their places in the parts all the same, so that each part is the same when the batch comes again. What was left out
/// of a part that was stored stays out, also where the credential has come to see it meanwhile.
async fn append(
    gate: &Gate,
    batch: &Batch,
    admitted: impl Fn(KeyId, TenantId) -> bool,
) -> Result<usize, GateError> {
    let mut streams = HashSet::new();
    let fingerprint = fingerprint(batch);
    let tenants: HashSet<TenantId> = batch
        .owners()
        .filter(|(key, tenant, _)| admitted(*key, *tenant))
        .map(|(_, tenant, _)| tenant)
        .collect();
    let ciphers = ciphers(gate, batch, &tenants).await?;
    let seal = |tenant: Option<TenantId>, ip: IpAddr| {
        ciphers.get(&tenant.unwrap_or(PLATFORM_TENANT))?.seal(&ip.to_string()).ok()
    };
    let mut part = 0;
    let mut events = batch.events(seal).peekable();
    while events.peek().is_some() {
        let at_once = events.by_ref().take(EVENTS_AT_ONCE).filter(|(_, event)| match event {
            UsageEvent::KeyUsed(used) => admitted(used.key_id, used.tenant_id),
            UsageEvent::UnattributedRefusals(_) => true,
        });
        let at_once = at_once.inspect(|(stream, _)| {
            streams.insert(stream.clone());
        });
        gate.record_usage(&batch.node, batch.number, &format!("{fingerprint}.{part}"), at_once).await?;
        part += 1;
    }
    metrics::counter!("nexus_usage_batches_total").increment(1);
    Ok(streams.len())
}

/// Tells two batches of one number apart: SHA-256 of what was decided, and when.
fn fingerprint(batch: &Batch) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(batch.bytes()))
}

/// What encrypts the addresses of a batch: for nobody, and for these tenants. For no others, since this makes their keys.
async fn ciphers(
    gate: &Gate,
    batch: &Batch,
    tenants: &HashSet<TenantId>,
) -> Result<HashMap<TenantId, Cipher>, GateError> {
    let mut ciphers = HashMap::new();
    let wanted =
        batch.tenants_with_addresses().filter(|tenant| tenant.is_none_or(|id| tenants.contains(&id)));
    for tenant in wanted.map(|tenant| tenant.unwrap_or(PLATFORM_TENANT)) {
        if let std::collections::hash_map::Entry::Vacant(vacant) = ciphers.entry(tenant) {
            vacant.insert(gate.personal_data().cipher(&tenant.to_string()).await?);
        }
    }
    Ok(ciphers)
}
