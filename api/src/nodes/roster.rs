//! Which nodes have a stream to this API node, and which had one while they may still answer, for whoever asks who is there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_domain::ids::KeyId;
use nexus_validator::control::message::Hello;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::holders::HolderId;
use super::plane::Plane;

/// A node that has or had a stream.
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
    /// The credential that it came with, where that is known.
    pub badge: Option<Badge>,
    /// Everything up to here is visible on it.
    pub applied: u64,
}

impl Attendant {
    /// As what it holds a right to answer.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        let credential = self.badge.as_ref().map(|badge| badge.key_id);
        HolderId { node: self.node, incarnation: self.incarnation, credential }
    }
}

/// The credential of a node, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Badge {
    /// The key.
    pub key_id: KeyId,
    /// Its name when the stream began.
    pub name: String,
}

/// A node in the list. Times are readings of this process's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// Who it is.
    pub attendant: Attendant,
    /// Since when it has a stream; nothing: it has none any more.
    pub connected: Option<Duration>,
    /// When it was last given the right to answer.
    pub granted: Option<Duration>,
}

#[derive(Debug)]
struct Listed {
    attendance: Attendance,
    /// Everything up to here is visible on it. Apart from the list: it moves with every change, on every node.
    applied: Arc<AtomicU64>,
    /// How many streams it has: a new one may begin before the old one is known to be lost.
    streams: u32,
}

/// The list.
#[derive(Debug, Default, Clone)]
pub struct Roster(Arc<Mutex<HashMap<HolderId, Listed>>>);

/// A node's place in the list. Once it is dropped, the node is listed for as long as it is remembered: see
/// [`Roster::forget`].
#[derive(Debug)]
pub struct Present {
    roster: Roster,
    id: HolderId,
    applied: Arc<AtomicU64>,
}

impl Roster {
    fn listed(&self) -> MutexGuard<'_, HashMap<HolderId, Listed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a node whose stream begins now.
    #[must_use]
    pub fn enter(&self, id: HolderId, hello: &Hello, badge: Option<Badge>, now: Duration) -> Present {
        let attendant = Attendant {
            node: hello.node,
            incarnation: hello.incarnation,
            program: hello.program.clone(),
            dialects: hello.dialects.clone(),
            badge,
            applied: hello.have.map_or(0, |have| have.position),
        };
        let applied = Arc::new(AtomicU64::new(attendant.applied));
        let mut listed = self.listed();
        let (streams, granted) =
            listed.get(&id).map_or((0, None), |entry| (entry.streams, entry.attendance.granted));
        let attendance = Attendance { attendant, connected: Some(now), granted };
        listed.insert(id, Listed { attendance, applied: Arc::clone(&applied), streams: streams + 1 });
        Present { roster: self.clone(), id, applied }
    }

    /// All that have a stream, and those that had one and are remembered.
    #[must_use]
    pub fn attendance(&self) -> Vec<Attendance> {
        let now = |entry: &Listed| {
            let mut attendance = entry.attendance.clone();
            attendance.attendant.applied = entry.applied.load(Ordering::Relaxed);
            attendance
        };
        self.listed().values().map(now).collect()
    }

    /// Forgets those without a stream that nobody has to remember any more.
    pub fn forget(&self, remembered: impl Fn(HolderId) -> bool) {
        self.listed().retain(|id, entry| entry.streams > 0 || remembered(*id));
    }
}

impl Present {
    fn change(&self, change: impl FnOnce(&mut Attendance)) {
        if let Some(entry) = self.roster.listed().get_mut(&self.id) {
            change(&mut entry.attendance);
        }
    }

    /// The node shows everything up to here.
    pub(super) fn applied(&self, position: u64) {
        self.applied.fetch_max(position, Ordering::Relaxed);
    }

    /// The node was given the right to answer.
    pub(super) fn granted(&self, plane: &Plane) {
        let now = plane.clock().monotonic();
        self.change(|attendance| attendance.granted = Some(now));
        metrics::counter!("nexus_lease_grants_total").increment(1);
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Some(entry) = self.roster.listed().get_mut(&self.id) {
            entry.streams = entry.streams.saturating_sub(1);
            if entry.streams == 0 {
                entry.attendance.connected = None;
            }
        }
    }
}
