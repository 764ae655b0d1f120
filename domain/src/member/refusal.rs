//! Why a decision about a member is refused.

use super::InvalidPassword;

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberRefusal {
    /// No member of the tenant has this id, or not any more.
    #[error("there is no such member")]
    NotFound,
    /// Of a present member it must be known who it is.
    #[error("the member is one still; remove the member first")]
    StillPresent,
    /// The id is taken.
    #[error("a member with this id exists already")]
    AlreadyAdded,
    /// The password cannot be used.
    #[error("the password {0}")]
    InvalidPassword(InvalidPassword),
}
