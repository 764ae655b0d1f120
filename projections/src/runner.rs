//! Following the log: one task per projection folds what is new into the live tables, rows and checkpoint in one
//! transaction. Any number of processes may follow with the same tables; the checkpoint's row lets one fold at a time.

use std::sync::Arc;
use std::time::Duration;

use nexus_infrastructure::database::{DatabaseError, Transaction};
use tokio::sync::watch;

use crate::builds::{self, Standing, State, Taken};
use crate::bulk;
use crate::error::FoldError;
use crate::event::Event;
use crate::feed;
use crate::projection::{Build, Projection, Rows, Stored};
use crate::reader::is_missing_table;
use crate::shared::{Shared, Slot};

/// How long a quiet runner waits before it looks by itself, in case a wake-up was lost or the live build was switched.
const IDLE: Duration = Duration::from_secs(1);
/// How long a runner waits while another process folds.
const BUSY: Duration = Duration::from_millis(15);
/// How long a runner that had come to the end lets events gather that nobody waits for: a fold is a transaction, and what was
/// appended just now has more urgent ways to go.
const GATHER: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There may be more to do at once.
    Moved,
    /// Another process is at it.
    Busy,
    /// There is nothing to do.
    Idle,
}

/// Runs until the process stops. An error is shown in the status, logged once, and tried again after a pause: what was
/// unreadable stays so, but another node with a newer program may move the projection past it.
pub(crate) async fn follow(shared: Arc<Shared>, slot: Arc<Slot>) {
    let mut head = shared.journal.watch();
    let mut retry = FIRST_RETRY;
    while !shared.is_stopping() {
        match step(&shared, &slot).await {
            Ok(step) => {
                slot.set_error(None);
                retry = FIRST_RETRY;
                show_lag(&slot, &head);
                match step {
                    Step::Moved => {}
                    Step::Busy => {
                        shared.pause(BUSY).await;
                    }
                    Step::Idle => wait(&shared, &slot, &mut head).await,
                }
            }
            Err(error) => {
                if slot.set_error(Some(describe(&error))) {
                    tracing::error!(
                        projection = slot.name(),
                        error = &error as &dyn std::error::Error,
                        "projection stands still"
                    );
                }
                show_lag(&slot, &head);
                shared.pause(retry).await;
                retry = (retry * 2).min(LONGEST_RETRY);
            }
        }
    }
}

/// Waits for events behind the checkpoint.
async fn wait(shared: &Shared, slot: &Slot, head: &mut watch::Receiver<u64>) {
    let checkpoint = slot.live().map_or(u64::MAX, |live| live.checkpoint);
    let mut live = slot.watch();
    tokio::select! {
        () = until_beyond(head, checkpoint) => {}
        // Set by a rebuild that finished in this process.
        _ = live.changed() => {}
        _ = shared.pause(IDLE) => {}
    }
    let quiet = *head.borrow() <= checkpoint;
    if !quiet {
        tokio::select! {
            () = slot.wanted() => {}
            _ = shared.pause(GATHER) => {}
        }
    } else {
        // Nothing came: see whether the live build is still the live one, and still where this process left it. A crash of
        // the database may have taken the last folds away again.
        if let Ok(live) = builds::live(shared.database(), &*slot.projection).await {
            slot.set_live(live);
        }
    }
}

async fn until_beyond(head: &mut watch::Receiver<u64>, position: u64) {
    if head.wait_for(|head| *head > position).await.is_err() {
        // The journal is gone; what other processes append is still found by looking.
        std::future::pending::<()>().await;
    }
}

async fn step(shared: &Shared, slot: &Slot) -> Result<Step, FoldError> {
    let live = match slot.live() {
        Some(live) => live,
        None => match shared.refresh(slot).await? {
            Some(live) => live,
            None => return Ok(Step::Idle),
        },
    };
    let batch = shared.feed.around(&shared.journal, live.checkpoint).await?;
    let (events, unreadable) = readable(&*slot.projection, feed::rest(&batch, live.checkpoint));
    if events.is_empty() {
        return unreadable.map_or(Ok(Step::Idle), Err);
    }
    let Some(plan) = plan(shared, slot, live, events).await? else {
        return look_again(shared, slot).await;
    };
    let mut transaction = shared.database().begin().await?;
    builds::relax(&mut transaction).await?;
    match builds::take(&mut transaction, slot.name(), live.build, State::Live, false).await? {
        Taken::At(checkpoint) if checkpoint == live.checkpoint => {}
        Taken::At(_) | Taken::Gone => {
            transaction.rollback().await?;
            return look_again(shared, slot).await;
        }
        Taken::Busy => {
            transaction.rollback().await?;
            shared.refresh(slot).await?;
            return Ok(Step::Busy);
        }
    }
    let reached = plan.write(&mut transaction, slot, live.build, Place::Together).await?;
    transaction.commit().await?;
    count(slot, events.len());
    // Only now: whoever waits for the position asks the tables next.
    slot.set_live(Some(Standing { build: live.build, checkpoint: reached }));
    Ok(Step::Moved)
}

/// Somebody else moved the live build, or made another one live.
async fn look_again(shared: &Shared, slot: &Slot) -> Result<Step, FoldError> {
    slot.set_live(builds::live(shared.database(), &*slot.projection).await?);
    Ok(Step::Moved)
}

/// What a fold worked out for events right behind a build's checkpoint. It holds as long as the build stands there.
pub(crate) struct Plan {
    rows: Vec<Rows>,
    reached: u64,
}

/// Folds events without writing. Nothing where the build's tables are gone.
pub(crate) async fn plan(
    shared: &Shared,
    slot: &Slot,
    standing: Standing,
    events: &[Event],
) -> Result<Option<Plan>, FoldError> {
    let stored = Stored { database: shared.database(), build: standing.build };
    let reached = events.last().map_or(standing.checkpoint, |last| last.position);
    match slot.projection.fold(stored, events).await {
        Ok(rows) => Ok(Some(Plan { rows, reached })),
        Err(FoldError::Database(error)) if is_missing_table(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where rows that only add up are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In their table.
    Together,
    /// Behind one another in a table of their own, until the build is loaded.
    Apart,
}

impl Plan {
    /// Writes the rows and moves the checkpoint of the build, whose row the transaction has. Answers the new checkpoint.
    pub(crate) async fn write(
        self,
        transaction: &mut Transaction,
        slot: &Slot,
        build: Build,
        place: Place,
    ) -> Result<u64, DatabaseError> {
        let tables = slot.projection.tables();
        for rows in self.rows {
            let sums = tables.iter().find(|table| table.name == rows.table && table.sums.is_some());
            match (place, sums) {
                (Place::Apart, Some(table)) => {
                    bulk::load(transaction, &table.loaded(build), rows).await?;
                }
                (Place::Apart | Place::Together, _) => bulk::write(transaction, build, rows).await?,
            }
        }
        builds::advance(transaction, slot.name(), build, self.reached).await?;
        Ok(self.reached)
    }
}

/// The events up to the first one that the projection cannot go over, and why it cannot.
pub(crate) fn readable<'a>(
    projection: &dyn Projection,
    events: &'a [Event],
) -> (&'a [Event], Option<FoldError>) {
    for (number, event) in events.iter().enumerate() {
        if let Err(error) = event.check(projection) {
            return (events.get(..number).unwrap_or_default(), Some(error));
        }
    }
    (events, None)
}

pub(crate) fn count(slot: &Slot, events: usize) {
    let events = u64::try_from(events).unwrap_or(u64::MAX);
    metrics::counter!("nexus_projection_events_total", "projection" => slot.name()).increment(events);
}

fn show_lag(slot: &Slot, head: &watch::Receiver<u64>) {
    let head = *head.borrow();
    let checkpoint = slot.live().map_or(0, |live| live.checkpoint);
    // A gauge is a floating-point number; a lag beyond 2^53 events does not occur.
    #[expect(clippy::cast_precision_loss, reason = "the metric's own type")]
    metrics::gauge!("nexus_projection_lag", "projection" => slot.name())
        .set(head.saturating_sub(checkpoint) as f64);
}

/// An error with its causes, for the status.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
