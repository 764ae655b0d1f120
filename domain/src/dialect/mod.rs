//! A dialect: how one product's credentials are presented, checked and refused. Data, not code:
//! [`Dialect::parse`] reads one TOML file, and a further product is a further file.

mod built_in;
mod file;
mod https_only;
mod key_claims;
mod oauth;
mod presentation;
mod quotas;
mod rate_limits;
mod refusals;
mod registry;
mod tokens;

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

pub use self::built_in::{MANAGEMENT, built_in, management};
pub use self::https_only::HttpsOnly;
pub use self::key_claims::{KeyClaims, KeyFacts};
pub use self::oauth::{Oauth, OauthGrant};
pub use self::presentation::{Presentation, Presented, ShownToken, TenantHeader, Unchecked};
pub use self::quotas::Quotas;
pub use self::rate_limits::RateLimitFields;
pub use self::refusals::{OutwardRefusal, Refusals};
pub use self::registry::{DialectConflict, Dialects};
pub use self::tokens::{AccessTokens, ServiceJwts};
use crate::rate_limit::RateLimit;
use crate::scope::{EffectiveScopes, Scope, ScopeRules, ScopeSet};
use crate::verification::Refused;

/// What a key may be used for, beyond its scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// For servers alone; everything that its scopes allow.
    Secret,
    /// Safe in client code; read-only operations alone.
    Publishable,
}

impl KeyType {
    /// The name used in answers and dialect files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Publishable => "publishable",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A named place that keys are made for, such as `staging`. Several may share a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name on keys.
    pub name: String,
    /// The endpoints its keys open: keys of another realm are refused there.
    pub realm: String,
    /// Other names that are accepted for it.
    pub aliases: Vec<String>,
    /// How many requests with its keys a tenant is admitted, over all nodes, instead of [`Dialect::rate_limits`]. None: those hold.
    pub rate_limits: Vec<RateLimit>,
    /// What callers are told of these; absent: nothing.
    pub rate_limit_fields: Option<RateLimitFields>,
}

/// What a secret is behind its prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Random characters and a checksum.
    #[default]
    Opaque,
    /// A JWT that the server has signed. It always ends.
    Jwt,
}

/// The prefix of one type of key in one realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// The text every such secret begins with.
    pub text: String,
    /// The type of key.
    pub key_type: KeyType,
    /// The realm of its environments.
    pub realm: String,
    /// What stands behind it.
    pub form: Form,
}

impl Prefix {
    /// Whether a secret begins with it. This runs for every prefix before every look-up, so usual
    /// lengths are compared as two numbers that may overlap, without a call.
    #[inline]
    #[must_use]
    pub fn begins(&self, secret: &str) -> bool {
        let ours = self.text.as_bytes();
        let Some(theirs) = secret.as_bytes().get(..ours.len()) else {
            return false;
        };
        match (halves(ours), halves(theirs)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => ours == theirs,
        }
    }
}

/// The first 8 bytes and the last 8, where they are all there is.
#[inline]
fn halves(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |chunk: &[u8; 8]| u64::from_ne_bytes(*chunk);
    (bytes.len() <= 16).then_some(())?;
    Some((number(bytes.first_chunk()?), number(bytes.last_chunk()?)))
}

/// How long keys may live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetime {
    /// The choices for `expires_in`, as written; any duration where empty.
    pub choices: Vec<(String, TimeDelta)>,
    /// Whether a key may live for ever.
    pub never: bool,
    /// The longest life, as written; a key has it where none is asked for. Absent: any.
    pub longest: Option<(String, TimeDelta)>,
}

/// What keys have to do with integrations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Integrations {
    /// Whether each key belongs to one.
    pub required: bool,
    /// Whether each integration is connected to an agent.
    pub agent: bool,
}

/// How a secret is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// A key gets a new secret; the old one stays valid for a grace period.
    InPlace {
        /// The grace where none is asked for.
        grace: TimeDelta,
        /// The longest grace.
        longest_grace: TimeDelta,
    },
    /// The product wants a new key instead.
    Unsupported {
        /// What to do instead, for people.
        advice: String,
    },
}

/// One product's way with credentials. Made by [`Dialect::parse`], which checks it whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// The name in routes, tenants and events.
    pub name: String,
    /// The product's name for people.
    pub title: String,
    /// The environments, the first of which is the default.
    pub environments: Vec<Environment>,
    /// The prefixes of its secrets.
    pub prefixes: Vec<Prefix>,
    /// How many characters of a secret are shown afterwards.
    pub hint_length: usize,
    /// How a credential is sent with a request.
    pub presentation: Presentation,
    /// Prefix of the public client id that accompanies each key; absent: keys have none.
    pub client_id_prefix: Option<String>,
    /// The scopes.
    pub scopes: ScopeRules,
    /// How long keys may live.
    pub lifetime: Lifetime,
    /// How a secret is replaced.
    pub rotation: Rotation,
    /// How much a tenant may have.
    pub quotas: Quotas,
    /// How many requests of a tenant are admitted, over all nodes; each limit holds. None: any number.
    pub rate_limits: Vec<RateLimit>,
    /// What callers are told of the limits; absent: nothing.
    pub rate_limit_fields: Option<RateLimitFields>,
    /// Whether requests over plain HTTP are refused; absent: they are not.
    pub https_only: Option<HttpsOnly>,
    /// What keys have to do with integrations.
    pub integrations: Integrations,
    /// What keys that are JWTs say of themselves; absent: none of its keys is one.
    pub key_claims: Option<KeyClaims>,
    /// Names of restrictions that a key may carry, such as `brand`.
    pub restrictions: Vec<String>,
    /// OAuth 2.0; absent: the product has none.
    pub oauth: Option<Oauth>,
    /// Access tokens; absent: it has none.
    pub access_tokens: Option<AccessTokens>,
    /// JWTs that a tenant's services sign; absent: it has none.
    pub service_jwts: Option<ServiceJwts>,
    /// What callers are told.
    pub refusals: Refusals,
}

/// A dialect file cannot be used. Prints as one line: file, line, reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct InvalidDialect {
    /// The file as it was named.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

impl Dialect {
    /// Reads and checks a dialect file; `file` names it in errors.
    ///
    /// # Errors
    /// [`InvalidDialect`] with the line of the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, InvalidDialect> {
        file::parse(file, text)
    }

    /// The environment of this name or alias.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|e| e.name == name || e.aliases.iter().any(|alias| alias == name))
    }

    /// Whether this names what a key can be asked to serve: an environment, or a realm.
    #[must_use]
    pub fn knows_environment(&self, name: &str) -> bool {
        self.environment(name).is_some() || self.environments.iter().any(|e| e.realm == name)
    }

    /// The environment that keys get where none is asked for.
    #[must_use]
    pub fn default_environment(&self) -> Option<&Environment> {
        self.environments.first()
    }

    /// How many requests of a tenant with keys of this environment are admitted, over all nodes; each limit holds. Where the
    /// environment has limits of its own they are counted apart, under its place in the list.
    #[must_use]
    pub fn limits_in(&self, environment: &str) -> (&[RateLimit], Option<u16>) {
        let at = self.environments.iter().position(|known| known.name == environment);
        let at = at.and_then(|at| u16::try_from(at).ok());
        let own = self.limits_of(at);
        if at.is_some() && !own.is_empty() { (own, at) } else { (&self.rate_limits, None) }
    }

    /// What callers are told of the limits in an environment; absent: nothing.
    #[must_use]
    pub fn limit_fields_in(&self, environment: &str) -> Option<&RateLimitFields> {
        let own =
            self.environments.iter().find(|known| known.name == environment && !known.rate_limits.is_empty());
        own.map_or(&self.rate_limit_fields, |own| &own.rate_limit_fields).as_ref()
    }

    /// The limits of the environment at this place alone, or those of all that have none of their own.
    #[must_use]
    pub fn limits_of(&self, environment: Option<u16>) -> &[RateLimit] {
        match environment {
            Some(at) => self.environments.get(usize::from(at)).map_or(&[], |known| &known.rate_limits),
            None => &self.rate_limits,
        }
    }

    /// Whether any request is limited.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        !self.rate_limits.is_empty() || self.environments.iter().any(|known| !known.rate_limits.is_empty())
    }

    /// Whether a key of environment `of` may be used where `asked` is served: the same
    /// environment, or the realm as a whole.
    #[must_use]
    pub fn environment_admits(&self, of: &str, asked: &str) -> bool {
        if of == asked {
            return true;
        }
        let Some(own) = self.environment(of) else {
            return false;
        };
        match self.environment(asked) {
            // The environment that carries the realm's own name stands for the whole realm.
            Some(wanted) => {
                wanted.name == own.name || (wanted.name == wanted.realm && wanted.realm == own.realm)
            }
            None => own.realm == asked,
        }
    }

    /// The prefix of a new secret.
    #[must_use]
    pub fn prefix_for(&self, key_type: KeyType, environment: &Environment) -> Option<&Prefix> {
        self.prefixes.iter().find(|p| p.key_type == key_type && p.realm == environment.realm)
    }

    /// What secrets of this type of key are in an environment.
    #[must_use]
    pub fn form_of(&self, key_type: KeyType, environment: &str) -> Form {
        let prefix =
            self.environment(environment).and_then(|environment| self.prefix_for(key_type, environment));
        prefix.map_or(Form::Opaque, |prefix| prefix.form)
    }

    /// The longest prefix that a presented secret begins with. `nx_live_pk_` wins over `nx_live_`.
    #[must_use]
    pub fn prefix_of(&self, secret: &str) -> Option<&Prefix> {
        self.prefixes.iter().filter(|p| p.begins(secret)).max_by_key(|p| p.text.len())
    }

    /// What the outside is told of a refusal.
    #[must_use]
    pub fn outward(&self, refused: &Refused) -> &OutwardRefusal {
        let over_plain_http = self.https_only.as_ref().filter(|_| refused.over_plain_http);
        over_plain_http.map_or_else(|| self.refusals.answer(refused.code), |https_only| &https_only.refusal)
    }

    /// Which of the requested scopes cannot be granted to a key of this type.
    #[must_use]
    pub fn unknown_scopes<'a>(&self, scopes: &'a ScopeSet) -> Vec<&'a Scope> {
        scopes.iter().filter(|s| !self.scopes.known.contains_key(*s)).collect()
    }

    /// What a set of granted scopes allows here.
    #[must_use]
    pub fn effective_scopes(&self, granted: &ScopeSet) -> EffectiveScopes {
        self.scopes.closure(granted)
    }
}

#[cfg(test)]
mod tests;
