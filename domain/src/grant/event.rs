//! What can happen to a grant.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Challenge;
use crate::credential::Digest;
use crate::ids::{KeyId, TenantId, TokenId};
use crate::scope::ScopeSet;

/// An event in the life of a grant. Digests only: no event holds a code or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantEvent {
    /// Somebody agreed, and a code was sent to the client.
    ConsentGranted(Box<ConsentGranted>),
    /// The client got tokens for the code.
    CodeRedeemed(CodeRedeemed),
    /// The client got tokens for a refresh token.
    TokenRefreshed(TokenRefreshed),
    /// A refresh token that was used before came again.
    RefreshReuseDetected(RefreshReuseDetected),
    /// The grant ended before its time, and all its tokens with it.
    GrantRevoked(GrantRevoked),
}

/// Somebody agreed, and a code was sent to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentGranted {
    /// Whose data it opens.
    pub tenant_id: TenantId,
    /// The dialect of that tenant.
    pub dialect: String,
    /// The client.
    pub key_id: KeyId,
    /// Its public id.
    pub client_id: String,
    /// Who agreed.
    pub subject: String,
    /// What they agreed to.
    pub scopes: ScopeSet,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// SHA-256 of the code.
    pub digest: Digest,
    /// The challenge that the code is bound to (RFC 7636, method S256).
    pub challenge: Option<Challenge>,
    /// SHA-256 of the key that the code is bound to (RFC 9449 section 10); absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<Digest>,
    /// From when on the code is refused.
    pub code_expires_at: DateTime<Utc>,
    /// From when on no refresh token is taken.
    pub expires_at: DateTime<Utc>,
    /// When.
    pub granted_at: DateTime<Utc>,
}

/// The client got tokens for the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRedeemed {
    /// Whose data it opens.
    pub tenant_id: TenantId,
    /// The client.
    pub key_id: KeyId,
    /// The access token.
    pub token_id: TokenId,
    /// When the access token ends.
    pub token_expires_at: DateTime<Utc>,
    /// SHA-256 of the refresh token, where there is one.
    pub digest: Option<Digest>,
    /// SHA-256 of the key that the refresh token is bound to (RFC 9449 section 5); absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Digest>,
    /// When.
    pub redeemed_at: DateTime<Utc>,
}

/// The client got tokens for a refresh token, which is spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRefreshed {
    /// Whose data it opens.
    pub tenant_id: TenantId,
    /// The client.
    pub key_id: KeyId,
    /// The access token.
    pub token_id: TokenId,
    /// When the access token ends.
    pub token_expires_at: DateTime<Utc>,
    /// SHA-256 of the next refresh token.
    pub digest: Digest,
    /// SHA-256 of the key that the refresh token is bound to (RFC 9449 section 5); absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Digest>,
    /// When.
    pub refreshed_at: DateTime<Utc>,
}

/// A refresh token that was used before came again: somebody else has it (RFC 9700 section 4.14.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshReuseDetected {
    /// Whose data it opens.
    pub tenant_id: TenantId,
    /// The client.
    pub key_id: KeyId,
    /// SHA-256 of what came again.
    pub digest: Digest,
    /// When.
    pub detected_at: DateTime<Utc>,
}

/// Why a grant ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEnd {
    /// The code came twice (RFC 6749 section 4.1.2).
    CodeReused,
    /// A spent refresh token came again.
    RefreshTokenReused,
    /// The client gave it back (RFC 7009).
    RevokedByClient,
    /// Whoever manages the tenant, or the person who agreed, took it back.
    RevokedByTenant,
    /// Whoever agreed is no member any more.
    MemberRemoved,
    /// Whoever agreed got another password: somebody who knew the old one may have agreed in their name.
    PasswordChanged,
}

/// The grant ended before its time, and all its tokens with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRevoked {
    /// Whose data it opened.
    pub tenant_id: TenantId,
    /// The dialect of that tenant.
    pub dialect: String,
    /// The client.
    pub key_id: KeyId,
    /// From when on nobody would accept any of its tokens anyway.
    pub until: DateTime<Utc>,
    /// Why.
    pub reason: GrantEnd,
    /// When.
    pub revoked_at: DateTime<Utc>,
}

impl GrantEvent {
    /// Whose data the grant opens.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        match self {
            Self::ConsentGranted(e) => e.tenant_id,
            Self::CodeRedeemed(e) => e.tenant_id,
            Self::TokenRefreshed(e) => e.tenant_id,
            Self::RefreshReuseDetected(e) => e.tenant_id,
            Self::GrantRevoked(e) => e.tenant_id,
        }
    }

    /// The client.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        match self {
            Self::ConsentGranted(e) => e.key_id,
            Self::CodeRedeemed(e) => e.key_id,
            Self::TokenRefreshed(e) => e.key_id,
            Self::RefreshReuseDetected(e) => e.key_id,
            Self::GrantRevoked(e) => e.key_id,
        }
    }
}

impl DomainEvent for GrantEvent {
    fn event_type(&self) -> String {
        match self {
            Self::ConsentGranted(_) => "ConsentGranted",
            Self::CodeRedeemed(_) => "CodeRedeemed",
            Self::TokenRefreshed(_) => "TokenRefreshed",
            Self::RefreshReuseDetected(_) => "RefreshReuseDetected",
            Self::GrantRevoked(_) => "GrantRevoked",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
