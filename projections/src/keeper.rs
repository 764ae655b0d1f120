//! Keeping builds in order: makes the first tables of a projection, resumes rebuilds that somebody left unfinished, and drops
//! what nobody uses any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_infrastructure::database::DatabaseError;

use crate::builds::{self, State};
use crate::projection::Build;
use crate::rebuild;
use crate::runner::describe;
use crate::shared::{Shared, Slot};

/// How often it looks.
const ROUND: Duration = Duration::from_secs(5);
/// After how many rounds without a move another program's tables are taken for abandoned, if the log went on meanwhile.
const ABANDONED: u32 = 120;

/// Runs until the process stops.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut foreign = HashMap::new();
    while !shared.is_stopping() {
        match unfinished(&shared).await {
            Ok(slots) if !slots.is_empty() => {
                // Failures are logged there; status and next round show what is left.
                if let Err(error) = rebuild::drive(&shared, &slots).await {
                    for slot in slots.iter().filter(|slot| slot.live().is_none()) {
                        slot.set_error(Some(describe(&error)));
                    }
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "builds cannot be read"),
        }
        for slot in &shared.slots {
            if let Err(error) = tidy(&shared, slot, &mut foreign).await {
                tracing::warn!(
                    projection = slot.name(),
                    error = &error as &dyn std::error::Error,
                    "old tables stay for now"
                );
            }
        }
        shared.pause(ROUND).await;
    }
}

async fn unfinished(shared: &Shared) -> Result<Vec<Arc<Slot>>, DatabaseError> {
    let mut slots = Vec::new();
    for slot in &shared.slots {
        let rows = builds::all(shared.database(), slot.name()).await?;
        let projection = &*slot.projection;
        let live = builds::own(&rows, projection, State::Live).is_some();
        if !live || builds::own(&rows, projection, State::Building).is_some() {
            slots.push(slot.clone());
        }
    }
    Ok(slots)
}

/// Drops replaced builds, and builds of other schema versions that no program moves any more.
async fn tidy(
    shared: &Shared,
    slot: &Slot,
    foreign: &mut HashMap<(&'static str, Build), (u64, u32)>,
) -> Result<(), DatabaseError> {
    rebuild::drop_retired(shared, slot).await?;
    let Some(live) = slot.live() else { return Ok(()) };
    for row in builds::all(shared.database(), slot.name()).await? {
        if row.build.schema() == live.build.schema() {
            continue;
        }
        let key = (slot.name(), row.build);
        let (checkpoint, rounds) = foreign.entry(key).or_insert((row.checkpoint, 0));
        if *checkpoint == row.checkpoint && row.checkpoint < live.checkpoint {
            *rounds += 1;
        } else {
            (*checkpoint, *rounds) = (row.checkpoint, 0);
        }
        if *rounds >= ABANDONED {
            tracing::info!(projection = slot.name(), build = %row.build, "dropping tables that no program uses any more");
            builds::drop_build(shared.database(), slot.name(), row.build).await?;
            foreign.remove(&key);
        }
    }
    Ok(())
}
