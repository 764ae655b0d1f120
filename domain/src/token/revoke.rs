//! Revoke an access token before its end.

use chrono::{DateTime, Utc};

use super::{Token, TokenEvent, TokenRefusal, TokenRevoked, TokenState, remembered_until};
use crate::ids::{KeyId, TenantId};
use crate::key::RevocationReason;

/// Revokes an access token.
#[derive(Debug, Clone)]
pub struct RevokeToken {
    /// Who asks.
    pub by: Revoker,
    /// Why.
    pub reason: RevocationReason,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Who may revoke a token or a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoker {
    /// Whoever manages the tenant whose data it opens.
    Tenant(TenantId),
    /// The client that it was issued to (RFC 7009).
    Client(KeyId),
}

impl Revoker {
    /// Whether what opens this tenant's data and was issued to this client is theirs to revoke.
    #[must_use]
    pub fn may_revoke(self, tenant: TenantId, client: KeyId) -> bool {
        match self {
            Self::Tenant(own) => own == tenant,
            Self::Client(own) => own == client,
        }
    }
}

impl RevokeToken {
    /// No event where the token is revoked already. One that is over may be revoked: clocks of nodes differ.
    pub(super) fn decide(self, token: &Token) -> Result<Option<TokenEvent>, TokenRefusal> {
        let theirs = |token: &&TokenState| self.by.may_revoke(token.tenant_id, token.key_id);
        let token = token.state().filter(theirs).ok_or(TokenRefusal::NotFound)?;
        if token.revoked.is_some() {
            return Ok(None);
        }
        Ok(Some(TokenEvent::TokenRevoked(TokenRevoked {
            tenant_id: token.tenant_id,
            dialect: token.dialect.clone(),
            until: remembered_until(token.expires_at),
            key_id: token.key_id,
            reason: self.reason,
            revoked_at: self.now,
        })))
    }
}
