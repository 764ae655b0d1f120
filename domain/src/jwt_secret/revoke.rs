//! Revoke a secret for service JWTs, for ever.

use chrono::{DateTime, Utc};

use super::{JwtSecret, JwtSecretEvent, JwtSecretRefusal, JwtSecretRevoked};
use crate::ids::TenantId;
use crate::key::{InvalidName, RevocationReason, check_name};

/// Revokes a secret, and with it every token that was signed with it.
#[derive(Debug, Clone)]
pub struct RevokeJwtSecret {
    /// The owner.
    pub tenant_id: TenantId,
    /// Why.
    pub reason: RevocationReason,
    /// What people note about it; at most 100 characters.
    pub note: Option<String>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RevokeJwtSecret {
    /// No event where the secret is revoked already: asking twice is no error.
    pub(super) fn decide(self, secret: &JwtSecret) -> Result<Option<JwtSecretEvent>, JwtSecretRefusal> {
        if secret.of(self.tenant_id)?.revoked.is_some() {
            return Ok(None);
        }
        match self.note.as_deref().map_or(Ok(()), check_name) {
            Ok(()) | Err(InvalidName::Empty) => {}
            Err(invalid) => return Err(JwtSecretRefusal::InvalidNote(invalid)),
        }
        Ok(Some(JwtSecretEvent::JwtSecretRevoked(JwtSecretRevoked {
            tenant_id: self.tenant_id,
            reason: self.reason,
            note: self.note.filter(|note| !note.trim().is_empty()),
            revoked_at: self.now,
        })))
    }
}
