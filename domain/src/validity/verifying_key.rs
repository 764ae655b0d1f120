//! Keys that signatures are checked with.

use serde::{Deserialize, Serialize};

use super::{DialectEntry, Entry, Shown};
use crate::dialect::MANAGEMENT;
use crate::ids::SigningKeyId;
use crate::jwt::{Algorithm, PublicJwk};
use crate::signing_key::{SigningKeyState, SigningKeys};

/// The public half of a key that the server signs with, as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyingKeyEntry {
    /// Its id, the `kid` of what it signed.
    pub kid: SigningKeyId,
    /// The one algorithm that its signatures are checked with.
    pub algorithm: Algorithm,
    /// As whom it signs: the `iss` and `aud` of access tokens.
    pub issuer: String,
    /// The key.
    pub jwk: PublicJwk,
    /// Unix time in microseconds from which nothing that it signed is an access token; `i64::MAX`: it is not retired.
    pub not_after: i64,
}

impl VerifyingKeyEntry {
    fn of(key: &SigningKeyState) -> Self {
        let SigningKeyState { kid, algorithm, issuer, jwk, signs_from: _, retired_at } = key;
        Self {
            kid: *kid,
            algorithm: *algorithm,
            issuer: issuer.clone(),
            jwk: jwk.clone(),
            not_after: retired_at.map_or(i64::MAX, |at| at.timestamp_micros()),
        }
    }
}

impl DialectEntry {
    /// The entry of the signing keys in this state.
    #[must_use]
    pub fn of_signing_keys(keys: &SigningKeys) -> Self {
        let keys = keys.all().iter().map(VerifyingKeyEntry::of).collect();
        Self { dialect: MANAGEMENT.to_owned(), entry: Entry::VerifyingKeys(keys) }
    }
}

impl Shown for SigningKeys {
    fn shown(&self, _: &str) -> Option<DialectEntry> {
        (!self.all().is_empty()).then(|| DialectEntry::of_signing_keys(self))
    }
}
