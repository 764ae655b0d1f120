//! Why a decision about a grant is refused. Where a text goes on behind a semicolon, that is what to do about it.

/// A refused decision. Nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// No grant of this id is the caller's, or the secret is not one of its.
    #[error("the code or token is unknown; send the person to the authorization endpoint again")]
    NotFound,
    /// The id is taken, which a UUID never is by chance.
    #[error("a grant with this id exists already")]
    AlreadyGranted,
    /// It was revoked.
    #[error("the grant was revoked; send the person to the authorization endpoint again")]
    Revoked,
    /// The code or the refresh token is too old.
    #[error("the code or token has expired; send the person to the authorization endpoint again")]
    Expired,
    /// Another redirect URI than the code was sent to, or none.
    #[error("redirect_uri is not the one that the code was sent to; repeat it byte for byte")]
    RedirectMismatch,
    /// The verifier does not fit the challenge, or is missing.
    #[error(
        "code_verifier does not fit the code_challenge; send the 43 to 128 characters that the challenge was made of"
    )]
    VerifierMismatch,
    /// A verifier for a code without a challenge: somebody took the challenge out of the request (RFC 9700 section 4.8.2).
    #[error(
        "code_verifier came for a code that was asked for without a code_challenge; send both or neither"
    )]
    VerifierWithoutChallenge,
    /// The code or the refresh token is bound to a key that the client did not prove to hold.
    #[error(
        "the code or token is bound to a key; send a proof made with that key in the header DPoP (RFC 9449)"
    )]
    ProofMismatch,
    /// More than was agreed to.
    #[error("the scope `{scope}` was not agreed to; ask for it at the authorization endpoint")]
    InvalidScope {
        /// The first one.
        scope: String,
    },
}
