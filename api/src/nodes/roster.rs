//! Which nodes have a stream to this API node, for whoever asks who is there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_validator::control::message::Hello;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::holders::HolderId;
use super::plane::Plane;

/// A node that has a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendant {
    /// The node.
    pub node: Uuid,
    /// The run of its process.
    pub incarnation: Uuid,
    /// The version of its program.
    pub program: String,
    /// The dialects that it serves.
    pub dialects: Vec<String>,
    /// Everything up to here is visible on it.
    pub applied: u64,
    /// How many rights it was given by this API node.
    pub grants: u64,
}

#[derive(Debug, Default)]
struct Listed {
    attendant: Option<Attendant>,
    /// How many streams it has: a new one may begin before the old one is known to be lost.
    streams: u32,
    granted: Option<Duration>,
}

/// The list.
#[derive(Debug, Default, Clone)]
pub struct Roster(Arc<Mutex<HashMap<HolderId, Listed>>>);

/// A node's place in the list, until it is dropped.
#[derive(Debug)]
pub struct Present {
    roster: Roster,
    id: HolderId,
}

impl Roster {
    fn listed(&self) -> MutexGuard<'_, HashMap<HolderId, Listed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a node.
    #[must_use]
    pub fn enter(&self, id: HolderId, hello: &Hello) -> Present {
        let mut listed = self.listed();
        let entry = listed.entry(id).or_default();
        entry.streams += 1;
        entry.attendant = Some(Attendant {
            node: hello.node,
            incarnation: hello.incarnation,
            program: hello.program.clone(),
            dialects: hello.dialects.clone(),
            applied: hello.have.map_or(0, |have| have.position),
            grants: entry.attendant.as_ref().map_or(0, |attendant| attendant.grants),
        });
        Present { roster: self.clone(), id }
    }

    /// All that are there, with the time of the last right that each was given, by this process's clock.
    #[must_use]
    pub fn attendants(&self) -> Vec<(Attendant, Option<Duration>)> {
        let listed = self.listed();
        listed.values().filter_map(|entry| Some((entry.attendant.clone()?, entry.granted))).collect()
    }
}

impl Present {
    fn change(&self, change: impl FnOnce(&mut Attendant)) {
        if let Some(attendant) =
            self.roster.listed().get_mut(&self.id).and_then(|entry| entry.attendant.as_mut())
        {
            change(attendant);
        }
    }

    /// The node shows everything up to here.
    pub(super) fn applied(&self, position: u64) {
        self.change(|attendant| attendant.applied = position.max(attendant.applied));
    }

    /// The node was given the right to answer.
    pub(super) fn granted(&self, plane: &Plane) {
        let now = plane.clock().monotonic();
        if let Some(entry) = self.roster.listed().get_mut(&self.id) {
            entry.granted = Some(now);
            if let Some(attendant) = &mut entry.attendant {
                attendant.grants += 1;
            }
        }
        metrics::counter!("nexus_lease_grants_total").increment(1);
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut listed = self.roster.listed();
        if let Some(entry) = listed.get_mut(&self.id) {
            entry.streams = entry.streams.saturating_sub(1);
            if entry.streams == 0 {
                listed.remove(&self.id);
            }
        }
    }
}
