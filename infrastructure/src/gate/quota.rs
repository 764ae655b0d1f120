//! Quotas of a tenant: which places the events of a key, a client or a secret take and give back.

use chrono::{DateTime, Utc};
use nexus_domain::client::ClientEvent;
use nexus_domain::dialect::{Dialects, Quotas};
use nexus_domain::ids::{JwtSecretId, KeyId, TenantId};
use nexus_domain::jwt_secret::JwtSecretEvent;
use nexus_domain::key::KeyEvent;

use crate::gate::Reservations;
use crate::journal::{Slot, SlotAction};

const KEYS: &str = "active-keys";
const CLIENTS: &str = "active-clients";
const JWT_SECRETS: &str = "active-jwt-secrets";

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
            slots.push(place(KEYS, tenant, &key, action));
        }
    }
    Reservations { claims: Vec::new(), slots }
}

/// Places among the tenant's OAuth clients.
pub(super) fn client_slots(
    client: KeyId,
    tenant: TenantId,
    dialects: &Dialects,
    events: &[ClientEvent],
) -> Reservations {
    let action = |event: &ClientEvent| match event {
        ClientEvent::ClientRegistered(event) => Some(take(quotas(dialects, &event.dialect).clients)),
        ClientEvent::ClientRevoked(_) => Some(SlotAction::Release),
        ClientEvent::ClientChanged(_) | ClientEvent::ClientSecretRotated(_) => None,
    };
    let slots = events.iter().filter_map(action).map(|action| place(CLIENTS, tenant, &client, action));
    Reservations { claims: Vec::new(), slots: slots.collect() }
}

/// Places among the tenant's secrets for service JWTs.
pub(super) fn jwt_secret_slots(
    secret: JwtSecretId,
    tenant: TenantId,
    dialects: &Dialects,
    events: &[JwtSecretEvent],
) -> Reservations {
    let action = |event: &JwtSecretEvent| match event {
        JwtSecretEvent::JwtSecretIssued(event) => Some(take(quotas(dialects, &event.dialect).jwt_secrets)),
        JwtSecretEvent::JwtSecretRevoked(_) => Some(SlotAction::Release),
        JwtSecretEvent::JwtSecretRotated(_) => None,
    };
    let slots = events.iter().filter_map(action).map(|action| place(JWT_SECRETS, tenant, &secret, action));
    Reservations { claims: Vec::new(), slots: slots.collect() }
}

/// What there are too many of, for people.
pub(super) fn counted(quota: &str) -> &'static str {
    match quota.split('/').next() {
        Some(CLIENTS) => "OAuth clients",
        Some(JWT_SECRETS) => "secrets for service JWTs",
        _ => "active keys",
    }
}

fn quotas(dialects: &Dialects, dialect: &str) -> Quotas {
    dialects.get(dialect).map_or_else(Quotas::default, |dialect| dialect.quotas)
}

const fn take(limit: u32) -> SlotAction {
    SlotAction::Take { limit, expires_at: None }
}

fn place(quota: &str, tenant: TenantId, holder: &impl ToString, action: SlotAction) -> Slot {
    Slot { quota: format!("{quota}/{tenant}"), holder: holder.to_string(), action }
}
