//! Public keys as JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2). Coordinates and numbers are base64url.

use serde::{Deserialize, Serialize};

use super::Algorithm;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicJwk {
    /// An Edwards curve.
    #[serde(rename = "OKP")]
    Edwards {
        /// Which.
        crv: EdwardsCurve,
        /// The point.
        x: String,
    },
    /// An elliptic curve.
    #[serde(rename = "EC")]
    Elliptic {
        /// Which.
        crv: Curve,
        /// One coordinate.
        x: String,
        /// The other.
        y: String,
    },
    /// RSA.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

/// An Edwards curve that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdwardsCurve {
    /// Ed25519.
    Ed25519,
}

/// An elliptic curve that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// P-256.
    #[serde(rename = "P-256")]
    P256,
}

impl PublicJwk {
    /// The one algorithm that its signatures are checked with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Edwards { crv: EdwardsCurve::Ed25519, .. } => Algorithm::EdDsa,
            Self::Elliptic { crv: Curve::P256, .. } => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }
}
