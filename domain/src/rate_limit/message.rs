//! What nodes and the ledger say to each other.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::rate_limit::RateLimit;

/// One life of a validating node. A node that starts again is another holder: it does not know what
/// it admitted before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Holder(String);

impl Holder {
    /// The holder of a node's id and of what tells this life of it from its others.
    #[must_use]
    pub fn new(node: &str, incarnation: impl fmt::Display) -> Self {
        Self(format!("{node}#{incarnation}"))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A node asks for its share of one subject's limits, and says what it holds.
///
/// By sending it the node promises: until it takes the answer to this very ask, it counts no more in
/// any window than `held`. It takes no answer to an earlier ask any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Rises with every ask of a holder, over all subjects.
    pub number: u64,
    /// Each window of the subject, at most [`super::MOST_WINDOWS`], no length twice.
    pub windows: Vec<WindowAsk>,
}

/// One window of an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowAsk {
    /// The limit as the node knows it.
    pub limit: RateLimit,
    /// What the node may count in the window, or has counted, whichever is more.
    pub held: u32,
    /// How many requests the node would admit in a window if it could, at the present rate, or has
    /// counted if that is more. Neither this nor `held` in any window: the node leaves the subject.
    pub needed: u32,
}

impl Ask {
    /// Whether the node gives everything back and wants nothing.
    #[must_use]
    pub fn leaves(&self) -> bool {
        self.windows.iter().all(|window| window.held == 0 && window.needed == 0)
    }
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// The number of the ask.
    pub number: u64,
    /// For how long the shares may be used, in milliseconds on the node's own clock since the moment
    /// *before* it sent the ask.
    pub lease_ms: u32,
    /// Whether nodes want more than there is, or nearly: the node should ask again soon, and give
    /// back what it does not use.
    pub contended: bool,
    /// The share of each window that was asked for.
    pub windows: Vec<WindowShare>,
}

/// One window of [`Shares`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowShare {
    /// The window, in milliseconds.
    pub window_ms: u32,
    /// How many requests the node may count in the window. Less than it has counted: it admits none
    /// until so many have slid out.
    pub share: u32,
}

/// An ask has no answer, and changed nothing. The node asks again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// A later ask of the holder came first.
    #[error("the ask was overtaken by a later one")]
    Overtaken,
    /// No window, too many, or one length twice.
    #[error("an ask names 1 to 4 windows of different lengths")]
    Malformed,
    /// Too many nodes, or lives of nodes, hold shares already.
    #[error("the subject has as many holders as it may")]
    Full,
}
