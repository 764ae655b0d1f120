//! Building tables anew beside the live ones: load in big transactions, then indexes, then the switch at lag zero. Several
//! projections that are rebuilt together read the log once.
//!
//! Every transaction leaves the build's own checkpoint, so whoever comes next resumes where the last one stopped.

mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use nexus_infrastructure::database::{DatabaseError, SQLITE_DAILY_WORK, Transaction};
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::JoinSet;

pub(crate) use self::target::drop_retired;
use self::target::{Told, unfinished};
use crate::error::{FoldError, RebuildError};
use crate::feed;
use crate::shared::{Shared, Slot};

/// Most events in a transaction on PostgreSQL, where nobody waits for it.
const POSTGRES_BATCH: u32 = 10_000;
/// Most events in a transaction on SQLite, where it keeps all other writers waiting.
const SQLITE_BATCH: u32 = 5000;
/// SQLite: rows go all over the indexes of a table that is loaded, and with the usual page cache most of them would be read
/// from the file, and written back, again and again. So a cache of 128 MiB, and 64 MiB in the write-ahead log. What an index
/// sorts beyond the cache is sorted beside the reading.
const FOR_LOAD: [(&str, &str); 3] =
    [("cache_size", "-131072"), ("wal_autocheckpoint", "16384"), ("threads", "2")];
/// Drives the unfinished rebuilds of `slots` to their ends, as far as nobody else does; a projection without live tables
/// counts as unfinished. One that fails does not hold up the others.
///
/// # Errors
/// The first failure; all are logged.
pub(crate) async fn drive(shared: &Arc<Shared>, slots: &[Arc<Slot>]) -> Result<(), RebuildError> {
    let permit = permit(shared, slots).await.map_err(FoldError::from)?;
    let mut tasks = JoinSet::new();
    let mut readers = Vec::new();
    let mut start = u64::MAX;
    for slot in &permit.slots {
        if let Some(target) = unfinished(shared, slot).await.map_err(FoldError::from)? {
            start = start.min(target.checkpoint);
            // One batch waits while one is folded: enough to keep reading and folding busy side by side.
            let (sender, batches) = mpsc::channel(1);
            readers.push(sender);
            tasks.spawn(target.run(batches));
        }
    }
    if !tasks.is_empty() {
        tune(shared, FOR_LOAD).await;
    }
    let mut outcome = read(shared, start, readers).await.map_err(RebuildError::from);
    if let Err(error) = &outcome {
        tracing::error!(error = error as &dyn std::error::Error, "rebuilds stopped");
    }
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or(Err(RebuildError::Stopped));
        match &ended {
            // Logged where it happened.
            Ok(()) | Err(RebuildError::Stopped) => {}
            Err(error) => tracing::error!(error = error as &dyn std::error::Error, "a rebuild stopped"),
        }
        outcome = outcome.and(ended);
    }
    tune(shared, SQLITE_DAILY_WORK).await;
    outcome
}

/// Sets SQLite's writing connection up for a load, or back for daily work. No harm is done where it fails.
async fn tune(shared: &Shared, tuning: [(&str, &str); 3]) {
    if !shared.database().is_postgres() {
        for (name, value) in tuning {
            let _ = shared.database().execute(&format!("PRAGMA {name} = {value}"), &[]).await;
        }
    }
}

/// The right to rebuild some projections, against other processes and other tasks of this one.
struct Permit {
    slots: Vec<Arc<Slot>>,
    _local: Vec<OwnedMutexGuard<()>>,
    /// Holds the locks. They end with its connection, so that a crashed process blocks nobody; and should the connection
    /// break, the rows of the builds still let one fold at a time.
    _remote: Option<Transaction>,
}

async fn permit(shared: &Shared, wanted: &[Arc<Slot>]) -> Result<Permit, DatabaseError> {
    let mut remote =
        if shared.database().is_postgres() { Some(shared.database().begin().await?) } else { None };
    if let Some(transaction) = &mut remote {
        // It does nothing but hold its locks while the rebuilds run.
        transaction.execute("SET LOCAL idle_in_transaction_session_timeout = 0", &[]).await?;
    }
    let (mut slots, mut local) = (Vec::new(), Vec::new());
    for slot in wanted {
        let Ok(guard) = slot.rebuilding.clone().try_lock_owned() else { continue };
        if let Some(transaction) = &mut remote {
            let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))";
            let rows =
                transaction.query(sql, &[format!("projection/{}/rebuild", slot.name()).into()]).await?;
            if rows.first().map(|row| row.int(0)).transpose()? != Some(1) {
                continue;
            }
        }
        slots.push(slot.clone());
        local.push(guard);
    }
    Ok(Permit { slots, _local: local, _remote: remote })
}

fn batch_size(shared: &Shared) -> u32 {
    if shared.database().is_postgres() { POSTGRES_BATCH } else { SQLITE_BATCH }
}

/// Reads the log up to its end for all targets. Whoever has given up gets nothing more.
async fn read(shared: &Shared, start: u64, mut readers: Vec<mpsc::Sender<Told>>) -> Result<(), FoldError> {
    let limit = batch_size(shared);
    // While a batch is decoded and handed out, the store is already asked for the next one. In a set, which gives up what it
    // holds when it is dropped.
    let ask = |after| {
        let journal = shared.journal.clone();
        JoinSet::from_iter([async move { feed::recorded(&journal, after, limit).await }])
    };
    let mut asked = ask(start);
    while !readers.is_empty() && !shared.is_stopping() {
        let Some(answer) = asked.join_next().await else { break };
        let recorded = answer.map_err(|crash| DatabaseError::Other(Arc::new(crash)))??.events;
        let told = match recorded.last() {
            Some(last) => {
                asked = ask(last.position);
                Told::Batch(feed::decode(recorded))
            }
            None => Told::End,
        };
        let mut listening = Vec::with_capacity(readers.len());
        for reader in readers {
            if reader.send(told.clone()).await.is_ok() {
                listening.push(reader);
            }
        }
        if matches!(told, Told::End) {
            break;
        }
        readers = listening;
    }
    Ok(())
}
