//! What can happen to a key.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::credential::Digest;
use crate::dialect::KeyType;
use crate::ids::{IntegrationId, TenantId};
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// An event in the life of a key. Digests only: no event holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyEvent {
    /// The key was created with its first secret.
    KeyIssued(KeyIssued),
    /// Something about the key was changed.
    KeyChanged(KeyChanged),
    /// The key got a new secret.
    KeyRotated(KeyRotated),
    /// The key was revoked, for ever.
    KeyRevoked(KeyRevoked),
    /// The key's lifetime ended.
    KeyExpired(KeyExpired),
}

/// The key was created with its first secret, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIssued {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// The name that people gave it.
    pub name: String,
    /// Secret or publishable.
    #[serde(rename = "type")]
    pub key_type: KeyType,
    /// The environment's name.
    pub environment: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what it is restricted.
    pub restrictions: Restrictions,
    /// When it ends; absent: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its public client id, where the dialect has them.
    pub client_id: Option<String>,
    /// The integration that it belongs to. Left out where it belongs to none, as in the logs of programs that knew of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The first characters of the secret, for lists.
    pub hint: String,
    /// SHA-256 of the secret.
    pub digest: Digest,
    /// When.
    pub issued_at: DateTime<Utc>,
}

/// Some of a key's properties were replaced. Those not named stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChanged {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The new values, at most one of a kind, at least one.
    pub changes: Vec<Change>,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// One replaced property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The name.
    Name(String),
    /// All scopes.
    Scopes(ScopeSet),
    /// The whole allow list.
    IpAllowlist(Vec<IpNet>),
    /// All restrictions.
    Restrictions(Restrictions),
    /// The end of its life; absent: never.
    ExpiresAt(Option<DateTime<Utc>>),
}

/// The key got a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotated {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The number of the new secret.
    pub version: u32,
    /// The first characters of the new secret.
    pub hint: String,
    /// SHA-256 of the new secret.
    pub digest: Digest,
    /// Until when the secrets before it stay valid, at the longest.
    pub previous_valid_until: DateTime<Utc>,
    /// When.
    pub rotated_at: DateTime<Utc>,
}

/// Why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Somebody else has the secret, or may have.
    Compromised,
    /// Another key took its place.
    Superseded,
    /// Nobody uses it.
    Unused,
    /// What it was made for has ended.
    CessationOfOperation,
    /// Its holder is no longer entitled to it.
    PrivilegeWithdrawn,
    /// No reason was given.
    Unspecified,
}

/// The key was revoked. No later event makes it valid again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// Its owner.
    pub tenant_id: TenantId,
    /// Why.
    pub reason: RevocationReason,
    /// What people noted about it.
    pub note: Option<String>,
    /// When.
    pub revoked_at: DateTime<Utc>,
}

/// The key's lifetime ended. Written after the fact, for those who follow the log: a key is
/// refused from its `expires_at` on, whether or not this event is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyExpired {
    /// Its owner.
    pub tenant_id: TenantId,
    /// When its life ended.
    pub expired_at: DateTime<Utc>,
}

impl KeyEvent {
    /// The owner of the key.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        match self {
            Self::KeyIssued(e) => e.tenant_id,
            Self::KeyChanged(e) => e.tenant_id,
            Self::KeyRotated(e) => e.tenant_id,
            Self::KeyRevoked(e) => e.tenant_id,
            Self::KeyExpired(e) => e.tenant_id,
        }
    }
}

impl DomainEvent for KeyEvent {
    fn event_type(&self) -> String {
        match self {
            Self::KeyIssued(_) => "KeyIssued",
            Self::KeyChanged(_) => "KeyChanged",
            Self::KeyRotated(_) => "KeyRotated",
            Self::KeyRevoked(_) => "KeyRevoked",
            Self::KeyExpired(_) => "KeyExpired",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
