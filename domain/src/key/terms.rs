//! The terms of a key: checks that issuing and changing share.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;

use crate::dialect::{Dialect, KeyType};
use crate::key::KeyRefusal;
use crate::network;
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// How long a key shall live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifespan {
    /// For ever.
    Unlimited,
    /// For a time from now on.
    For(TimeDelta),
    /// Until an instant.
    Until(DateTime<Utc>),
}

impl Lifespan {
    /// The end of life, or the refusal where the dialect does not offer it.
    pub(super) fn end(
        &self,
        dialect: &Dialect,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, KeyRefusal> {
        let rules = &dialect.lifetime;
        let unsupported = || {
            let mut choices: Vec<&str> = rules.choices.iter().map(|(text, _)| text.as_str()).collect();
            if choices.is_empty() {
                choices.push("any time that ends");
            }
            if rules.never {
                choices.push("for ever");
            }
            KeyRefusal::UnsupportedLifetime { choices: choices.join(", ") }
        };
        match self {
            Self::Unlimited if rules.never => Ok(None),
            Self::For(length)
                if rules.choices.is_empty() || rules.choices.iter().any(|(_, choice)| choice == length) =>
            {
                if *length <= TimeDelta::zero() {
                    return Err(KeyRefusal::NoLifetime);
                }
                now.checked_add_signed(*length).map(Some).ok_or(KeyRefusal::ExpiryInPast)
            }
            Self::Until(end) if rules.choices.is_empty() => {
                if *end <= now {
                    Err(KeyRefusal::ExpiryInPast)
                } else {
                    Ok(Some(*end))
                }
            }
            Self::Unlimited | Self::For(_) | Self::Until(_) => Err(unsupported()),
        }
    }
}

pub(crate) fn check_scopes(
    dialect: &Dialect,
    key_type: KeyType,
    scopes: &ScopeSet,
) -> Result<(), KeyRefusal> {
    if let Some(scope) = dialect.unknown_scopes(scopes).first() {
        let known = if dialect.scopes.exist() {
            join(dialect.scopes.known.keys())
        } else {
            "none: this dialect's keys have no scopes".to_owned()
        };
        return Err(KeyRefusal::UnknownScope { scope: scope.to_string(), known });
    }
    if key_type == KeyType::Publishable
        && let Some(scope) = scopes.iter().find(|scope| !dialect.scopes.read_only.contains(*scope))
    {
        return Err(KeyRefusal::NotReadOnly { scope: scope.to_string() });
    }
    Ok(())
}

pub(crate) fn check_restrictions(dialect: &Dialect, restrictions: &Restrictions) -> Result<(), KeyRefusal> {
    for (name, values) in restrictions {
        if !dialect.restrictions.contains(name) {
            let known = if dialect.restrictions.is_empty() {
                "none".to_owned()
            } else {
                dialect.restrictions.join(", ")
            };
            return Err(KeyRefusal::UnknownRestriction { name: name.clone(), known });
        }
        if values.is_empty() {
            return Err(KeyRefusal::EmptyRestriction { name: name.clone() });
        }
    }
    Ok(())
}

/// One spelling per network: host bits cleared, IPv4-mapped IPv6 networks as IPv4, no duplicates.
pub(crate) fn canonical_networks(networks: &[IpNet]) -> Vec<IpNet> {
    networks.iter().map(|network| network::canonical(*network)).collect::<BTreeSet<_>>().into_iter().collect()
}

pub(crate) fn join<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
