//! Why a decision about an integration is refused. Where a text goes on behind a semicolon, that is what to do about it.

use crate::key::InvalidName;

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntegrationRefusal {
    /// No integration of this id belongs to the tenant.
    #[error("there is no such integration")]
    NotFound,
    /// The id is taken, which a UUID never is by chance.
    #[error("an integration with this id exists already")]
    AlreadyCreated,
    /// The name cannot be used.
    #[error("the name {0}")]
    InvalidName(InvalidName),
    /// The dialect's integrations are connected to an agent.
    #[error("this dialect's integrations are connected to an agent; name one")]
    AgentMissing,
    /// No agent of this id belongs to the tenant.
    #[error("the tenant has no such agent; choose one of its own")]
    UnknownAgent,
    /// A change that changes nothing was asked for.
    #[error("there is nothing to change")]
    NothingToChange,
}
