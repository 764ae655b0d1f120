//! The way of a node's decisions into the log: batch by batch, each exactly once.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_domain::ids::TenantId;
use nexus_infrastructure::gate::{Gate, GateError, PLATFORM_TENANT};
use nexus_infrastructure::personal_data::Cipher;
use nexus_validator::usage_journal::{Batch, Segments, UsageJournalError};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::connection::Parcel;

const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a node waits between two batches when little happens.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// What a key that is in use makes the window wider by. The log so grows with the keys in use, and by about fifty events a
/// second at most as long as they fit the widest window; a key that is used very much makes one more for every few hundred
/// requests.
const WINDOW_PER_KEY: Duration = Duration::from_millis(20);

/// Events of a batch that go into the log at once, so that a revocation never waits long behind usage. After a crash the parts
/// are recognised by their numbers, so this must not change while batches wait on disk: it never does.
const EVENTS_AT_ONCE: usize = 2_000;

/// A batch could not be taken over; it will be tried again.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error("the usage journal cannot be read: {0}")]
    Journal(#[from] UsageJournalError),
    #[error("the log did not take the batch: {0}")]
    Gate(#[from] GateError),
    #[error("the reader of the usage journal ended")]
    Reader,
}

/// Moves batches from the usage journal into the log until `stop` is told; then once more, so that nothing waits for the
/// next start, and answers. The window between two turns is a second, and widens up to `widest` with the keys that are used.
pub async fn drain(
    gate: Arc<Gate>,
    segments: Segments,
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
        match move_all(&gate, &mut segments).await {
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

/// Moves what is there, and tells how many keys it concerned. What is recorded meanwhile waits for the next turn: under load
/// there would be no end, and every key would make an event each time.
async fn move_all(gate: &Gate, segments: &mut Option<Segments>) -> Result<usize, DrainError> {
    let mut keys = HashSet::new();
    let newest = on_disk(segments, |segments| Ok(segments.running())).await?;
    loop {
        let Some(batch) = on_disk(segments, move |segments| segments.next_up_to(newest)).await? else {
            return Ok(keys.len());
        };
        append(gate, &batch, |stream| {
            keys.insert(stream.to_owned());
        })
        .await?;
        on_disk(segments, move |segments| segments.done(batch)).await?;
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
    append(gate, &batch, |_| {}).await.map_err(|error| error.to_string())
}

/// Appends the events of a batch, in parts.
async fn append(gate: &Gate, batch: &Batch, mut each: impl FnMut(&str)) -> Result<(), GateError> {
    let fingerprint = fingerprint(batch);
    let ciphers = ciphers(gate, batch).await?;
    let seal = |tenant: Option<TenantId>, ip: IpAddr| {
        ciphers.get(&tenant.unwrap_or(PLATFORM_TENANT))?.seal(&ip.to_string()).ok()
    };
    let mut part = 0;
    let mut events = batch.events(seal).peekable();
    while events.peek().is_some() {
        let at_once = events.by_ref().take(EVENTS_AT_ONCE).inspect(|(stream, _)| each(stream));
        gate.record_usage(&batch.node, batch.number, &format!("{fingerprint}.{part}"), at_once).await?;
        part += 1;
    }
    metrics::counter!("nexus_usage_batches_total").increment(1);
    Ok(())
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
