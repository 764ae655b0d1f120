//! Proof Key for Code Exchange (RFC 7636), with the method S256 alone: `plain` protects from nobody who has seen the request.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A code challenge: SHA-256 of the verifier in base64url without padding, 43 characters (section 4.2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Challenge(String);

/// The text is no challenge of the method S256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("code_challenge must be SHA-256 of the verifier in base64url without padding, 43 characters")]
pub struct InvalidChallenge;

/// How long a verifier may be, in characters (section 4.1).
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;

impl Challenge {
    /// Whether this is the verifier that the challenge was made of.
    #[must_use]
    pub fn met_by(&self, verifier: &str) -> bool {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        VERIFIER.contains(&verifier.len())
            && verifier.bytes().all(unreserved)
            && bool::from(digest.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

impl FromStr for Challenge {
    type Err = InvalidChallenge;

    fn from_str(text: &str) -> Result<Self, InvalidChallenge> {
        match URL_SAFE_NO_PAD.decode(text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(InvalidChallenge),
        }
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_and_nothing_beside_it() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge: Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap();
        assert!(challenge.met_by(verifier));
        assert!(!challenge.met_by(&verifier[1..]), "42 characters");
        assert!(!challenge.met_by(&verifier.replace('d', "e")));
        assert!(!challenge.met_by(""));
        assert!(!challenge.met_by("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), "plain");
        for (length, fits) in [(42, false), (43, true), (128, true), (129, false)] {
            let verifier = "a".repeat(length);
            let made = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)).parse::<Challenge>().unwrap();
            assert_eq!(made.met_by(&verifier), fits, "{length}");
        }
        let odd = format!("{} ", "a".repeat(43));
        assert!(!URL_SAFE_NO_PAD.encode(Sha256::digest(&odd)).parse::<Challenge>().unwrap().met_by(&odd));
        for wrong in
            ["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="]
        {
            assert_eq!(wrong.parse::<Challenge>(), Err(InvalidChallenge), "{wrong}");
        }
    }
}
