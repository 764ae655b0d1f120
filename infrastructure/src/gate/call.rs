//! Who asks for a change, from where and when.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use nexus_domain::ids::TenantId;
use nexus_domain::scope::EffectiveScopes;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The name under which the deed goes into the log: a key's id, or `system`.
    pub actor: String,
    /// What it may do.
    pub scopes: EffectiveScopes,
    /// The only tenants it sees; absent: all.
    pub tenants: Option<BTreeSet<TenantId>>,
    /// The only networks it may be used from; empty: from anywhere.
    pub networks: Vec<IpNet>,
    /// When it ends, in Unix microseconds; `i64::MAX`: never.
    pub not_after: i64,
}

impl Principal {
    /// The process itself: first start, sweeping, recovery from the command line.
    #[must_use]
    pub fn system(everything: EffectiveScopes) -> Self {
        Self {
            actor: "system".to_owned(),
            scopes: everything,
            tenants: None,
            networks: Vec::new(),
            not_after: i64::MAX,
        }
    }

    /// Whether a management credential of these powers is one that this principal may hand out: nothing that it could not do
    /// itself, from nowhere that it could not do it from, and no longer than it lives.
    #[must_use]
    pub fn outranks(&self, powers: &Powers<'_>) -> bool {
        let within = |network: &IpNet| self.networks.iter().any(|own| own.contains(network));
        let networks_hold =
            self.networks.is_empty() || (!powers.networks.is_empty() && powers.networks.iter().all(within));
        self.tenants.is_none()
            && self.scopes.cover(&powers.scopes)
            && networks_hold
            && powers.not_after <= self.not_after
    }

    /// Whether the tenant exists as far as this principal can tell.
    #[must_use]
    pub fn sees(&self, tenant: TenantId) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(&tenant))
    }
}

/// What a management credential could do if it were handed out.
#[derive(Debug)]
pub struct Powers<'a> {
    /// Its scopes with all they contain.
    pub scopes: EffectiveScopes,
    /// The only networks it could be used from; empty: from anywhere.
    pub networks: &'a [IpNet],
    /// When it would end, in Unix microseconds; `i64::MAX`: never.
    pub not_after: i64,
}

/// The circumstances of one call.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The request's id, made or taken over.
    pub request_id: &'a str,
    /// The caller's address.
    pub ip: Option<IpAddr>,
    /// The time, stamped at the edge.
    pub now: DateTime<Utc>,
    /// The caller's key for recognising a repetition.
    pub idempotency: Option<IdempotencyKey>,
}

/// An `Idempotency-Key` with what it was sent for.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The key, 1 to 255 printable ASCII characters.
    pub key: String,
    /// SHA-256 of method, path and body.
    pub fingerprint: [u8; 32],
}
