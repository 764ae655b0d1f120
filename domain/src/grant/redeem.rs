//! Redeem a code: once, by the client that it was sent to.

use chrono::{DateTime, Utc};

use super::{CodeRedeemed, Grant, GrantEnd, GrantEvent, GrantRefusal, GrantState, Issuance};
use crate::credential::Digest;
use crate::ids::KeyId;

/// Takes tokens for a code.
#[derive(Debug, Clone)]
pub struct RedeemCode {
    /// The client, which proved who it is.
    pub key_id: KeyId,
    /// SHA-256 of the code that it sent.
    pub digest: Digest,
    /// The redirect URI that it sent.
    pub redirect_uri: Option<String>,
    /// The verifier that it sent.
    pub verifier: Option<String>,
    /// What it gets.
    pub issuance: Issuance,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RedeemCode {
    /// A code that comes again ends the grant: one of the two who have it is not the client (RFC 6749 section 4.1.2).
    pub(super) fn decide(self, grant: &Grant) -> Result<Vec<GrantEvent>, GrantRefusal> {
        let grant = grant.of(self.key_id)?;
        if grant.code != self.digest {
            return Err(GrantRefusal::NotFound);
        }
        if grant.revoked.is_some() {
            return Err(GrantRefusal::Revoked);
        }
        if grant.redeemed_at.is_some() {
            return Ok(vec![grant.end(GrantEnd::CodeReused, self.now)]);
        }
        if self.now >= grant.code_expires_at {
            return Err(GrantRefusal::Expired);
        }
        self.check_binding(grant)?;
        Ok(vec![GrantEvent::CodeRedeemed(CodeRedeemed {
            tenant_id: grant.tenant_id,
            key_id: grant.key_id,
            token_id: self.issuance.token_id,
            token_expires_at: self.issuance.token_expires_at,
            digest: self.issuance.refresh,
            jkt: self.issuance.refresh_jkt(),
            redeemed_at: self.now,
        })])
    }

    /// That the code came back from where it was sent, to whoever asked for it.
    fn check_binding(&self, grant: &GrantState) -> Result<(), GrantRefusal> {
        if self.redirect_uri.as_ref() != Some(&grant.redirect_uri) {
            return Err(GrantRefusal::RedirectMismatch);
        }
        if grant.dpop_jkt.is_some() && grant.dpop_jkt != self.issuance.jkt {
            return Err(GrantRefusal::ProofMismatch);
        }
        match (&grant.challenge, &self.verifier) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(GrantRefusal::VerifierWithoutChallenge),
            (Some(challenge), Some(verifier)) if challenge.met_by(verifier) => Ok(()),
            (Some(_), Some(_) | None) => Err(GrantRefusal::VerifierMismatch),
        }
    }
}
