//! What can happen to signing keys.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::ids::SigningKeyId;
use crate::jwt::{Algorithm, PublicJwk};

/// An event in the life of a signing key. Public halves only: no event holds a private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningKeyEvent {
    /// A key was made and published.
    SigningKeyIntroduced(SigningKeyIntroduced),
    /// A key is no longer published: everything that it signed has ended.
    SigningKeyRetired(SigningKeyRetired),
}

/// A key was made and published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyIntroduced {
    /// Its id, the `kid` of what it signs.
    pub kid: SigningKeyId,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// As whom it signs: the `iss` of its tokens.
    pub issuer: String,
    /// Its public half (RFC 7517).
    pub jwk: PublicJwk,
    /// From when on it signs.
    pub signs_from: DateTime<Utc>,
    /// When.
    pub introduced_at: DateTime<Utc>,
}

/// A key is no longer published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRetired {
    /// The key.
    pub kid: SigningKeyId,
    /// When.
    pub retired_at: DateTime<Utc>,
}

impl DomainEvent for SigningKeyEvent {
    fn event_type(&self) -> String {
        match self {
            Self::SigningKeyIntroduced(_) => "SigningKeyIntroduced",
            Self::SigningKeyRetired(_) => "SigningKeyRetired",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
