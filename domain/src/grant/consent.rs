//! Begin a grant: somebody agreed, and a code goes to the client.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Challenge, ConsentGranted, Grant, GrantEvent, GrantRefusal};
use crate::credential::Digest;
use crate::ids::{KeyId, TenantId};
use crate::scope::ScopeSet;

/// How long a code can be redeemed.
pub const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Begins a grant. The request was checked against the client, the code minted at the edge.
#[derive(Debug, Clone)]
pub struct GrantConsent {
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
    /// Where the code is sent.
    pub redirect_uri: String,
    /// SHA-256 of the code.
    pub digest: Digest,
    /// The challenge that the code is bound to.
    pub challenge: Option<Challenge>,
    /// SHA-256 of the key that the code is bound to.
    pub dpop_jkt: Option<Digest>,
    /// How long refresh tokens are taken from now on.
    pub lifetime: TimeDelta,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl GrantConsent {
    pub(super) fn decide(self, grant: &Grant) -> Result<Vec<GrantEvent>, GrantRefusal> {
        if grant.state().is_some() {
            return Err(GrantRefusal::AlreadyGranted);
        }
        Ok(vec![GrantEvent::ConsentGranted(Box::new(ConsentGranted {
            tenant_id: self.tenant_id,
            dialect: self.dialect,
            key_id: self.key_id,
            client_id: self.client_id,
            subject: self.subject,
            scopes: self.scopes,
            redirect_uri: self.redirect_uri,
            digest: self.digest,
            challenge: self.challenge,
            dpop_jkt: self.dpop_jkt,
            code_expires_at: self.now + CODE_LIFETIME,
            expires_at: self.now + self.lifetime,
            granted_at: self.now,
        }))])
    }
}
