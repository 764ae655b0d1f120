//! Usage into the log, each batch once: that of this process's own table, and that of validating nodes.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_domain::ids::TenantId;
use nexus_infrastructure::gate::{Gate, GateError, PLATFORM_TENANT};
use nexus_infrastructure::personal_data::Cipher;
use nexus_validator::usage_journal::{Batch, Taker};
use sha2::{Digest as _, Sha256};

use super::connection::Parcel;

/// Events of a batch that go into the log at once, so that a revocation never waits long behind usage. After a crash the parts
/// are recognised by their numbers, so this must not change while batches wait on disk: it never does.
const EVENTS_AT_ONCE: usize = 2_000;

/// Takes the batches of the process's own journal.
pub struct IntoLog(pub Arc<Gate>);

impl Taker for IntoLog {
    type Error = GateError;

    async fn take(&mut self, batch: &Batch) -> Result<usize, GateError> {
        append(&self.0, batch).await
    }
}

/// Takes a batch that a validating node sent into the log, once however often it comes. `sees` tells whether the node may know
/// of a tenant: one that was broken into must not write the usage of others.
///
/// # Errors
/// For people: the node keeps the batch, and sends it again.
pub(super) async fn take(gate: &Gate, parcel: Parcel, sees: impl Fn(TenantId) -> bool) -> Result<(), String> {
    let Parcel { node, number, segment } = parcel;
    let batch = Batch::received(node, number, segment.into()).map_err(|error| error.to_string())?;
    if let Some(foreign) = batch.tenants().find(|tenant| !sees(*tenant)) {
        return Err(format!("the batch concerns tenant {foreign}, whose dialect the node does not serve"));
    }
    append(gate, &batch).await.map(drop).map_err(|error| error.to_string())
}

/// Appends the events of a batch, in parts, and tells how many streams they belong to.
async fn append(gate: &Gate, batch: &Batch) -> Result<usize, GateError> {
    let mut streams = HashSet::new();
    let fingerprint = fingerprint(batch);
    let ciphers = ciphers(gate, batch).await?;
    let seal = |tenant: Option<TenantId>, ip: IpAddr| {
        ciphers.get(&tenant.unwrap_or(PLATFORM_TENANT))?.seal(&ip.to_string()).ok()
    };
    let mut part = 0;
    let mut events = batch.events(seal).peekable();
    while events.peek().is_some() {
        let at_once = events.by_ref().take(EVENTS_AT_ONCE).inspect(|(stream, _)| {
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

/// What encrypts the addresses of a batch.
async fn ciphers(gate: &Gate, batch: &Batch) -> Result<HashMap<TenantId, Cipher>, GateError> {
    let mut ciphers = HashMap::new();
    for tenant in batch.tenants_with_addresses().map(|tenant| tenant.unwrap_or(PLATFORM_TENANT)) {
        if let std::collections::hash_map::Entry::Vacant(vacant) = ciphers.entry(tenant) {
            vacant.insert(gate.personal_data().cipher(&tenant.to_string()).await?);
        }
    }
    Ok(ciphers)
}
