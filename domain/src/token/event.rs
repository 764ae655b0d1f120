//! What can happen to an access token.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::credential::Digest;
use crate::ids::{GrantId, KeyId, TenantId};
use crate::key::RevocationReason;
use crate::scope::ScopeSet;

/// An event in the life of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenEvent {
    /// The token was issued.
    TokenIssued(TokenIssued),
    /// The token was revoked before its end.
    TokenRevoked(TokenRevoked),
}

/// The token was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssued {
    /// Whose data it opens.
    pub tenant_id: TenantId,
    /// The dialect of that tenant.
    pub dialect: String,
    /// The client that it was issued to.
    pub key_id: KeyId,
    /// Its public id.
    pub client_id: String,
    /// The grant that it was issued for; absent: the client's own credentials.
    pub grant_id: Option<GrantId>,
    /// Who agreed to it, or the client itself.
    pub subject: String,
    /// The environment.
    pub environment: String,
    /// What it allows.
    pub scopes: ScopeSet,
    /// SHA-256 of the key that it is bound to (RFC 9449); absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Digest>,
    /// When.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// The token was revoked before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// Whose data it opened.
    pub tenant_id: TenantId,
    /// The dialect of that tenant.
    pub dialect: String,
    /// The client that it was issued to.
    pub key_id: KeyId,
    /// From when on nobody would accept it anyway.
    pub until: DateTime<Utc>,
    /// Why.
    pub reason: RevocationReason,
    /// When.
    pub revoked_at: DateTime<Utc>,
}

impl TokenEvent {
    /// Whose data the token opens.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        match self {
            Self::TokenIssued(e) => e.tenant_id,
            Self::TokenRevoked(e) => e.tenant_id,
        }
    }

    /// The client that it was issued to.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        match self {
            Self::TokenIssued(e) => e.key_id,
            Self::TokenRevoked(e) => e.key_id,
        }
    }
}

impl DomainEvent for TokenEvent {
    fn event_type(&self) -> String {
        match self {
            Self::TokenIssued(_) => "TokenIssued",
            Self::TokenRevoked(_) => "TokenRevoked",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
