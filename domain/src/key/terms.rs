//! The terms of a key: checks that issuing and changing share.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use ipnet::IpNet;

use crate::dialect::{Dialect, Form, KeyType};
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
    /// The end of life of a key of this form, or the refusal where the dialect does not offer it. A JWT says it in whole seconds.
    ///
    /// # Errors
    /// [`KeyRefusal`]
    pub fn end(
        &self,
        dialect: &Dialect,
        form: Form,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, KeyRefusal> {
        let end = self.exact_end(dialect, now)?;
        Ok(match form {
            Form::Opaque => end,
            Form::Jwt => end.map(|end| end.trunc_subsecs(0)),
        })
    }

    fn exact_end(&self, dialect: &Dialect, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, KeyRefusal> {
        let rules = &dialect.lifetime;
        let unsupported = || {
            let mut choices: Vec<String> = rules.choices.iter().map(|(text, _)| text.clone()).collect();
            if choices.is_empty() {
                choices.push(match &rules.longest {
                    Some((longest, _)) => format!("up to {longest}"),
                    None => "any time that ends".to_owned(),
                });
            }
            if rules.never {
                choices.push("for ever".to_owned());
            }
            KeyRefusal::UnsupportedLifetime { choices: choices.join(", ") }
        };
        let last = rules.longest.as_ref().and_then(|(_, longest)| now.checked_add_signed(*longest));
        match self {
            Self::Unlimited if rules.never || last.is_some() => Ok(last),
            Self::For(length) if rules.longest.as_ref().is_some_and(|(_, longest)| length > longest) => {
                Err(unsupported())
            }
            Self::Until(end) if last.is_some_and(|last| *end > last) => Err(unsupported()),
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
