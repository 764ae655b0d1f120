//! Signatures. The algorithm is the key's, and never what a header says (RFC 8725 section 3.1).

use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm as Checked, DecodingKey};
use nexus_domain::jwt::{Algorithm, Compact, PublicJwk};
use nexus_domain::validity::VerifyingKeyEntry;

/// A key that signatures are checked with.
pub(super) struct VerifyingKey {
    pub(super) entry: VerifyingKeyEntry,
    algorithm: Checked,
    key: DecodingKey,
}

impl VerifyingKey {
    /// Nothing where the key is none, or is none of the algorithm that it is said to be for.
    pub(super) fn of(entry: VerifyingKeyEntry) -> Option<Self> {
        if entry.jwk.algorithm() != entry.algorithm {
            return None;
        }
        let key = match &entry.jwk {
            PublicJwk::Edwards { crv: _, x } => DecodingKey::from_ed_components(x),
            PublicJwk::Elliptic { crv: _, x, y } => DecodingKey::from_ec_components(x, y),
            PublicJwk::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
        };
        let algorithm = checked(entry.algorithm);
        Some(Self { key: key.ok()?, algorithm, entry })
    }

    /// Whether the key made the token's signature.
    pub(super) fn signed(&self, token: Compact<'_>) -> bool {
        verify(token.signature(), token.signed().as_bytes(), &self.key, self.algorithm).unwrap_or(false)
    }
}

/// Whether a secret made the token's signature, with HMAC and SHA-256. Takes the same time wherever they differ.
pub(super) fn signed_with(secret: &[u8], token: Compact<'_>) -> bool {
    let key = DecodingKey::from_secret(secret);
    verify(token.signature(), token.signed().as_bytes(), &key, Checked::HS256).unwrap_or(false)
}

const fn checked(algorithm: Algorithm) -> Checked {
    match algorithm {
        Algorithm::EdDsa => Checked::EdDSA,
        Algorithm::Es256 => Checked::ES256,
        Algorithm::Rs256 => Checked::RS256,
        Algorithm::Hs256 => Checked::HS256,
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.entry.kid).finish()
    }
}
