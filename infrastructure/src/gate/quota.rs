//! The quota of active keys: which places a key's events take and give back.

use chrono::{DateTime, Utc};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::key::KeyEvent;

use crate::gate::Reservations;
use crate::journal::{Slot, SlotAction};

/// Places among the tenant's active keys. An expired key gives its place back by itself.
pub(super) fn slots(
    key: KeyId,
    tenant: TenantId,
    active_keys: Option<u32>,
    events: &[KeyEvent],
) -> Reservations {
    let limit = active_keys.unwrap_or(u32::MAX);
    let expiry = |end: Option<DateTime<Utc>>| end.map(|end| end.timestamp_micros());
    let mut slots = Vec::new();
    for event in events {
        let action = match event {
            KeyEvent::KeyIssued(issued) => {
                Some(SlotAction::Take { limit, expires_at: expiry(issued.expires_at) })
            }
            KeyEvent::KeyChanged(changed) => changed.changes.iter().find_map(|change| match change {
                nexus_domain::key::Change::ExpiresAt(end) => {
                    Some(SlotAction::Extend { limit, expires_at: expiry(*end) })
                }
                nexus_domain::key::Change::Name(_)
                | nexus_domain::key::Change::Scopes(_)
                | nexus_domain::key::Change::IpAllowlist(_)
                | nexus_domain::key::Change::Restrictions(_) => None,
            }),
            KeyEvent::KeyRevoked(_) => Some(SlotAction::Release),
            KeyEvent::KeyRotated(_) | KeyEvent::KeyExpired(_) => None,
        };
        if let Some(action) = action {
            slots.push(Slot { quota: format!("active-keys/{tenant}"), holder: key.to_string(), action });
        }
    }
    Reservations { claims: Vec::new(), slots }
}
