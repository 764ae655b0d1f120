//! What can happen to an OAuth client.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::credential::Digest;
use crate::ids::TenantId;
use crate::key::RevocationReason;
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// A public key as a JSON object (RFC 7517).
pub type ClientJwk = Map<String, Value>;

/// An event in the life of a client. Digests only: no event holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientEvent {
    /// The client was registered.
    ClientRegistered(Box<ClientRegistered>),
    /// Some of its properties were replaced.
    ClientChanged(ClientChanged),
    /// The client got a new secret.
    ClientSecretRotated(ClientSecretRotated),
    /// The client was revoked, for ever.
    ClientRevoked(ClientRevoked),
}

/// For whom a client gets tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// For itself, with its own credentials (RFC 6749 section 4.4).
    Server,
    /// For people who agreed to it (RFC 6749 section 4.1).
    App,
}

impl ClientType {
    /// The name used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::App => "app",
        }
    }
}

/// How a client proves who it is (RFC 6749 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// With its secret, as HTTP Basic or in the body.
    ClientSecret,
    /// With a JWT signed by a key of its own (RFC 7523).
    PrivateKeyJwt,
    /// Not at all: it runs where no secret can be kept.
    None,
}

impl ClientAuthentication {
    /// The name used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }
}

/// The client was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRegistered {
    /// Who registered it.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// The name that people gave it.
    pub name: String,
    /// For itself, or for people.
    #[serde(rename = "type")]
    pub client_type: ClientType,
    /// Its public id.
    pub client_id: String,
    /// The environment of its tokens.
    pub environment: String,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// Whether codes need a challenge (RFC 7636).
    pub requires_pkce: bool,
    /// Whether it must push its authorization requests (RFC 9126).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Whether it gets tokens that are bound to a key alone (RFC 9449).
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// Where codes may be sent, byte for byte.
    pub redirect_uris: Vec<String>,
    /// What its tokens may allow at most.
    pub scopes: ScopeSet,
    /// From where its tokens may be used; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what its tokens are restricted.
    pub restrictions: Restrictions,
    /// The public keys that its assertions are checked with.
    pub jwks: Vec<ClientJwk>,
    /// The first characters of its secret, where it has one.
    pub hint: Option<String>,
    /// SHA-256 of its secret, where it has one.
    pub digest: Option<Digest>,
    /// When.
    pub registered_at: DateTime<Utc>,
}

/// Some of a client's properties were replaced. Those not named stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientChanged {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The new values, at most one of a kind, at least one.
    pub changes: Vec<ClientChange>,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// One replaced property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientChange {
    /// The name.
    Name(String),
    /// Where codes may be sent, all of them.
    RedirectUris(Vec<String>),
    /// What its tokens may allow at most.
    Scopes(ScopeSet),
    /// The whole allow list.
    IpAllowlist(Vec<IpNet>),
    /// All restrictions.
    Restrictions(Restrictions),
}

/// The client got a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretRotated {
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

/// The client was revoked, and with it all its tokens and grants. No later event makes it valid again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRevoked {
    /// Its owner.
    pub tenant_id: TenantId,
    /// Why.
    pub reason: RevocationReason,
    /// What people noted about it.
    pub note: Option<String>,
    /// When.
    pub revoked_at: DateTime<Utc>,
}

impl ClientEvent {
    /// The owner of the client.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        match self {
            Self::ClientRegistered(e) => e.tenant_id,
            Self::ClientChanged(e) => e.tenant_id,
            Self::ClientSecretRotated(e) => e.tenant_id,
            Self::ClientRevoked(e) => e.tenant_id,
        }
    }
}

impl DomainEvent for ClientEvent {
    fn event_type(&self) -> String {
        match self {
            Self::ClientRegistered(_) => "ClientRegistered",
            Self::ClientChanged(_) => "ClientChanged",
            Self::ClientSecretRotated(_) => "ClientSecretRotated",
            Self::ClientRevoked(_) => "ClientRevoked",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
