//! What there is: the log, the registry, validating nodes, API nodes, and revocations under way.
//!
//! No clock shows the time of day. A lease, the entry of a holder and a wait are what is left of them, each on the clock of
//! the one who counts it; a clock that ticks takes one from all that is counted on it. So runs have no end, and states do.

/// The most of each that a state has room for. What is checked is in `bounds.rs`.
pub(crate) const NODES: usize = 2;
pub(crate) const APIS: usize = 2;
pub(crate) const EPOCHS: usize = 3;
pub(crate) const INCARNATIONS: usize = 3;
pub(crate) const LONGEST_LEASE: usize = 3;
pub(crate) const REVOKES: usize = 2;

/// Ticks that are left until something ends; at 0 it has ended.
pub(crate) type Left = u8;

/// A place in the log, which is dense: 1 is the first event, 0 stands before it.
pub(crate) type Seq = u8;

/// A set of events, kept as a set so that a gap in it can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Events(u8);

impl Events {
    pub(crate) fn up_to(seq: Seq) -> Self {
        Self((1 << seq) - 1)
    }

    pub(crate) fn with(self, seq: Seq) -> Self {
        Self(self.0 | 1 << (seq - 1))
    }

    pub(crate) fn contains(self, seq: Seq) -> bool {
        seq > 0 && self.0 & 1 << (seq - 1) != 0
    }

    /// The latest event, which is all that a node remembers of what it applied.
    pub(crate) fn last(self) -> Seq {
        8 - self.0.leading_zeros() as Seq
    }

    pub(crate) fn is_prefix(self) -> bool {
        self == Self::up_to(self.last())
    }
}

/// A Grant that is on its way, or waits at the node until its tail is applied. To the model both are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    pub(crate) tail: Seq,
    /// Whether the database was read when the epoch was no longer, or not yet, free to grant. Never so, where S4 holds.
    pub(crate) unfenced: bool,
}

/// Grants by what is left of the lease they carry, on the node's clock. They are delivered in any order, any number of
/// times or never, so none is taken out when it is used; it goes when its lease would be over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Grants([Option<Grant>; LONGEST_LEASE]);

impl Grants {
    pub(crate) fn iter(self) -> impl Iterator<Item = (Left, Grant)> {
        (1..).zip(self.0).filter_map(|(left, grant)| Some((left, grant?)))
    }

    /// Adds a Grant. One whose lease is no longer than another's, and which asks for no less to be applied, can do nothing
    /// that the other cannot: it is left out, which leaves out states and no behaviour that a property speaks of.
    pub(crate) fn add(&mut self, left: Left, grant: Grant) {
        let serves = |(by_left, by): (Left, Grant), (left, grant): (Left, Grant)| {
            by_left >= left && by.tail <= grant.tail && by.unfenced == grant.unfenced
        };
        if left == 0 || self.iter().any(|other| serves(other, (left, grant))) {
            return;
        }
        for (other_left, other) in self.iter() {
            if serves((left, grant), (other_left, other)) {
                self.0[usize::from(other_left) - 1] = None;
            }
        }
        self.0[usize::from(left) - 1] = Some(grant);
    }

    pub(crate) fn get(self, left: Left) -> Option<Grant> {
        self.0[usize::from(left) - 1]
    }

    /// Forgets those that would not make a lease longer than it is.
    pub(crate) fn forget_up_to(&mut self, lease: Left) {
        self.0[..usize::from(lease)].fill(None);
    }

    fn tick(&mut self) {
        self.0.rotate_left(1);
        self.0[LONGEST_LEASE - 1] = None;
    }
}

/// The records that look-ups are answered from, and the right to answer from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Table {
    /// Taken in, but seen by no look-up before it is published.
    pub(crate) received: Events,
    pub(crate) visible: Events,
    pub(crate) lease: Left,
    pub(crate) lease_unfenced: bool,
    pub(crate) grants: Grants,
}

impl Table {
    /// Whether a request that arrives now is answered as it was before this event.
    pub(crate) fn accepts_without(&self, seq: Seq) -> bool {
        self.lease > 0 && !self.visible.contains(seq)
    }

    fn tick(&mut self) {
        self.lease = self.lease.saturating_sub(1);
        self.lease_unfenced &= self.lease > 0;
        self.grants.tick();
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) incarnation: u8,
    pub(crate) table: Table,
    /// The latest event that each incarnation has acknowledged; an acknowledgement counts for all before it.
    pub(crate) acked: [Seq; INCARNATIONS],
    /// Ticks since it started, as far as a Renew can have been under way.
    pub(crate) age: u8,
    pub(crate) lost_ticks: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Api {
    pub(crate) epoch: u8,
    pub(crate) gained_ticks: u8,
    /// Its own, which is also how far it has read the log.
    pub(crate) table: Table,
    /// What is left, on its clock, of the lease that it is about to read the log for.
    pub(crate) own_renewal: Left,
    /// For how long, on its clock, an incarnation of a node may hold a lease.
    pub(crate) holders: [[Left; INCARNATIONS]; NODES],
    /// What is left, on the node's clock, of the lease that a Renew asks for which the database was not read for yet.
    pub(crate) renewals: [Left; NODES],
    /// The tail a broken variant has read before its time.
    pub(crate) early_tail: Seq,
    /// Grants that a broken variant has read the database for and not recorded.
    pub(crate) unrecorded: [Grants; NODES],
    /// How long it still waits, on its clock, before it may evict a suspended epoch.
    pub(crate) eviction_waits: [[Option<Left>; EPOCHS]; APIS],
}

/// A row of the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Registration {
    #[default]
    Absent,
    Active,
    Suspended,
    Evicted,
}

/// A set of rows of the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rows(u8);

impl Rows {
    fn bit(api: usize, epoch: usize) -> u8 {
        1 << (api * EPOCHS + epoch)
    }

    pub(crate) fn insert(&mut self, api: usize, epoch: usize) {
        self.0 |= Self::bit(api, epoch);
    }

    pub(crate) fn remove(&mut self, api: usize, epoch: usize) {
        self.0 &= !Self::bit(api, epoch);
    }

    pub(crate) fn contains(self, api: usize, epoch: usize) -> bool {
        self.0 & Self::bit(api, epoch) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Phase {
    #[default]
    Idle,
    /// A broken variant has begun what belongs behind the commit.
    Begun,
    Committed,
    /// The registry was read.
    Waiting,
    /// It returned because all that it awaited confirmed it.
    Confirmed,
    /// It returned because W was over.
    Waited,
    /// Its API node went away: the caller has no answer, and so no promise.
    Aborted,
}

/// A revocation; the first runs at API node 0, the second at API node 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Revoke {
    pub(crate) phase: Phase,
    pub(crate) seq: Seq,
    /// On the clock of its API node.
    pub(crate) left: Left,
    /// The rows that have not confirmed it.
    pub(crate) awaited: Rows,
}

impl Revoke {
    /// How it would return now, if it may.
    pub(crate) fn outcome(&self) -> Option<Phase> {
        match self.phase {
            Phase::Waiting if self.awaited.is_empty() => Some(Phase::Confirmed),
            Phase::Committed | Phase::Waiting if self.left == 0 => Some(Phase::Waited),
            _ => None,
        }
    }

    pub(crate) fn has_returned(&self) -> bool {
        matches!(self.phase, Phase::Confirmed | Phase::Waited)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.has_returned() || self.phase == Phase::Aborted
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) head: Seq,
    pub(crate) registry: [[Registration; EPOCHS]; APIS],
    /// How far each row has confirmed the log. Kept while a revocation may still ask for it.
    pub(crate) confirmed: [[Seq; EPOCHS]; APIS],
    pub(crate) nodes: [Node; NODES],
    pub(crate) apis: [Api; APIS],
    pub(crate) revokes: [Revoke; REVOKES],
}

impl State {
    pub(crate) fn registration(&self, api: usize) -> Registration {
        self.registry[api][usize::from(self.apis[api].epoch)]
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.nodes.iter().map(|node| &node.table).chain(self.apis.iter().map(|api| &api.table))
    }

    /// The rows of the registry that are in one of these states.
    pub(crate) fn rows(&self, of: &[Registration]) -> Rows {
        let mut rows = Rows::default();
        for (api, epoch) in every_row() {
            if of.contains(&self.registry[api][epoch]) {
                rows.insert(api, epoch);
            }
        }
        rows
    }

    /// One tick of a node's clock, wherever something is counted on it.
    pub(crate) fn tick_node(&mut self, node: usize, longest_age: u8) {
        self.nodes[node].table.tick();
        self.nodes[node].age = (self.nodes[node].age + 1).min(longest_age);
        for api in &mut self.apis {
            api.renewals[node] = api.renewals[node].saturating_sub(1);
            api.unrecorded[node].tick();
        }
    }

    /// One tick of an API node's clock.
    pub(crate) fn tick_api(&mut self, at: usize) {
        let api = &mut self.apis[at];
        api.table.tick();
        api.own_renewal = api.own_renewal.saturating_sub(1);
        for left in api.holders.as_flattened_mut() {
            *left = left.saturating_sub(1);
        }
        for left in api.eviction_waits.as_flattened_mut().iter_mut().flatten() {
            *left = left.saturating_sub(1);
        }
        self.revokes[at].left = self.revokes[at].left.saturating_sub(1);
    }

    /// Writes states that differ in nothing that can matter in one way: see each line.
    pub(crate) fn settle(&mut self, revokes: usize) {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let lease = node.table.lease;
            node.table.grants.forget_up_to(lease);
            for api in &mut self.apis {
                // Its Grant would carry a lease that is no longer than the one the node has.
                if api.renewals[at] <= lease {
                    api.renewals[at] = 0;
                }
                // What was read early is asked for only by a Renew that waits.
                if api.renewals == [0; NODES] {
                    api.early_tail = 0;
                }
            }
        }
        for api in &mut self.apis {
            api.table.grants.forget_up_to(api.table.lease);
            if api.own_renewal <= api.table.lease {
                api.own_renewal = 0;
            }
        }
        for (api, epoch) in every_row() {
            for revoke in &mut self.revokes {
                if self.registry[api][epoch] == Registration::Evicted
                    || revoke.phase == Phase::Waiting && self.confirmed[api][epoch] >= revoke.seq
                {
                    revoke.awaited.remove(api, epoch);
                }
            }
        }
        // A revocation that starts later asks for an event that nobody has confirmed.
        if self.revokes.iter().all(|revoke| revoke.phase != Phase::Committed) {
            self.confirmed = Default::default();
        }
        // Nobody is left who would ask whether a holder has lapsed or a row is gone.
        if self.revokes[..revokes].iter().all(Revoke::is_over) {
            for api in &mut self.apis {
                api.holders = Default::default();
                api.eviction_waits = Default::default();
            }
        }
        for revoke in &mut self.revokes {
            if revoke.is_over() {
                revoke.left = 0;
                revoke.awaited = Rows::default();
            }
        }
    }
}

/// API nodes and epochs of every row there can be.
pub(crate) fn every_row() -> impl Iterator<Item = (usize, usize)> {
    (0..APIS).flat_map(|api| (0..EPOCHS).map(move |epoch| (api, epoch)))
}
