//! What each step does.

use crate::Barrier;
use crate::actions::Action;
use crate::state::{
    Api, EPOCHS, Events, Grant, INCARNATIONS, Left, NODES, Phase, Registration, Revoke, Rows, Seq, State,
    Table,
};
use crate::variants::Variant;

impl Barrier {
    pub(crate) fn step(&self, state: &mut State, action: Action) {
        match action {
            Action::Tick { lost_by } => self.tick(state, lost_by),
            Action::GainTick { api } => {
                state.tick_api(api);
                state.apis[api].gained_ticks += 1;
            }
            Action::WriteOther => state.head += 1,

            Action::Renew { node, api, ago } => self.renew(state, node, api, ago),
            Action::ReadForGrant { api, node } => self.read_for_grant(state, api, node),
            Action::RecordLate { api, node } => {
                self.record_holder(state, api, node);
                let unrecorded = std::mem::take(&mut state.apis[api].unrecorded[node]);
                for (left, grant) in unrecorded.iter() {
                    state.nodes[node].table.grants.add(left, grant);
                }
            }
            Action::Disconnect { node, api } => state.apis[api].holders[node] = Default::default(),
            Action::UseGrant { node, left } => self.use_grant(&mut state.nodes[node].table, left),
            Action::Receive { node, seq } => self.receive(state, node, |events| events.with(seq)),
            Action::Resync { node, upto } => self.receive(state, node, |_| Events::up_to(upto)),
            Action::Publish { node } => {
                let node = &mut state.nodes[node];
                node.table.visible = node.table.received;
                node.acked[usize::from(node.incarnation)] = node.table.visible.last();
            }
            Action::RestartNode { node, kept } => self.restart_node(state, node, kept),

            Action::Register { api } => self.register(state, api),
            Action::RestartApi { api } => self.restart_api(state, api),
            Action::TakeNewEpoch { api } => {
                let api = &mut state.apis[api];
                api.epoch += 1;
                api.holders = Default::default();
                if !self.is(Variant::RenewSpansEpochs) {
                    api.renewals = Default::default();
                }
            }
            Action::ReadLog { api } => {
                let table = &mut state.apis[api].table;
                table.received = table.visible.with(table.visible.last() + 1);
                table.visible = table.received;
            }
            Action::RenewOwn { api } => state.apis[api].own_renewal = self.bounds.lease,
            Action::ReadForOwn { api } => {
                let registered = state.registration(api) == Registration::Active;
                let left = std::mem::take(&mut state.apis[api].own_renewal);
                if registered || self.is(Variant::OwnLeaseWithoutFence) {
                    let grant = Grant { tail: state.head, unfenced: !registered };
                    state.apis[api].table.grants.add(left, grant);
                }
            }
            Action::UseOwn { api, left } => self.use_grant(&mut state.apis[api].table, left),
            Action::Confirm { api, upto } => {
                let epoch = usize::from(state.apis[api].epoch);
                state.confirmed[api][epoch] = upto;
            }
            Action::Suspend { by, api, epoch } => {
                state.registry[api][epoch] = Registration::Suspended;
                let wait = if self.is(Variant::EvictWithoutWait) {
                    0
                } else {
                    self.wait(Variant::NoMarginInEviction)
                };
                state.apis[by].eviction_waits[api][epoch] = Some(wait);
            }
            Action::NoticeSuspension { by, api, epoch } => {
                let wait = if self.is(Variant::TakeoverWithoutWait) {
                    0
                } else {
                    self.wait(Variant::NoMarginInEviction)
                };
                state.apis[by].eviction_waits[api][epoch] = Some(wait);
            }
            Action::Evict { api, epoch, .. } => evict(state, api, epoch),

            Action::BeginEarly { revoke } => {
                state.revokes[revoke] = Revoke {
                    phase: Phase::Begun,
                    seq: 0,
                    left: self.bounds.wait(),
                    awaited: self.awaited(state, revoke),
                };
            }
            Action::Commit { revoke } => self.commit(state, revoke),
            Action::ReadRegistry { revoke } => {
                state.revokes[revoke].awaited = self.awaited(state, revoke);
                state.revokes[revoke].phase = Phase::Waiting;
            }
            Action::Return { revoke } => {
                let revoke = &mut state.revokes[revoke];
                revoke.phase = revoke.outcome().unwrap_or(revoke.phase);
            }
        }
    }

    /// W, or too little of it where this is the variant.
    fn wait(&self, without_margin: Variant) -> Left {
        self.bounds.wait() - u8::from(self.is(without_margin))
    }

    fn tick(&self, state: &mut State, lost_by: Option<usize>) {
        for node in 0..self.bounds.nodes {
            if lost_by == Some(node) {
                let lost = &mut state.nodes[node].lost_ticks;
                *lost = (*lost + 1).min(self.bounds.lost_ticks);
            } else {
                let longest_age = if self.bounds.slow_renewals { self.bounds.lease - 1 } else { 0 };
                state.tick_node(node, longest_age);
            }
        }
        for api in 0..self.bounds.apis {
            state.tick_api(api);
        }
    }

    fn renew(&self, state: &mut State, node: usize, api: usize, ago: u8) {
        if !self.is(Variant::HolderAfterRead) {
            self.record_holder(state, api, node);
        }
        if self.is(Variant::RegistrationReadApart) {
            state.apis[api].early_tail = state.head;
        }
        // Of two that wait, the one with the longer lease can do what the other can.
        let waiting = &mut state.apis[api].renewals[node];
        *waiting = (*waiting).max(self.bounds.lease - ago);
    }

    fn record_holder(&self, state: &mut State, api: usize, node: usize) {
        let incarnation = usize::from(state.nodes[node].incarnation);
        state.apis[api].holders[node][incarnation] = self.wait(Variant::NoMarginInHolder);
    }

    fn read_for_grant(&self, state: &mut State, at: usize, node: usize) {
        let may_grant = match state.registration(at) {
            Registration::Active => true,
            Registration::Suspended | Registration::Evicted => self.is(Variant::EvictWithoutFence),
            Registration::Absent => false,
        };
        let unfenced = state.registration(at) != Registration::Active;
        let api = &mut state.apis[at];
        let tail = if self.is(Variant::CachedTail) {
            api.table.visible.last()
        } else if self.is(Variant::RegistrationReadApart) {
            api.early_tail
        } else {
            state.head
        };
        let (left, grant) = (api.renewals[node], Grant { tail, unfenced });
        if may_grant && self.is(Variant::HolderAfterRead) {
            api.unrecorded[node].add(left, grant);
        } else if may_grant {
            state.nodes[node].table.grants.add(left, grant);
        }
    }

    fn use_grant(&self, table: &mut Table, left: Left) {
        let Some(grant) = table.grants.get(left) else { return };
        let left = if self.is(Variant::LeaseFromReceipt) { self.bounds.lease } else { left };
        if left > table.lease {
            table.lease = left;
            table.lease_unfenced = grant.unfenced;
        }
    }

    fn receive(&self, state: &mut State, node: usize, take_in: impl FnOnce(Events) -> Events) {
        let node = &mut state.nodes[node];
        node.table.received = take_in(node.table.received);
        if self.is(Variant::AckBeforeApply) {
            node.acked[usize::from(node.incarnation)] = node.table.received.last();
        }
    }

    fn restart_node(&self, state: &mut State, at: usize, kept: Seq) {
        let node = &mut state.nodes[at];
        let before = node.table;
        node.incarnation += 1;
        node.age = 0;
        node.table =
            Table { received: Events::up_to(kept), visible: Events::up_to(kept), ..Table::default() };
        if self.is(Variant::LeaseSurvivesRestart) {
            node.table.lease = before.lease;
        }
        if self.is(Variant::GrantToEarlierIncarnation) {
            node.table.grants = before.grants;
        }
        // A Grant to the earlier incarnation would be ignored; its holder stays recorded.
        for api in &mut state.apis {
            api.renewals[at] = 0;
            api.unrecorded[at] = Default::default();
        }
    }

    fn register(&self, state: &mut State, at: usize) {
        let current = usize::from(state.apis[at].epoch);
        state.registry[at][current] = Registration::Active;
        if self.is(Variant::RowReplaced) {
            for earlier in 0..current {
                evict(state, at, earlier);
            }
        }
    }

    fn restart_api(&self, state: &mut State, at: usize) {
        let Api { epoch, gained_ticks, .. } = state.apis[at];
        let epoch = if self.is(Variant::EpochReuse) { epoch } else { epoch + 1 };
        state.apis[at] = Api { epoch, gained_ticks, ..Api::default() };
        let revoke = &mut state.revokes[at];
        if revoke.phase != Phase::Idle && !revoke.is_over() {
            revoke.phase = Phase::Aborted;
        }
    }

    fn commit(&self, state: &mut State, at: usize) {
        state.head += 1;
        let revoke = &mut state.revokes[at];
        revoke.seq = state.head;
        if !self.is(Variant::WaitFromRequest) {
            revoke.left = self.wait(Variant::NoMarginInWait);
        }
        revoke.phase = if self.is(Variant::RegistryBeforeCommit) { Phase::Waiting } else { Phase::Committed };
    }

    fn awaited(&self, state: &State, at: usize) -> Rows {
        if self.is(Variant::OwnNodesAlone) {
            let mut own = Rows::default();
            own.insert(at, usize::from(state.apis[at].epoch));
            return own;
        }
        if self.is(Variant::SuspendedNotAwaited) {
            return state.rows(&[Registration::Active]);
        }
        state.rows(&[Registration::Active, Registration::Suspended])
    }
}

/// The row goes, and with it every wait for it.
fn evict(state: &mut State, api: usize, epoch: usize) {
    state.registry[api][epoch] = Registration::Evicted;
    for by in &mut state.apis {
        by.eviction_waits[api][epoch] = None;
    }
}

const _: () = assert!(EPOCHS > 0 && INCARNATIONS > 0 && NODES > 0);
