//! Issue an access token.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Token, TokenEvent, TokenIssued, TokenRefusal};
use crate::client::{ClientState, ClientType};
use crate::credential::Digest;
use crate::ids::{GrantId, KeyId, TenantId};
use crate::scope::ScopeSet;

/// Puts on record that a token is issued.
#[derive(Debug, Clone)]
pub struct IssueToken {
    /// The client's id.
    pub key_id: KeyId,
    /// The client as it stands.
    pub client: ClientState,
    /// Whether the client's tenant is suspended.
    pub tenant_suspended: bool,
    /// For whom.
    pub on_behalf_of: Behalf,
    /// How long it lives.
    pub lifetime: TimeDelta,
    /// SHA-256 of the key that the client proved to hold (RFC 9449); absent: it proved none.
    pub jkt: Option<Digest>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// For whom a client gets a token.
#[derive(Debug, Clone)]
pub enum Behalf {
    /// For itself (RFC 6749 section 4.4).
    Itself {
        /// The scopes that it asks for; absent: all that it has.
        scopes: Option<ScopeSet>,
    },
    /// For somebody who agreed to it; the grant has decided on it.
    Somebody {
        /// What they agreed to.
        grant_id: GrantId,
        /// Whose data it opens.
        tenant_id: TenantId,
        /// Who agreed.
        subject: String,
        /// What it shall allow.
        scopes: ScopeSet,
    },
}

impl IssueToken {
    pub(super) fn decide(self, token: &Token) -> Result<TokenEvent, TokenRefusal> {
        if token.state().is_some() {
            return Err(TokenRefusal::AlreadyIssued);
        }
        let client = self.client;
        if client.revoked.is_some() {
            return Err(TokenRefusal::ClientRevoked);
        }
        if self.tenant_suspended {
            return Err(TokenRefusal::TenantSuspended);
        }
        if client.dpop_bound_access_tokens && self.jkt.is_none() {
            return Err(TokenRefusal::ProofRequired);
        }
        let (grant_id, tenant_id, subject, scopes) = match (self.on_behalf_of, client.client_type) {
            (Behalf::Itself { scopes }, ClientType::Server) => {
                let scopes = within(scopes, &client.scopes)?;
                (None, client.tenant_id, client.client_id.clone(), scopes)
            }
            (Behalf::Somebody { grant_id, tenant_id, subject, scopes }, ClientType::App) => {
                (Some(grant_id), tenant_id, subject, left_of(&scopes, &client.scopes)?)
            }
            (Behalf::Itself { .. }, ClientType::App) | (Behalf::Somebody { .. }, ClientType::Server) => {
                return Err(TokenRefusal::UnauthorizedClient);
            }
        };
        Ok(TokenEvent::TokenIssued(TokenIssued {
            tenant_id,
            dialect: client.dialect,
            key_id: self.key_id,
            client_id: client.client_id,
            grant_id,
            subject,
            environment: client.environment,
            scopes,
            jkt: self.jkt,
            issued_at: self.now,
            expires_at: self.now + self.lifetime,
        }))
    }
}

/// The scopes that are asked for, where all of them are `granted`; those, where none is asked for.
fn within(asked: Option<ScopeSet>, granted: &ScopeSet) -> Result<ScopeSet, TokenRefusal> {
    let Some(asked) = asked else {
        return Ok(granted.clone());
    };
    match asked.difference(granted).next() {
        Some(scope) => Err(TokenRefusal::InvalidScope { scope: scope.to_string() }),
        None => Ok(asked),
    }
}

/// What of the scopes that somebody agreed to the client still has: it may have been narrowed since.
fn left_of(agreed: &ScopeSet, granted: &ScopeSet) -> Result<ScopeSet, TokenRefusal> {
    let left: ScopeSet = agreed.intersection(granted).cloned().collect();
    match agreed.first() {
        Some(scope) if left.is_empty() => Err(TokenRefusal::InvalidScope { scope: scope.to_string() }),
        Some(_) | None => Ok(left),
    }
}
