//! How much is measured: all of it, or enough to see that the measurements work.

use std::time::Duration;

/// Sizes of a run. Of a pair, the second is ten times the first and shows how the cost grows.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    /// Keys in the look-up table and in the store.
    pub(crate) keys: [u32; 2],
    /// Events in the log.
    pub(crate) events: [u32; 2],
    /// Commands or connections at once.
    pub(crate) at_once: [u32; 2],
    /// Rounds of what takes seconds.
    pub(crate) rounds: usize,
    /// Rounds of what takes minutes.
    pub(crate) long_rounds: usize,
    /// How long a rate is counted.
    pub(crate) span: Duration,
    /// Validating nodes.
    pub(crate) nodes: [u32; 2],
    /// Revocations in a round.
    pub(crate) revocations: u32,
    /// Workers of a web server.
    pub(crate) workers: u32,
}

impl Sizes {
    pub(crate) fn full(workers: u32) -> Self {
        Self {
            keys: [100_000, 1_000_000],
            events: [100_000, 1_000_000],
            at_once: [64, 640],
            rounds: 7,
            long_rounds: 3,
            span: Duration::from_secs(5),
            nodes: [100, 1_000],
            revocations: 200,
            workers,
        }
    }

    pub(crate) fn quick(workers: u32) -> Self {
        Self {
            keys: [10_000, 100_000],
            events: [2_000, 20_000],
            at_once: [64, 640],
            rounds: 3,
            long_rounds: 1,
            span: Duration::from_secs(3),
            nodes: [20, 100],
            revocations: 40,
            workers,
        }
    }
}
