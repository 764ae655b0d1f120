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

    /// Why a management credential of these powers is not one that this principal may hand out, if so: it may do nothing that
    /// this one could not do itself, from nowhere that it could not do it from, and no longer than it lives.
    #[must_use]
    pub fn exceeded_by(&self, powers: &Powers<'_>) -> Option<Excess> {
        let within = |network: &IpNet| self.networks.iter().any(|own| own.contains(network));
        let networks_hold =
            self.networks.is_empty() || (!powers.networks.is_empty() && powers.networks.iter().all(within));
        if self.tenants.is_some() {
            Some(Excess::Tenants)
        } else if !self.scopes.cover(&powers.scopes) {
            Some(Excess::Scopes)
        } else if !networks_hold {
            Some(Excess::Networks)
        } else if powers.not_after > self.not_after {
            Some(Excess::Lifetime {
                until: DateTime::from_timestamp_micros(self.not_after).unwrap_or_default(),
            })
        } else {
            None
        }
    }

    /// Whether the tenant exists as far as this principal can tell.
    #[must_use]
    pub fn sees(&self, tenant: TenantId) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(&tenant))
    }
}

/// In what a management credential exceeds the one that would hand it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// The one that would is confined to some tenants.
    #[error("a credential that is confined to some tenants cannot make or change management credentials")]
    Tenants,
    /// Scopes that it does not hold.
    #[error("a credential cannot give away scopes that it does not hold itself")]
    Scopes,
    /// Networks that it may not be used from.
    #[error(
        "a credential cannot give away the use from addresses that it may not be used from itself; narrow the IP allow list"
    )]
    Networks,
    /// A longer life.
    #[error(
        "a credential cannot make one that outlives it, and this one ends at {until}; choose an earlier expiry"
    )]
    Lifetime {
        /// When it ends.
        until: DateTime<Utc>,
    },
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
