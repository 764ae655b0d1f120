//! Why a decision about an access token is refused.

use crate::jwt::LONGEST_TOKEN;

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// No token of this id is the caller's.
    #[error("there is no such token")]
    NotFound,
    /// The id is taken, which a UUID never is by chance.
    #[error("a token with this id exists already")]
    AlreadyIssued,
    /// The client is of another type.
    #[error("the client may not use this grant; register one of the type that does")]
    UnauthorizedClient,
    /// The client is revoked.
    #[error("the client is revoked, which is final; register another one")]
    ClientRevoked,
    /// The client's tenant is suspended.
    #[error("the tenant of the client is suspended")]
    TenantSuspended,
    /// The client is registered to get tokens that are bound to a key alone, and proved none.
    #[error(
        "the client is registered for tokens that are bound to a key; send a proof in the header DPoP (RFC 9449)"
    )]
    ProofRequired,
    /// A scope that the client does not have.
    #[error(
        "the scope `{scope}` is not among those that may be asked for; leave it out, or register the client with it"
    )]
    InvalidScope {
        /// The first one.
        scope: String,
    },
    /// It would be longer than anybody takes a token for, [`LONGEST_TOKEN`].
    #[error(
        "the token would have more than {LONGEST_TOKEN} bytes, which nobody accepts; ask for fewer scopes, or give its client fewer restrictions"
    )]
    TooLong,
}
