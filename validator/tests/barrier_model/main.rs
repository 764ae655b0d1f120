//! The barrier of a revocation as a model of which every state is visited: leases, grants, the registry, suspension.
//!
//! `cargo test -p nexus-validator --test barrier_model -- --nocapture` prints what was checked and how many states there
//! were; `NEXUS_MODEL_BOUND=long cargo test --release -p nexus-validator --test barrier_model` checks the larger bounds.
//!
//! - Each of `bounds.rs` says how many nodes, API nodes, restarts, epochs, suspensions and events there are. Those of every
//!   run: one node and two API nodes or two and one, a lease of one or two ticks, one tick that each clock may be wrong by,
//!   one restart of a node, one new epoch, one suspension, two events. Ticks, renewals and messages have no bound.
//! - One node tells of any number: a revocation returns when *all* have acknowledged or lapsed, so a further node can only
//!   make it wait longer.
//! - Messages are late, lost, repeated and out of order without being states: a step that may be taken may also not be. An
//!   acknowledgement counts as soon as it is sent; that it is late is a Confirm that is not made yet. Deltas are the log
//!   itself, of which any may arrive at any time, over whichever road. A node takes Grants from every API node and every
//!   epoch, as if it was connected to all of them at once: S1 does not rest on whether it tells epochs apart.
//! - `variants.rs` has the protocol with one thing wrong, for each thing, and the property that this breaks. What leads
//!   there is printed, without the steps that eager bounds take by themselves.
//!
//! Not here: the credentials that an event speaks of, bootstrap's snapshot beyond a resync, the failover of the database.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays have room for what the bounds allow; a test fails by panicking"
)]

mod actions;
mod bounds;
mod eager;
mod properties;
mod state;
mod steps;
mod variants;

use std::collections::BTreeSet;

use stateright::{Checker as _, HasDiscoveries, Model, Path, Property};

use crate::actions::Action;
use crate::bounds::{Bounds, LONG, SHORT};
use crate::state::{Phase, Registration, State};
use crate::variants::{BROKEN, Variant};

/// The protocol within some bounds, whole or with one thing wrong.
pub(crate) struct Barrier {
    bounds: Bounds,
    variant: Option<Variant>,
}

impl Barrier {
    fn is(&self, variant: Variant) -> bool {
        self.variant == Some(variant)
    }
}

impl Model for Barrier {
    type State = State;
    type Action = Action;

    /// API node 0 is registered; the other registers when it likes.
    fn init_states(&self) -> Vec<State> {
        let mut state = State::default();
        state.registry[0][0] = Registration::Active;
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // Where no revocation can return any more, nothing is promised.
        if state.revokes[..self.bounds.revokes].iter().all(|revoke| revoke.phase == Phase::Aborted) {
            return;
        }
        self.actions_of_clocks(state, actions);
        self.actions_of_nodes(state, actions);
        self.actions_of_apis(state, actions);
        self.actions_of_revokes(state, actions);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        self.step(&mut state, action);
        state.settle(self.bounds.revokes);
        if self.bounds.eager {
            self.hasten(&mut state);
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = properties::always();
        if self.variant.is_none() {
            properties.extend(properties::sometimes(self));
        }
        properties
    }
}

#[test]
fn the_barrier_holds() {
    let long = std::env::var("NEXUS_MODEL_BOUND").is_ok_and(|bound| bound == "long");
    for bounds in if long { LONG.as_slice() } else { SHORT.as_slice() } {
        let checker = Barrier { bounds: *bounds, variant: None }.checker().threads(2).spawn_bfs().join();
        println!(
            "{}: {} states, {} steps, depth {}",
            bounds.name,
            checker.unique_state_count(),
            checker.state_count(),
            checker.max_depth(),
        );
        checker.assert_properties();
        assert!(checker.is_done(), "states are left: {bounds:?}");
        assert!(checker.unique_state_count() >= bounds.at_least, "the model has become smaller: {bounds:?}");
    }
}

#[test]
fn every_broken_variant_is_found() {
    for (variant, bounds, property) in BROKEN {
        let barrier = Barrier { bounds, variant: Some(variant) };
        let found = HasDiscoveries::AllOf(BTreeSet::from([property]));
        let checker = barrier.checker().finish_when(found).spawn_bfs().join();
        let steps = checker.discovery(property).map(|path| up_to_failure(checker.model(), path, property));
        println!("{variant:?}: {} states, {steps:?}", checker.unique_state_count());
        assert!(steps.is_some(), "{variant:?} does not break \"{property}\"");
    }
}

/// The steps to the first state in which the property does not hold: several are looked at in a row, and the last of them
/// is what the checker shows.
fn up_to_failure(barrier: &Barrier, path: Path<State, Action>, property: &'static str) -> Vec<Action> {
    let holds = barrier.property(property).condition;
    let path = path.into_vec().into_iter();
    path.take_while(|(state, _)| holds(barrier, state)).filter_map(|(_, action)| action).collect()
}
