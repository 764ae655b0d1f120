//! What a resource tells whoever did not prove what its token asks for (RFC 9449 section 7.1).

/// The algorithms of proofs.
pub const ALGORITHMS: [&str; 4] = ["EdDSA", "Ed25519", "ES256", "RS256"];

/// Why a token was refused that a key goes with, or should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// The token is bound to a key and was shown as a bearer's, or the other way round.
    InvalidToken,
    /// The proof is missing, or is none for this token and request.
    InvalidProof,
}

impl Challenge {
    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub const fn www_authenticate(self) -> &'static str {
        match self {
            Self::InvalidToken => r#"DPoP error="invalid_token", algs="EdDSA Ed25519 ES256 RS256""#,
            Self::InvalidProof => r#"DPoP error="invalid_dpop_proof", algs="EdDSA Ed25519 ES256 RS256""#,
        }
    }
}
