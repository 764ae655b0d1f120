//! What can happen to a secret for service JWTs.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::TenantId;
use crate::key::RevocationReason;
use crate::scope::ScopeSet;

/// An event in the life of a secret. None holds the secret, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JwtSecretEvent {
    /// It was created.
    JwtSecretIssued(JwtSecretIssued),
    /// Another version took its place.
    JwtSecretRotated(JwtSecretRotated),
    /// It was revoked, for ever.
    JwtSecretRevoked(JwtSecretRevoked),
}

/// A secret was created, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecretIssued {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// The name that people gave it.
    pub name: String,
    /// The environment's name.
    pub environment: String,
    /// What tokens signed with it may do at the most.
    pub scopes: ScopeSet,
    /// Under which id it is sealed.
    pub sealed_id: Uuid,
    /// When.
    pub issued_at: DateTime<Utc>,
}

/// A secret was replaced under the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecretRotated {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The number of the new version.
    pub version: u32,
    /// Under which id it is sealed.
    pub sealed_id: Uuid,
    /// Until when the versions before it stay valid, at the longest.
    pub previous_valid_until: DateTime<Utc>,
    /// When.
    pub rotated_at: DateTime<Utc>,
}

/// A secret was revoked. No later event makes it valid again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecretRevoked {
    /// Its owner.
    pub tenant_id: TenantId,
    /// Why.
    pub reason: RevocationReason,
    /// What people noted about it.
    pub note: Option<String>,
    /// When.
    pub revoked_at: DateTime<Utc>,
}

impl JwtSecretEvent {
    /// The owner of the secret.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        match self {
            Self::JwtSecretIssued(e) => e.tenant_id,
            Self::JwtSecretRotated(e) => e.tenant_id,
            Self::JwtSecretRevoked(e) => e.tenant_id,
        }
    }
}

impl DomainEvent for JwtSecretEvent {
    fn event_type(&self) -> String {
        match self {
            Self::JwtSecretIssued(_) => "JwtSecretIssued",
            Self::JwtSecretRotated(_) => "JwtSecretRotated",
            Self::JwtSecretRevoked(_) => "JwtSecretRevoked",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
