//! Revoke a key, for ever.

use chrono::{DateTime, Utc};

use crate::ids::TenantId;
use crate::key::{InvalidName, Key, KeyEvent, KeyRefusal, KeyRevoked, RevocationReason, check_name};

/// Revokes a key. Revoking an expired key is allowed: it closes the file on it.
#[derive(Debug, Clone)]
pub struct RevokeKey {
    /// The owner.
    pub tenant_id: TenantId,
    /// Why.
    pub reason: RevocationReason,
    /// What people note about it; at most 100 characters.
    pub note: Option<String>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RevokeKey {
    /// No event where the key is revoked already: asking twice is no error.
    pub(super) fn decide(self, key: &Key) -> Result<Option<KeyEvent>, KeyRefusal> {
        let key = key.of(self.tenant_id)?;
        if key.revoked.is_some() {
            return Ok(None);
        }
        match self.note.as_deref().map_or(Ok(()), check_name) {
            Ok(()) | Err(InvalidName::Empty) => {}
            Err(invalid) => return Err(KeyRefusal::InvalidNote(invalid)),
        }
        Ok(Some(KeyEvent::KeyRevoked(KeyRevoked {
            tenant_id: self.tenant_id,
            reason: self.reason,
            note: self.note.filter(|note| !note.trim().is_empty()),
            revoked_at: self.now,
        })))
    }
}
