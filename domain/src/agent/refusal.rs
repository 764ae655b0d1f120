//! Why a decision about an agent is refused.

use crate::key::InvalidName;

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgentRefusal {
    /// No agent of this id belongs to the tenant.
    #[error("there is no such agent")]
    NotFound,
    /// The id is taken, which a UUID never is by chance.
    #[error("an agent with this id exists already")]
    AlreadyCreated,
    /// The name cannot be used.
    #[error("the name {0}")]
    InvalidName(InvalidName),
    /// A change that changes nothing was asked for.
    #[error("there is nothing to change")]
    NothingToChange,
}
