//! What must hold in every state, and what must happen in some, so that the model is not empty.

use stateright::{Model as _, Property};

use crate::Barrier;
use crate::actions::Action;
use crate::state::{Phase, Registration, State};

pub(crate) const NO_STALE_ACCEPT: &str = "S1: nobody accepts what arrived after the revocation returned";
pub(crate) const NO_GAPS: &str = "S2: what is applied is the log's beginning, without a gap";
pub(crate) const ACKED_IS_VISIBLE: &str = "S3: what is acknowledged is visible";
pub(crate) const NO_UNFENCED_LEASE: &str =
    "S4: no lease was granted by an epoch that was not registered, or suspended";
pub(crate) const NEVER_BLOCKED: &str = "L1: a revocation that has waited for W can return";

pub(crate) fn always() -> Vec<Property<Barrier>> {
    vec![
        Property::always(NO_STALE_ACCEPT, |_, state: &State| {
            let mut returned = state.revokes.iter().filter(|revoke| revoke.has_returned());
            returned.all(|revoke| !state.tables().any(|table| table.accepts_without(revoke.seq)))
        }),
        Property::always(NO_GAPS, |_, state: &State| {
            state.tables().all(|table| table.visible.is_prefix() && table.received.is_prefix())
        }),
        Property::always(ACKED_IS_VISIBLE, |_, state: &State| {
            state.nodes.iter().all(|node| {
                let acked = node.acked[usize::from(node.incarnation)];
                (1..=acked).all(|seq| node.table.visible.contains(seq))
            })
        }),
        Property::always(NO_UNFENCED_LEASE, |_, state: &State| {
            state.tables().all(|table| table.lease == 0 || !table.lease_unfenced)
        }),
        Property::always(NEVER_BLOCKED, |barrier: &Barrier, state: &State| {
            let waited = |revoke: usize| {
                let revoke = &state.revokes[revoke];
                matches!(revoke.phase, Phase::Committed | Phase::Waiting) && revoke.left == 0
            };
            let mut actions = Vec::new();
            let mut waited = (0..barrier.bounds.revokes).filter(|revoke| waited(*revoke)).peekable();
            if waited.peek().is_some() {
                barrier.actions(state, &mut actions);
            }
            waited.all(|revoke| actions.contains(&Action::Return { revoke }))
        }),
    ]
}

/// Those that the bounds leave room for.
pub(crate) fn sometimes(barrier: &Barrier) -> Vec<Property<Barrier>> {
    let bounds = &barrier.bounds;
    let mut properties = vec![
        Property::sometimes("someone accepts before the revocation", |_, state: &State| {
            state.revokes[0].phase == Phase::Idle && state.tables().any(|table| table.lease > 0)
        }),
        Property::sometimes("someone still accepts when the revocation is written", |_, state: &State| {
            let revoke = &state.revokes[0];
            revoke.phase == Phase::Waiting && state.tables().any(|table| table.accepts_without(revoke.seq))
        }),
        Property::sometimes("all confirm while a lease is valid", |_, state: &State| {
            state.revokes[0].phase == Phase::Confirmed && state.tables().any(|table| table.lease > 0)
        }),
        Property::sometimes("some do not confirm while the revocation waits", |_, state: &State| {
            state.revokes[0].phase == Phase::Waited
        }),
    ];
    if bounds.suspensions > 0 {
        properties.push(Property::sometimes("all that are not evicted confirm", |_, state: &State| {
            let evicted = state.rows(&[Registration::Evicted]);
            state.revokes[0].phase == Phase::Confirmed && !evicted.is_empty()
        }));
    }
    if bounds.revokes > 1 {
        properties.push(Property::sometimes("both revocations wait at once", |_, state: &State| {
            state.revokes.iter().all(|revoke| revoke.phase == Phase::Waiting)
        }));
    }
    properties
}
