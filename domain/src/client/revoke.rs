//! Revoke a client, for ever, and with it all that was issued to it.

use chrono::{DateTime, Utc};

use super::{Client, ClientEvent, ClientRefusal, ClientRevoked};
use crate::ids::TenantId;
use crate::key::{InvalidName, RevocationReason, check_name};

/// Revokes a client.
#[derive(Debug, Clone)]
pub struct RevokeClient {
    /// The owner.
    pub tenant_id: TenantId,
    /// Why.
    pub reason: RevocationReason,
    /// What people note about it; at most 100 characters.
    pub note: Option<String>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RevokeClient {
    /// No event where the client is revoked already: asking twice is no error.
    pub(super) fn decide(self, client: &Client) -> Result<Option<ClientEvent>, ClientRefusal> {
        if client.of(self.tenant_id)?.revoked.is_some() {
            return Ok(None);
        }
        match self.note.as_deref().map_or(Ok(()), check_name) {
            Ok(()) | Err(InvalidName::Empty) => {}
            Err(invalid) => return Err(ClientRefusal::InvalidNote(invalid)),
        }
        Ok(Some(ClientEvent::ClientRevoked(ClientRevoked {
            tenant_id: self.tenant_id,
            reason: self.reason,
            note: self.note.filter(|note| !note.trim().is_empty()),
            revoked_at: self.now,
        })))
    }
}
