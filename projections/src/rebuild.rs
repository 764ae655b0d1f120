//! Building tables anew beside the live ones: load in big transactions, then indexes, then the switch at lag zero. Several
//! projections that are rebuilt together read the log once.
//!
//! Every transaction leaves the build's own checkpoint, so whoever comes next resumes where the last one stopped.

use std::sync::Arc;
use std::time::Duration;

use nexus_infrastructure::database::{DatabaseError, SQLITE_DAILY_WORK, Transaction};
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::JoinSet;

use crate::builds::{self, Standing, State, Taken};
use crate::error::{FoldError, RebuildError};
use crate::event::Batch;
use crate::feed;
use crate::projection::Build;
use crate::runner::{self, Place};
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
/// How often a drop is tried that readers are in the way of, and how long it rests in between. The keeper tries again later.
const DROP_ATTEMPTS: u32 = 3;
const DROP_PAUSE: Duration = Duration::from_millis(200);

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

/// What there is to do for a projection.
async fn unfinished(shared: &Arc<Shared>, slot: &Arc<Slot>) -> Result<Option<Target>, DatabaseError> {
    let projection = &*slot.projection;
    let rows = builds::all(shared.database(), slot.name()).await?;
    let row = match builds::own(&rows, projection, State::Building) {
        Some(row) => row,
        None if builds::own(&rows, projection, State::Live).is_some() => return Ok(None),
        None => builds::open(shared.database(), projection).await?,
    };
    let mut transaction = shared.database().begin().await?;
    let loading = builds::is_loading(&mut transaction, projection, row.build).await?;
    transaction.rollback().await?;
    let (shared, slot) = (shared.clone(), slot.clone());
    Ok(Some(Target { shared, slot, build: row.build, checkpoint: row.checkpoint, loading }))
}

fn batch_size(shared: &Shared) -> u32 {
    if shared.database().is_postgres() { POSTGRES_BATCH } else { SQLITE_BATCH }
}

/// What a target is told of the log.
#[derive(Clone)]
enum Told {
    Batch(Batch),
    /// There was nothing more. Without it, reading was broken off.
    End,
}

/// Reads the log up to its end for all targets. Whoever has given up gets nothing more.
async fn read(shared: &Shared, start: u64, mut readers: Vec<mpsc::Sender<Told>>) -> Result<(), FoldError> {
    let limit = batch_size(shared);
    // While a batch is decoded and handed out, the store is already asked for the next one.
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

/// How far a batch was folded.
enum Folded {
    All,
    UpToUnreadable,
    /// Not at all: the build is no longer being filled.
    Gone,
}

/// A build being filled.
struct Target {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    build: Build,
    checkpoint: u64,
    /// Whether sums still lie apart.
    loading: bool,
}

impl Target {
    async fn run(mut self, batches: mpsc::Receiver<Told>) -> Result<(), RebuildError> {
        let name = self.slot.name();
        tracing::info!(projection = name, build = %self.build, from = self.checkpoint, "rebuild started");
        let done = self.fill(batches).await.map_err(|source| RebuildError::Fold { name, source })?;
        if !done {
            tracing::info!(projection = name, build = %self.build, checkpoint = self.checkpoint, "rebuild left unfinished");
            return Err(RebuildError::Stopped);
        }
        tracing::info!(projection = name, build = %self.build, checkpoint = self.checkpoint, "rebuild finished");
        Ok(())
    }

    /// True once the build is live, or somebody else's, and false where it is left unfinished.
    async fn fill(&mut self, mut batches: mpsc::Receiver<Told>) -> Result<bool, FoldError> {
        loop {
            match batches.recv().await {
                Some(Told::Batch(batch)) => match self.fold(&batch).await? {
                    Folded::All => {}
                    // An event that nobody here can read stops the live build too: going live in front of it loses nothing.
                    Folded::UpToUnreadable => break,
                    Folded::Gone => return Ok(true),
                },
                Some(Told::End) => break,
                // What is loaded only in part is not to be brought together, or the rest would be added up row by row.
                None => return Ok(false),
            }
        }
        drop(batches);
        if self.shared.is_stopping() {
            return Ok(false);
        }
        if !self.index().await? {
            return Ok(true);
        }
        while !self.shared.is_stopping() {
            if self.switch().await? {
                self.retire().await;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Folds what of `batch` is behind the checkpoint.
    async fn fold(&mut self, batch: &Batch) -> Result<Folded, FoldError> {
        loop {
            let (events, unreadable) =
                runner::readable(&*self.slot.projection, feed::rest(batch, self.checkpoint));
            let Some(plan) = runner::plan(&self.shared, &self.slot, self.standing(), events).await? else {
                return Ok(Folded::Gone);
            };
            let mut transaction = self.shared.database().begin().await?;
            builds::relax(&mut transaction).await?;
            let name = self.slot.name();
            match builds::take(&mut transaction, name, self.build, State::Building, true).await? {
                Taken::At(checkpoint) if checkpoint == self.checkpoint => {}
                Taken::At(checkpoint) => {
                    self.checkpoint = checkpoint;
                    continue;
                }
                Taken::Busy | Taken::Gone => return Ok(Folded::Gone),
            }
            self.checkpoint = plan.write(&mut transaction, &self.slot, self.build, self.place()).await?;
            transaction.commit().await?;
            runner::count(&self.slot, events.len());
            return Ok(if unreadable.is_some() { Folded::UpToUnreadable } else { Folded::All });
        }
    }

    fn place(&self) -> Place {
        if self.loading { Place::Apart } else { Place::Together }
    }

    fn standing(&self) -> Standing {
        Standing { build: self.build, checkpoint: self.checkpoint }
    }

    /// Brings together what was loaded apart, and makes the indexes. False where the build is no longer being filled.
    async fn index(&mut self) -> Result<bool, FoldError> {
        if self.loading && !self.bring_together().await? {
            return Ok(false);
        }
        for table in self.slot.projection.tables() {
            let indexes: Vec<String> = table.create_indexes(self.build).collect();
            let analyze = format!("ANALYZE {}_{}", table.name, self.build);
            let analyze = Some(analyze).filter(|_| self.shared.database().is_postgres());
            for statement in indexes.iter().chain(&analyze) {
                let Some(mut transaction) = self.maintain().await? else { return Ok(false) };
                transaction.execute(statement, &[]).await?;
                transaction.commit().await?;
            }
        }
        Ok(true)
    }

    async fn bring_together(&mut self) -> Result<bool, FoldError> {
        let Some(mut transaction) = self.maintain().await? else { return Ok(false) };
        // Somebody else who was at this build may have done it since.
        if builds::is_loading(&mut transaction, &*self.slot.projection, self.build).await? {
            let postgres = transaction.is_postgres();
            for table in self.slot.projection.tables() {
                for statement in table.bring_together(self.build, postgres) {
                    transaction.execute(&statement, &[]).await?;
                }
            }
        }
        transaction.commit().await?;
        self.loading = false;
        Ok(true)
    }

    /// A transaction for work on whole tables. Nothing where the build is no longer being filled.
    async fn maintain(&self) -> Result<Option<Transaction>, DatabaseError> {
        let mut transaction = self.shared.database().begin().await?;
        builds::relax(&mut transaction).await?;
        // Nobody else folds into it meanwhile: what came behind the reading of a table would go with it.
        match builds::take(&mut transaction, self.slot.name(), self.build, State::Building, true).await? {
            Taken::At(_) => {}
            Taken::Busy | Taken::Gone => return Ok(None),
        }
        if transaction.is_postgres() {
            transaction.execute("SET LOCAL maintenance_work_mem = '256MB'", &[]).await?;
            transaction.execute("SET LOCAL work_mem = '128MB'", &[]).await?;
            // What is brought together has to be sorted in any case.
            transaction.execute("SET LOCAL enable_hashagg = off", &[]).await?;
            // A rough sample will do: the server takes a better one by itself when it is idle.
            transaction.execute("SET LOCAL default_statistics_target = 10", &[]).await?;
        }
        Ok(Some(transaction))
    }

    /// Holds the live build where it is, folds what is missing, and exchanges the two. False where more came than one
    /// transaction should fold, or another rebuild came first.
    async fn switch(&mut self) -> Result<bool, FoldError> {
        let database = self.shared.database();
        let projection = &*self.slot.projection;
        let name = self.slot.name();
        let live = builds::live(database, projection).await?.map(|live| live.build);
        let mut transaction = database.begin().await?;
        let held = match live {
            Some(build) => match builds::take(&mut transaction, name, build, State::Live, true).await? {
                Taken::At(checkpoint) => checkpoint,
                Taken::Busy | Taken::Gone => return Ok(false),
            },
            None => 0,
        };
        match builds::take(&mut transaction, name, self.build, State::Building, true).await? {
            Taken::At(checkpoint) => self.checkpoint = checkpoint,
            Taken::Busy | Taken::Gone => return Ok(true),
        }
        let limit = batch_size(&self.shared);
        let turn = feed::recorded(&self.shared.journal, self.checkpoint, limit).await?;
        let batch = feed::decode(turn.events);
        let (events, unreadable) = runner::readable(projection, &batch);
        let Some(plan) = runner::plan(&self.shared, &self.slot, self.standing(), events).await? else {
            return Ok(true);
        };
        let reached = plan.write(&mut transaction, &self.slot, self.build, self.place()).await?;
        let level = (turn.at_end || unreadable.is_some()) && reached >= held;
        match unreadable {
            // The live build was moved past it by a newer program.
            Some(error) if !level => return Err(error),
            Some(_) | None => {}
        }
        if level {
            if let Some(build) = live {
                builds::set_state(&mut transaction, name, build, State::Retired).await?;
            }
            builds::set_state(&mut transaction, name, self.build, State::Live).await?;
        }
        transaction.commit().await?;
        self.checkpoint = reached;
        runner::count(&self.slot, events.len());
        if level {
            self.slot.set_live(Some(self.standing()));
        }
        Ok(level)
    }

    /// Drops what was replaced. Readers may be in the way for long; then the keeper does it later.
    async fn retire(&self) {
        for _ in 0..DROP_ATTEMPTS {
            match drop_retired(&self.shared, &self.slot).await {
                Ok(()) => return,
                Err(_) => {
                    self.shared.pause(DROP_PAUSE).await;
                }
            }
        }
    }
}

/// Drops the tables of all builds that were replaced.
pub(crate) async fn drop_retired(shared: &Shared, slot: &Slot) -> Result<(), DatabaseError> {
    for row in builds::all(shared.database(), slot.name()).await? {
        if row.state == State::Retired {
            builds::drop_build(shared.database(), slot.name(), row.build).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_infrastructure::database::Database;
    use nexus_infrastructure::journal::{Append, Expected, Journal, JournalOptions, NewEvent, StreamAppend};
    use nexus_infrastructure::testing::databases;
    use serde_json::json;
    use tokio::sync::watch;

    use super::*;
    use crate::feed::Feed;

    async fn usage(database: &Database) -> (Arc<Shared>, Arc<Slot>) {
        let journal = Journal::open(database.clone(), JournalOptions::default()).await.unwrap();
        let slot = Arc::new(Slot::new(Arc::new(crate::usage::Fold)));
        let (slots, stopping) = (vec![slot.clone()], watch::Sender::new(false));
        (Arc::new(Shared { journal, feed: Feed::default(), slots, running: false, stopping }), slot)
    }

    #[tokio::test]
    async fn what_somebody_else_has_brought_together_or_switched_is_left_alone() {
        for database in databases().await {
            let (shared, slot) = usage(&database.database).await;
            let mut first = unfinished(&shared, &slot).await.unwrap().unwrap();
            let mut second = unfinished(&shared, &slot).await.unwrap().unwrap();
            assert_eq!(first.build, second.build);
            assert!(first.index().await.unwrap());
            assert!(second.loading);
            assert!(second.index().await.unwrap(), "there is nothing left to do");
            assert!(first.switch().await.unwrap());
            assert!(!second.index().await.unwrap(), "it is not being filled any more");
        }
    }

    #[tokio::test]
    async fn events_too_big_to_be_read_at_once_are_not_taken_for_the_end_of_the_log() {
        for database in databases().await {
            let (shared, slot) = usage(&database.database).await;
            let event = |_| NewEvent {
                event_type: "KeyIssued".to_owned(),
                event_version: "1.0".to_owned(),
                payload: json!("x".repeat(9 << 20)).into(),
                metadata: json!({}).into(),
            };
            let stream = StreamAppend {
                aggregate_type: "key".to_owned(),
                aggregate_id: "passed over".to_owned(),
                expected: Expected::Any,
                events: (0..3).map(event).collect(),
            };
            shared.journal.append(Append { streams: vec![stream], ..Append::default() }).await.unwrap();
            let mut target = unfinished(&shared, &slot).await.unwrap().unwrap();
            assert!(target.index().await.unwrap());
            assert!(!target.switch().await.unwrap());
            assert_eq!(target.checkpoint, 2);
            assert!(target.switch().await.unwrap());
            assert_eq!(target.checkpoint, 3);
        }
    }
}
