//! Ways in which what the protocol stands on may be wrong. Each is made in an adapter of the simulation, and each must be found:
//! a simulation that finds none of them would find nothing else either.

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The log's end comes with a grant as it was read for an earlier one.
    StaleHead,
    /// Node clocks stand still while their hosts do.
    ClockStopsInPauses,
    /// Node clocks are off by more than the margins allow.
    ClockDriftsTooFar,
    /// The network acknowledges to an API node what the node has not seen yet.
    AckBeforeApply,
    /// A request is looked up before the right to answer it is asked for.
    LatePermit,
    /// The registry shows what it held before the commit.
    RegistryBeforeCommit,
    /// Only an API node's own registration is shown to it.
    OwnNodesAlone,
    /// A suspended API node is forgotten at once.
    EvictedWithoutFence,
    /// A node's right to answer outlives its process.
    LeaseSurvivesRestart,
}

impl Broken {
    pub(crate) const ALL: [Self; 9] = [
        Self::StaleHead,
        Self::ClockStopsInPauses,
        Self::ClockDriftsTooFar,
        Self::AckBeforeApply,
        Self::LatePermit,
        Self::RegistryBeforeCommit,
        Self::OwnNodesAlone,
        Self::EvictedWithoutFence,
        Self::LeaseSurvivesRestart,
    ];
}
