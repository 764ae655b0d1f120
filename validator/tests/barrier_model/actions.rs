//! What can happen next. Every step may also not be taken for as long as one likes: so a message that is late or lost needs
//! no step of its own, and a process that is down is one that takes none until it restarts.

use crate::Barrier;
use crate::state::{APIS, Api, EPOCHS, Left, NODES, Phase, Registration, Revoke, Seq, State, every_row};
use crate::variants::Variant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Every clock ticks, save that of a node which loses this tick.
    Tick {
        lost_by: Option<usize>,
    },
    /// The clock of an API node runs one tick ahead.
    GainTick {
        api: usize,
    },
    /// Something other than a revocation is written to the log.
    WriteOther,

    /// A Renew arrives that the node read its clock for so many ticks ago.
    Renew {
        node: usize,
        api: usize,
        ago: u8,
    },
    /// One read of the database gives the head and whether the epoch may grant. The Grant may be sent from here on.
    ReadForGrant {
        api: usize,
        node: usize,
    },
    /// A broken variant records the holder, and sends what it had read before.
    RecordLate {
        api: usize,
        node: usize,
    },
    /// A broken variant forgets the holder.
    Disconnect {
        node: usize,
        api: usize,
    },
    UseGrant {
        node: usize,
        left: Left,
    },
    /// A delta arrives, over either road.
    Receive {
        node: usize,
        seq: Seq,
    },
    /// A snapshot of the log's beginning arrives, after a gap was seen.
    Resync {
        node: usize,
        upto: Seq,
    },
    /// What was received becomes visible to every look-up, and is acknowledged.
    Publish {
        node: usize,
    },
    /// The cache on disk may have kept some of what was applied.
    RestartNode {
        node: usize,
        kept: Seq,
    },

    Register {
        api: usize,
    },
    RestartApi {
        api: usize,
    },
    /// An API node that finds itself suspended takes a new epoch and goes on.
    TakeNewEpoch {
        api: usize,
    },
    ReadLog {
        api: usize,
    },
    RenewOwn {
        api: usize,
    },
    ReadForOwn {
        api: usize,
    },
    UseOwn {
        api: usize,
        left: Left,
    },
    /// All holders have acknowledged the log up to here, or have no lease any more.
    Confirm {
        api: usize,
        upto: Seq,
    },
    Suspend {
        by: usize,
        api: usize,
        epoch: usize,
    },
    /// An API node learns that an epoch is suspended, and begins to wait on its own clock.
    NoticeSuspension {
        by: usize,
        api: usize,
        epoch: usize,
    },
    Evict {
        by: usize,
        api: usize,
        epoch: usize,
    },

    /// A broken variant does before the commit what belongs behind it.
    BeginEarly {
        revoke: usize,
    },
    Commit {
        revoke: usize,
    },
    ReadRegistry {
        revoke: usize,
    },
    Return {
        revoke: usize,
    },
}

impl Barrier {
    pub(crate) fn actions_of_clocks(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick { lost_by: None });
        for node in 0..self.bounds.nodes {
            if state.nodes[node].lost_ticks < self.bounds.lost_ticks || self.is(Variant::ClockStops) {
                actions.push(Action::Tick { lost_by: Some(node) });
            }
        }
        for api in 0..self.bounds.apis {
            if state.apis[api].gained_ticks < self.bounds.gained_ticks {
                actions.push(Action::GainTick { api });
            }
        }
    }

    pub(crate) fn actions_of_nodes(&self, state: &State, actions: &mut Vec<Action>) {
        for at in 0..self.bounds.nodes {
            let node = &state.nodes[at];
            for api in 0..self.bounds.apis {
                // Where only more leases count, a Renew that brings none is left out: it could but delay a Confirm.
                let longer = |ago: &u8| !self.bounds.eager || node.table.lease < self.bounds.lease - ago;
                for ago in (0..=node.age).filter(longer) {
                    actions.push(Action::Renew { node: at, api, ago });
                }
            }
            if self.is(Variant::HolderDroppedOnDisconnect) {
                actions.extend((0..self.bounds.apis).map(|api| Action::Disconnect { node: at, api }));
            }
            for (left, grant) in node.table.grants.iter() {
                if grant.tail <= node.table.visible.last() || self.is(Variant::GrantBeforeTail) {
                    actions.push(Action::UseGrant { node: at, left });
                }
            }
            let received = node.table.received.last();
            for seq in received + 1..=state.head {
                if seq == received + 1 || self.is(Variant::DeltaOverGap) {
                    actions.push(Action::Receive { node: at, seq });
                } else {
                    actions.push(Action::Resync { node: at, upto: seq });
                }
            }
            if node.table.received != node.table.visible {
                actions.push(Action::Publish { node: at });
            }
            if node.incarnation < self.bounds.node_restarts {
                for kept in 0..=node.table.visible.last() {
                    actions.push(Action::RestartNode { node: at, kept });
                }
            }
        }
    }

    pub(crate) fn actions_of_apis(&self, state: &State, actions: &mut Vec<Action>) {
        let new_epochs: u8 = state.apis.iter().map(|api| api.epoch).sum();
        let epochs_left = new_epochs < self.bounds.new_epochs;
        for at in 0..self.bounds.apis {
            let api = &state.apis[at];
            match state.registration(at) {
                Registration::Absent => actions.push(Action::Register { api: at }),
                Registration::Active => {}
                Registration::Suspended | Registration::Evicted if epochs_left => {
                    actions.push(Action::TakeNewEpoch { api: at });
                }
                Registration::Suspended | Registration::Evicted => {}
            }
            if epochs_left || self.is(Variant::EpochReuse) && self.bounds.new_epochs > 0 {
                actions.push(Action::RestartApi { api: at });
            }
            if api.table.visible.last() < state.head {
                actions.push(Action::ReadLog { api: at });
            }
            for node in 0..self.bounds.nodes {
                if api.renewals[node] > 0 {
                    actions.push(Action::ReadForGrant { api: at, node });
                }
                if api.unrecorded[node].iter().next().is_some() {
                    actions.push(Action::RecordLate { api: at, node });
                }
            }
            if self.bounds.own_tables {
                actions_of_own_table(at, api, actions);
            }
            actions.extend(self.confirm(state, at));
            self.push_evictions(state, at, actions);
        }
    }

    /// What an API node can confirm that a revocation asks for.
    pub(crate) fn confirm(&self, state: &State, at: usize) -> Option<Action> {
        let epoch = usize::from(state.apis[at].epoch);
        let upto = self.confirmable(state, at);
        let asked_for = state.revokes.iter().any(|revoke| {
            revoke.seq <= upto
                && match revoke.phase {
                    Phase::Committed => state.confirmed[at][epoch] < revoke.seq,
                    Phase::Waiting => revoke.awaited.contains(at, epoch),
                    Phase::Idle | Phase::Begun | Phase::Confirmed | Phase::Waited | Phase::Aborted => false,
                }
        });
        let in_registry = matches!(state.registration(at), Registration::Active | Registration::Suspended);
        (asked_for && in_registry).then_some(Action::Confirm { api: at, upto })
    }

    /// How far an API node can say that every lease it granted is behind the log no more. The acknowledgements have come
    /// as far as they were sent: one that is late is a Confirm that is not made yet.
    fn confirmable(&self, state: &State, at: usize) -> Seq {
        let api = &state.apis[at];
        let mut upto =
            if self.is(Variant::OwnTableNotAwaited) { state.head } else { api.table.visible.last() };
        let acked_by_any = state.nodes.iter().flat_map(|node| node.acked).max().unwrap_or(0);
        for (holders, node) in api.holders.iter().zip(&state.nodes) {
            for (left, acked) in holders.iter().zip(node.acked) {
                if *left > 0 {
                    upto = upto.min(if self.is(Variant::AckByNodeId) { acked_by_any } else { acked });
                }
            }
        }
        upto
    }

    fn push_evictions(&self, state: &State, by: usize, actions: &mut Vec<Action>) {
        let waits = &state.apis[by].eviction_waits;
        let suspended = every_row().filter(|(api, epoch)| {
            matches!(state.registry[*api][*epoch], Registration::Suspended | Registration::Evicted)
        });
        // When all is over, nobody waits for an epoch to be gone.
        let open = state.revokes[..self.bounds.revokes].iter().any(|revoke| !revoke.is_over());
        if !open {
            return;
        }
        let may_suspend = suspended.count() < self.bounds.suspensions;
        for (api, epoch) in every_row() {
            match (state.registry[api][epoch], waits[api][epoch]) {
                (Registration::Active, _)
                    if may_suspend && (api, epoch) != (by, usize::from(state.apis[by].epoch)) =>
                {
                    actions.push(Action::Suspend { by, api, epoch });
                }
                (Registration::Suspended, None) => actions.push(Action::NoticeSuspension { by, api, epoch }),
                (Registration::Suspended, Some(0)) => actions.push(Action::Evict { by, api, epoch }),
                (Registration::Suspended, Some(_)) => {}
                (Registration::Absent | Registration::Active | Registration::Evicted, _) => {}
            }
        }
    }

    pub(crate) fn may_return(&self, revoke: &Revoke) -> bool {
        revoke
            .outcome()
            .is_some_and(|as_what| as_what == Phase::Confirmed || !self.is(Variant::LaggardsAwaited))
    }

    pub(crate) fn actions_of_revokes(&self, state: &State, actions: &mut Vec<Action>) {
        let early = self.is(Variant::RegistryBeforeCommit) || self.is(Variant::WaitFromRequest);
        let mut room_for_others = state.head;
        for revoke in 0..self.bounds.revokes {
            match state.revokes[revoke].phase {
                Phase::Idle if early => actions.push(Action::BeginEarly { revoke }),
                Phase::Idle | Phase::Begun => actions.push(Action::Commit { revoke }),
                Phase::Committed => actions.push(Action::ReadRegistry { revoke }),
                Phase::Waiting | Phase::Confirmed | Phase::Waited | Phase::Aborted => {}
            }
            if self.may_return(&state.revokes[revoke]) {
                actions.push(Action::Return { revoke });
            }
            room_for_others -= u8::from(state.revokes[revoke].seq > 0);
        }
        if room_for_others < self.bounds.other_events {
            actions.push(Action::WriteOther);
        }
    }
}

fn actions_of_own_table(at: usize, api: &Api, actions: &mut Vec<Action>) {
    actions.push(Action::RenewOwn { api: at });
    if api.own_renewal > 0 {
        actions.push(Action::ReadForOwn { api: at });
    }
    for (left, grant) in api.table.grants.iter() {
        if grant.tail <= api.table.visible.last() {
            actions.push(Action::UseOwn { api: at, left });
        }
    }
}

const _: () = assert!(APIS * EPOCHS <= 8 && NODES > 0, "a set of rows is eight bits");
