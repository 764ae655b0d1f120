//! Put the end of a key's life on record.

use chrono::{DateTime, Utc};

use crate::key::{Key, KeyEvent, KeyExpired, KeyRefusal};

/// Notes that a key has expired, for those who follow the log.
#[derive(Debug, Clone)]
pub struct ExpireKey {
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl ExpireKey {
    /// No event where the key still lives, is revoked, or its end is on record.
    pub(super) fn decide(self, key: &Key) -> Result<Option<KeyEvent>, KeyRefusal> {
        let key = key.state().ok_or(KeyRefusal::NotFound)?;
        match key.expires_at {
            Some(end) if self.now >= end && !key.expiry_recorded && key.revoked.is_none() => {
                Ok(Some(KeyEvent::KeyExpired(KeyExpired { tenant_id: key.tenant_id, expired_at: end })))
            }
            Some(_) | None => Ok(None),
        }
    }
}
