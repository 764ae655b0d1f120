//! Refresh: new tokens for a refresh token, which is spent by it.

use chrono::{DateTime, Utc};

use super::{Grant, GrantEnd, GrantEvent, GrantRefusal, Issuance, RefreshReuseDetected, TokenRefreshed};
use crate::credential::Digest;
use crate::ids::KeyId;
use crate::scope::ScopeSet;

/// Takes tokens for a refresh token.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    /// The client, which proved who it is.
    pub key_id: KeyId,
    /// SHA-256 of the refresh token that it sent.
    pub digest: Digest,
    /// The scopes that it asks for; absent: all that were agreed to.
    pub scopes: Option<ScopeSet>,
    /// What it gets.
    pub issuance: Issuance,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RefreshToken {
    /// A spent refresh token that comes again ends the grant: one of the two who have it is not the client (RFC 9700 section
    /// 4.14.2).
    pub(super) fn decide(self, grant: &Grant) -> Result<Vec<GrantEvent>, GrantRefusal> {
        let grant = grant.of(self.key_id)?;
        let (tenant_id, key_id) = (grant.tenant_id, grant.key_id);
        let spent = grant.spent.contains(&self.digest);
        if grant.refresh != Some(self.digest) && !spent {
            return Err(GrantRefusal::NotFound);
        }
        if grant.revoked.is_some() {
            return Err(GrantRefusal::Revoked);
        }
        if spent {
            let (digest, at) = (self.digest, self.now);
            return Ok(vec![
                GrantEvent::RefreshReuseDetected(RefreshReuseDetected {
                    tenant_id,
                    key_id,
                    digest,
                    detected_at: at,
                }),
                grant.end(GrantEnd::RefreshTokenReused, at),
            ]);
        }
        if self.now >= grant.expires_at {
            return Err(GrantRefusal::Expired);
        }
        if grant.refresh_jkt.is_some() && grant.refresh_jkt != self.issuance.jkt {
            return Err(GrantRefusal::ProofMismatch);
        }
        if let Some(scope) = self.scopes.iter().flatten().find(|scope| !grant.scopes.contains(*scope)) {
            return Err(GrantRefusal::InvalidScope { scope: scope.to_string() });
        }
        let digest = self.issuance.refresh.ok_or(GrantRefusal::NotFound)?;
        Ok(vec![GrantEvent::TokenRefreshed(TokenRefreshed {
            tenant_id,
            key_id,
            token_id: self.issuance.token_id,
            token_expires_at: self.issuance.token_expires_at,
            digest,
            jkt: self.issuance.refresh_jkt(),
            refreshed_at: self.now,
        })])
    }
}
