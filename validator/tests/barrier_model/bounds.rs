//! How much of everything is checked. Ticks and renewals have no bound: time is what is left until something ends.

use crate::state::Left;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) name: &'static str,
    pub(crate) nodes: usize,
    pub(crate) apis: usize,
    /// Ticks of a lease.
    pub(crate) lease: Left,
    /// Ticks that the clock of each node may lose, and that of each API node gain.
    pub(crate) lost_ticks: u8,
    pub(crate) gained_ticks: u8,
    pub(crate) node_restarts: u8,
    /// Restarts and new registrations of all API nodes together.
    pub(crate) new_epochs: u8,
    pub(crate) suspensions: usize,
    pub(crate) revokes: usize,
    /// Events that are no revocations: they make gaps possible.
    pub(crate) other_events: u8,
    /// Whether API nodes validate from tables of their own.
    pub(crate) own_tables: bool,
    /// Whether a Renew may be under way for a while, rather than arrive when it is sent.
    pub(crate) slow_renewals: bool,
    /// Whether steps that can only help to break a property are taken at once: see `eager.rs`.
    pub(crate) eager: bool,
    /// A number of states that the search must exceed, lest it become empty unseen.
    pub(crate) at_least: usize,
}

impl Bounds {
    /// W: how long a lease may be valid on the slowest clock, as the fastest clock counts it.
    pub(crate) fn wait(&self) -> Left {
        self.lease + self.lost_ticks + self.gained_ticks
    }
}

/// A node that goes between two API nodes.
const ONE_NODE: Bounds = Bounds {
    name: "one node",
    nodes: 1,
    apis: 2,
    lease: 2,
    lost_ticks: 1,
    gained_ticks: 1,
    node_restarts: 0,
    new_epochs: 0,
    suspensions: 0,
    revokes: 1,
    other_events: 0,
    own_tables: false,
    slow_renewals: false,
    eager: true,
    at_least: 0,
};

/// Everything that can happen to an API node, and clocks that agree.
pub(crate) const EVICTION: Bounds = Bounds {
    name: "eviction",
    lost_ticks: 0,
    gained_ticks: 0,
    new_epochs: 1,
    suspensions: 1,
    at_least: 8_000,
    ..ONE_NODE
};

pub(crate) const EVICTION_SLOW_NODE: Bounds =
    Bounds { name: "eviction, a slow node", lost_ticks: 1, at_least: 60_000, ..EVICTION };

pub(crate) const EVICTION_FAST_APIS: Bounds =
    Bounds { name: "eviction, fast API nodes", gained_ticks: 1, at_least: 150_000, ..EVICTION };

/// Both, which is dear, and so with the shortest lease.
const EVICTION_DRIFT: Bounds = Bounds {
    name: "eviction, a slow node and fast API nodes",
    lease: 1,
    lost_ticks: 1,
    gained_ticks: 1,
    at_least: 200_000,
    ..EVICTION
};

/// Every step by itself, between one node and one API node.
pub(crate) const STEP_BY_STEP: Bounds = Bounds {
    name: "step by step",
    apis: 1,
    node_restarts: 1,
    slow_renewals: true,
    eager: false,
    at_least: 80_000,
    ..ONE_NODE
};

/// A second event before or behind the revocation, so that a delta can come before the one it follows.
pub(crate) const GAPS: Bounds = Bounds {
    name: "gaps",
    node_restarts: 0,
    slow_renewals: false,
    other_events: 1,
    at_least: 70_000,
    ..STEP_BY_STEP
};

/// A node whose cache keeps some of the log.
const RESTARTS: Bounds =
    Bounds { name: "restarts", apis: 1, node_restarts: 1, other_events: 1, at_least: 8_000, ..ONE_NODE };

pub(crate) const TWO_NODES: Bounds =
    Bounds { name: "two nodes", nodes: 2, apis: 1, at_least: 7_000, ..ONE_NODE };

/// API nodes that validate themselves.
pub(crate) const OWN_TABLES: Bounds = Bounds {
    name: "own tables",
    nodes: 0,
    lost_ticks: 0,
    own_tables: true,
    new_epochs: 1,
    suspensions: 1,
    at_least: 100_000,
    ..ONE_NODE
};

/// Every step of API nodes that validate themselves.
pub(crate) const OWN_STEP_BY_STEP: Bounds = Bounds {
    name: "own tables, step by step",
    new_epochs: 0,
    suspensions: 0,
    eager: false,
    at_least: 40_000,
    ..OWN_TABLES
};

/// At different API nodes.
const TWO_REVOKES: Bounds = Bounds { name: "two revokes", revokes: 2, at_least: 100_000, ..ONE_NODE };

/// What every run of the tests checks.
pub(crate) const SHORT: [Bounds; 11] = [
    EVICTION,
    EVICTION_SLOW_NODE,
    EVICTION_FAST_APIS,
    EVICTION_DRIFT,
    STEP_BY_STEP,
    GAPS,
    RESTARTS,
    TWO_NODES,
    OWN_TABLES,
    OWN_STEP_BY_STEP,
    TWO_REVOKES,
];

/// What is checked by command.
pub(crate) const LONG: [Bounds; 10] = [
    Bounds { name: "eviction, a slow node and fast API nodes, a longer lease", lease: 2, ..EVICTION_DRIFT },
    Bounds { name: "eviction, a slow node, a longer lease", lease: 3, ..EVICTION_SLOW_NODE },
    Bounds { name: "eviction, two new epochs", new_epochs: 2, ..EVICTION_SLOW_NODE },
    Bounds { name: "eviction, two suspensions", suspensions: 2, ..EVICTION_SLOW_NODE },
    Bounds { name: "eviction, step by step", eager: false, ..EVICTION },
    Bounds {
        name: "step by step, two API nodes",
        apis: 2,
        node_restarts: 0,
        slow_renewals: false,
        ..STEP_BY_STEP
    },
    Bounds { name: "restarts, two API nodes", apis: 2, ..RESTARTS },
    Bounds { name: "two nodes, two API nodes", apis: 2, ..TWO_NODES },
    Bounds { name: "own tables beside a node", nodes: 1, lost_ticks: 1, gained_ticks: 0, ..OWN_TABLES },
    Bounds {
        name: "two revokes, a new epoch",
        new_epochs: 1,
        suspensions: 1,
        gained_ticks: 0,
        ..TWO_REVOKES
    },
];
