//! What an API node knows of its nodes and of itself, and what it tells the others of that. Ages and what is left of rights are
//! told, and never the reading of a clock: that would mean nothing on another machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::holders::{Holders, longest_lease};
use super::plane::Plane;
use super::roster::{Attendance, Attendant};

/// An API node with its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How many signs of life the API node had given, this one among them: each that follows makes what is told a second older.
    pub beat: u64,
    /// Everything up to here is visible in its own table.
    pub applied: u64,
    /// How far its table is behind the end of the log, as it last read that.
    pub lag: u64,
    /// What is left of its own right to answer; nothing: it has none.
    pub lease_ms: Option<u64>,
    /// Its nodes.
    pub nodes: Vec<NodeStatus>,
}

/// A node, as the API node knows it that it has or had a stream to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Who it is.
    pub attendant: Attendant,
    /// How far it is behind the last change that the API node has for it.
    pub lag: u64,
    /// How long it has had its stream; nothing: it has none any more.
    pub connected_ms: Option<u64>,
    /// The most that is left of its right to answer; nothing: it has ended.
    pub lease_ms: Option<u64>,
}

impl NodeStatus {
    fn of(attendance: Attendance, holders: &Holders, newest: u64, now: Duration) -> Option<Self> {
        let Attendance { attendant, connected, granted } = attendance;
        let id = attendant.holder();
        let holder = holders.get(id);
        if connected.is_none() && holder.is_none() {
            return None;
        }
        // A question that was not answered gave nothing.
        let until = granted.zip(holder).map(|(granted, holder)| holder.until.min(granted + longest_lease()));
        Some(Self {
            lag: newest.saturating_sub(attendant.applied),
            connected_ms: connected.map(|since| millis(now.saturating_sub(since))),
            lease_ms: until.filter(|until| now < *until).map(|until| millis(until.saturating_sub(now))),
            attendant,
        })
    }
}

impl Status {
    /// Whether nothing has changed but that time went by.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.without_ages() == other.without_ages()
    }

    fn without_ages(&self) -> Self {
        let mut status = Self { beat: 0, lease_ms: self.lease_ms.map(|_| 0), ..self.clone() };
        for node in &mut status.nodes {
            node.connected_ms = node.connected_ms.map(|_| 0);
            node.lease_ms = node.lease_ms.map(|_| 0);
        }
        status
    }
}

impl Plane {
    /// How this API node and its nodes are.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = self.clock().monotonic();
        let ends = self.deltas().ends();
        let attendance = self.roster().attendance();
        let holders = self.holders();
        let nodes = attendance.into_iter().filter_map(|one| NodeStatus::of(one, &holders, ends.newest, now));
        let mut nodes: Vec<NodeStatus> = nodes.collect();
        nodes.sort_by_key(|node| (node.attendant.node, node.attendant.incarnation));
        let until = self.own().until().filter(|until| now < *until);
        Status {
            beat: 0,
            applied: ends.read,
            lag: self.head().saturating_sub(ends.read),
            lease_ms: until.map(|until| millis(until.saturating_sub(now))),
            nodes,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::holders::HolderId;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const NODE: Uuid = Uuid::from_u128(7);
    const ID: HolderId = HolderId { node: NODE, incarnation: NODE, credential: None };

    fn attendance(connected: Option<Duration>, granted: Option<Duration>) -> Attendance {
        let attendant = Attendant {
            node: NODE,
            incarnation: NODE,
            program: "1.0.0".to_owned(),
            dialects: vec!["nexus".to_owned()],
            badge: None,
            applied: 8,
        };
        Attendance { attendant, connected, granted }
    }

    #[test]
    fn a_node_holds_what_it_was_given_and_no_longer() {
        let mut holders = Holders::default();
        let of = |holders: &Holders, granted, now| {
            NodeStatus::of(attendance(Some(SECOND), granted), holders, 10, now).unwrap()
        };
        let waiting = of(&holders, None, 2 * SECOND);
        assert_eq!((waiting.lag, waiting.connected_ms, waiting.lease_ms), (2, Some(1_000), None));
        holders.asked(ID, 8, 2 * SECOND);
        assert_eq!(of(&holders, None, 2 * SECOND).lease_ms, None, "it asked, and was given nothing");
        let given = of(&holders, Some(2 * SECOND), 2 * SECOND).lease_ms.unwrap();
        assert_eq!(given, millis(longest_lease()));
        // It goes on asking, and the store does not answer.
        holders.asked(ID, 8, 4 * SECOND);
        let end = 2 * SECOND + longest_lease();
        assert!(of(&holders, Some(2 * SECOND), end - Duration::from_millis(1)).lease_ms.is_some());
        assert_eq!(of(&holders, Some(2 * SECOND), end).lease_ms, None);
    }

    #[test]
    fn a_node_without_a_stream_is_listed_as_long_as_it_is_remembered() {
        let mut holders = Holders::default();
        let away = |holders: &Holders, now| {
            NodeStatus::of(attendance(None, Some(SECOND)), holders, 10, now).map(|node| node.lease_ms)
        };
        assert_eq!(away(&holders, SECOND), None, "it said goodbye, or never asked");
        holders.asked(ID, 8, SECOND);
        assert!(matches!(away(&holders, 2 * SECOND), Some(Some(_))), "it may still answer");
        assert_eq!(away(&holders, 10 * SECOND), Some(None), "it answers nothing any more");
        holders.forget(100 * SECOND);
        assert_eq!(away(&holders, 100 * SECOND), None);
    }

    #[test]
    fn time_going_by_changes_nothing_that_is_told() {
        let node = NodeStatus {
            attendant: attendance(None, None).attendant,
            lag: 0,
            connected_ms: Some(5),
            lease_ms: Some(3_000),
        };
        let before = Status { beat: 1, applied: 8, lag: 0, lease_ms: Some(9), nodes: vec![node.clone()] };
        let older = NodeStatus { connected_ms: Some(900), lease_ms: Some(1), ..node.clone() };
        let later = Status { beat: 2, lease_ms: Some(2), nodes: vec![older], ..before.clone() };
        assert!(later.says_the_same_as(&before));
        for other in [
            NodeStatus { connected_ms: None, ..node.clone() },
            NodeStatus { lease_ms: None, ..node.clone() },
            NodeStatus { lag: 1, ..node },
        ] {
            let changed = Status { nodes: vec![other], ..before.clone() };
            assert!(!changed.says_the_same_as(&before), "{changed:?}");
        }
        assert!(!Status { lease_ms: None, ..before.clone() }.says_the_same_as(&before));
    }
}
