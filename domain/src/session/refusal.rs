//! Why a decision about a session is refused.

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// No session of the tenant has this id.
    #[error("there is no such session")]
    NotFound,
    /// The id is taken.
    #[error("a session with this id exists already")]
    AlreadyBegun,
}
