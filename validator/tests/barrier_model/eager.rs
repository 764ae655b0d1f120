//! Steps that can only help to break a property, taken as soon as they can be: what remains are fewer states.
//!
//! Who takes such a step later, or never, has fewer ways to answer wrongly: a lease is shorter or not there, a Grant asks for
//! more to be applied, a revocation returns later or not at all. Bounds that are not eager take them one by one.

use crate::Barrier;
use crate::actions::Action;
use crate::state::{APIS, NODES, Phase, Registration, State, Table, every_row};

impl Barrier {
    pub(crate) fn hasten(&self, state: &mut State) {
        for revoke in 0..self.bounds.revokes {
            if state.revokes[revoke].phase == Phase::Committed {
                self.step(state, Action::ReadRegistry { revoke });
            }
        }
        for api in 0..self.bounds.apis {
            self.hasten_api(state, api);
        }
        for node in 0..NODES {
            // Not to take it in at all is as late as not to publish it.
            if state.nodes[node].table.received != state.nodes[node].table.visible {
                self.step(state, Action::Publish { node });
            }
            for left in usable(&state.nodes[node].table) {
                self.step(state, Action::UseGrant { node, left });
            }
        }
        for api in 0..self.bounds.apis {
            for left in usable(&state.apis[api].table) {
                self.step(state, Action::UseOwn { api, left });
            }
            if let Some(confirm) = self.confirm(state, api) {
                self.step(state, confirm);
            }
        }
        self.hasten_evictions(state);
        state.settle(self.bounds.revokes);
        for revoke in 0..self.bounds.revokes {
            if self.may_return(&state.revokes[revoke]) {
                self.step(state, Action::Return { revoke });
            }
        }
        state.settle(self.bounds.revokes);
    }

    fn hasten_api(&self, state: &mut State, api: usize) {
        // One that validates from its own table would answer rightly the sooner.
        while !self.bounds.own_tables && state.apis[api].table.visible.last() < state.head {
            self.step(state, Action::ReadLog { api });
        }
        // A later read finds no shorter tail, and an epoch that is registered does not become it.
        if state.registration(api) == Registration::Active {
            for node in 0..NODES {
                if state.apis[api].renewals[node] > 0 {
                    self.step(state, Action::ReadForGrant { api, node });
                    state.apis[api].renewals[node] = 0;
                }
            }
            if state.apis[api].own_renewal > 0 {
                self.step(state, Action::ReadForOwn { api });
            }
        }
    }

    fn hasten_evictions(&self, state: &mut State) {
        if state.revokes[..self.bounds.revokes].iter().all(|revoke| revoke.is_over()) {
            return;
        }
        for (api, epoch) in every_row().filter(|_| self.bounds.suspensions > 0) {
            for by in 0..APIS.min(self.bounds.apis) {
                if state.registry[api][epoch] != Registration::Suspended {
                    break;
                }
                match state.apis[by].eviction_waits[api][epoch] {
                    None => self.step(state, Action::NoticeSuspension { by, api, epoch }),
                    Some(0) => self.step(state, Action::Evict { by, api, epoch }),
                    Some(_) => {}
                }
            }
        }
    }
}

fn usable(table: &Table) -> impl Iterator<Item = u8> + use<> {
    let applied = table.visible.last();
    table.grants.iter().filter(move |(_, grant)| grant.tail <= applied).map(|(left, _)| left)
}
