//! One build being filled: load, bring together, index, switch.

use std::sync::Arc;
use std::time::Duration;

use nexus_infrastructure::database::{DatabaseError, Transaction};
use tokio::sync::mpsc;

use super::batch_size;
use crate::builds::{self, Standing, State, Taken};
use crate::error::{FoldError, RebuildError};
use crate::event::Batch;
use crate::feed;
use crate::projection::Build;
use crate::runner::{self, Place};
use crate::shared::{Shared, Slot};

/// How often a drop is tried that readers are in the way of, and how long it rests in between. The keeper tries again later.
const DROP_ATTEMPTS: u32 = 3;
const DROP_PAUSE: Duration = Duration::from_millis(200);

/// What a target is told of the log.
#[derive(Clone)]
pub(super) enum Told {
    Batch(Batch),
    /// There was nothing more. Without it, reading was broken off.
    End,
}

/// What there is to do for a projection.
pub(super) async fn unfinished(
    shared: &Arc<Shared>,
    slot: &Arc<Slot>,
) -> Result<Option<Target>, DatabaseError> {
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

/// How far a batch was folded.
enum Folded {
    All,
    UpToUnreadable,
    /// Not at all: the build is no longer being filled.
    Gone,
}

/// A build being filled.
pub(super) struct Target {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    pub(super) build: Build,
    pub(super) checkpoint: u64,
    /// Whether sums still lie apart.
    pub(super) loading: bool,
}

impl Target {
    pub(super) async fn run(mut self, batches: mpsc::Receiver<Told>) -> Result<(), RebuildError> {
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
    pub(super) async fn index(&mut self) -> Result<bool, FoldError> {
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
    pub(super) async fn switch(&mut self) -> Result<bool, FoldError> {
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
