//! Why a decision about a tenant is refused.

use crate::key::InvalidName;

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantRefusal {
    /// No tenant has this id.
    #[error("there is no such tenant")]
    NotFound,
    /// The id is taken.
    #[error("a tenant with this id exists already")]
    AlreadyCreated,
    /// The name cannot be used.
    #[error("the name {0}")]
    InvalidName(InvalidName),
    /// The note about a suspension cannot be used.
    #[error("the note {0}")]
    InvalidNote(InvalidName),
}
