//! The protocol with one thing wrong. Each breaks a property, which says what the thing is there for.

use crate::bounds::{
    Bounds, EVICTION, EVICTION_FAST_APIS, EVICTION_SLOW_NODE, GAPS, OWN_STEP_BY_STEP, OWN_TABLES,
    STEP_BY_STEP, TWO_NODES,
};
use crate::properties::{ACKED_IS_VISIBLE, NEVER_BLOCKED, NO_GAPS, NO_STALE_ACCEPT, NO_UNFENCED_LEASE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// A lease runs from when its Grant is used, not from before its Renew was sent.
    LeaseFromReceipt,
    /// The tail of a Grant is how far the API node has read the log.
    CachedTail,
    /// A revocation waits for W without what clocks may differ by.
    NoMarginInWait,
    /// A holder is believed to have lapsed without what clocks may differ by.
    NoMarginInHolder,
    /// An epoch is evicted without what clocks may differ by.
    NoMarginInEviction,
    /// The clock of a node stands while the machine is suspended.
    ClockStops,
    LeaseSurvivesRestart,
    /// A Grant that was meant for an earlier incarnation is used.
    GrantToEarlierIncarnation,
    GrantBeforeTail,
    DeltaOverGap,
    AckBeforeApply,
    /// An acknowledgement counts for every process that bears the node's id, as a cloned machine does.
    AckByNodeId,
    /// A holder is recorded when its Grant is sent, not when its Renew arrives.
    HolderAfterRead,
    /// A holder is forgotten when its connection ends, as if its lease ended too.
    HolderDroppedOnDisconnect,
    /// Head and registration are read apart, the head first.
    RegistrationReadApart,
    /// An API node grants though the registry has its epoch suspended, or no more.
    EvictWithoutFence,
    EvictWithoutWait,
    /// An API node that finds an epoch suspended trusts that another has waited.
    TakeoverWithoutWait,
    /// A revocation passes over epochs that are suspended.
    SuspendedNotAwaited,
    /// An API node that restarts goes on under the epoch it had.
    EpochReuse,
    /// A new epoch takes the row of the one before it.
    RowReplaced,
    /// A Renew that arrived under one epoch is answered under the next, which does not know its holder.
    RenewSpansEpochs,
    RegistryBeforeCommit,
    /// A revocation counts its wait from when it was asked for.
    WaitFromRequest,
    /// A revocation waits for whoever does not confirm for as long as it takes.
    LaggardsAwaited,
    /// A revocation waits for the nodes of its own API node alone.
    OwnNodesAlone,
    /// An API node confirms what its own table does not show.
    OwnTableNotAwaited,
    /// An API node validates whether or not the registry has its epoch.
    OwnLeaseWithoutFence,
}

/// Each with the smallest bounds that show it and with the property that it must break.
pub(crate) const BROKEN: [(Variant, Bounds, &str); 33] = [
    (Variant::LeaseFromReceipt, STEP_BY_STEP, NO_STALE_ACCEPT),
    (Variant::LeaseFromReceipt, OWN_STEP_BY_STEP, NO_STALE_ACCEPT),
    (Variant::CachedTail, STEP_BY_STEP, NO_STALE_ACCEPT),
    (Variant::NoMarginInWait, EVICTION_SLOW_NODE, NO_STALE_ACCEPT),
    (Variant::NoMarginInHolder, EVICTION_SLOW_NODE, NO_STALE_ACCEPT),
    (Variant::NoMarginInEviction, EVICTION_FAST_APIS, NO_STALE_ACCEPT),
    (Variant::ClockStops, EVICTION, NO_STALE_ACCEPT),
    (Variant::LeaseSurvivesRestart, STEP_BY_STEP, NO_STALE_ACCEPT),
    (Variant::GrantToEarlierIncarnation, STEP_BY_STEP, NO_STALE_ACCEPT),
    (Variant::GrantBeforeTail, EVICTION, NO_STALE_ACCEPT),
    (Variant::DeltaOverGap, GAPS, NO_STALE_ACCEPT),
    (Variant::DeltaOverGap, GAPS, NO_GAPS),
    (Variant::AckBeforeApply, STEP_BY_STEP, NO_STALE_ACCEPT),
    (Variant::AckBeforeApply, STEP_BY_STEP, ACKED_IS_VISIBLE),
    (Variant::AckByNodeId, TWO_NODES, NO_STALE_ACCEPT),
    (Variant::HolderAfterRead, EVICTION, NO_STALE_ACCEPT),
    (Variant::HolderDroppedOnDisconnect, EVICTION, NO_STALE_ACCEPT),
    (Variant::RegistrationReadApart, EVICTION, NO_STALE_ACCEPT),
    (Variant::EvictWithoutFence, EVICTION, NO_STALE_ACCEPT),
    (Variant::EvictWithoutFence, EVICTION, NO_UNFENCED_LEASE),
    (Variant::EvictWithoutWait, EVICTION, NO_STALE_ACCEPT),
    (Variant::TakeoverWithoutWait, EVICTION, NO_STALE_ACCEPT),
    (Variant::SuspendedNotAwaited, EVICTION, NO_STALE_ACCEPT),
    (Variant::EpochReuse, EVICTION, NO_STALE_ACCEPT),
    (Variant::RowReplaced, EVICTION, NO_STALE_ACCEPT),
    (Variant::RenewSpansEpochs, EVICTION, NO_STALE_ACCEPT),
    (Variant::RegistryBeforeCommit, EVICTION, NO_STALE_ACCEPT),
    (Variant::WaitFromRequest, EVICTION, NO_STALE_ACCEPT),
    (Variant::LaggardsAwaited, STEP_BY_STEP, NEVER_BLOCKED),
    (Variant::OwnNodesAlone, EVICTION, NO_STALE_ACCEPT),
    (Variant::OwnTableNotAwaited, OWN_TABLES, NO_STALE_ACCEPT),
    (Variant::OwnLeaseWithoutFence, OWN_TABLES, NO_STALE_ACCEPT),
    (Variant::OwnLeaseWithoutFence, OWN_TABLES, NO_UNFENCED_LEASE),
];
