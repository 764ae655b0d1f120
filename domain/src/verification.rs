//! The verdict: may this credential do this, here and now? One pure function for all who ask.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::dialect::{Dialect, Form, KeyType};
use crate::dpop::Challenge;
use crate::ids::TenantId;
use crate::jwt;
use crate::scope::EffectiveScopes;

/// The outcome of a verification, in the words of the REST interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// The credential may do what was asked.
    Valid,
    /// Missing, or not in the dialect's form.
    Malformed,
    /// In the dialect's form, and nobody's.
    Unknown,
    /// A key of another environment.
    WrongEnvironment,
    /// The request names another tenant than the key's, or none where it must.
    TenantMismatch,
    /// Revoked, or a superseded secret whose grace is over.
    Revoked,
    /// Its lifetime is over.
    Expired,
    /// Its lifetime has not begun.
    NotYetValid,
    /// Something it belongs to is switched off.
    Disabled,
    /// Its tenant is suspended.
    TenantSuspended,
    /// The caller's address is not on the key's allow list.
    IpNotAllowed,
    /// A required scope is not granted.
    InsufficientScope,
    /// The key is restricted to something else, such as another brand.
    Restricted,
    /// A publishable key asked for more than reading.
    ReadOnly,
    /// A rate limit is exhausted.
    RateLimited,
    /// No answer can be given now; this is not a refusal of the credential.
    Unavailable,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 16] = [
        Self::Valid,
        Self::Malformed,
        Self::Unknown,
        Self::WrongEnvironment,
        Self::TenantMismatch,
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::Disabled,
        Self::TenantSuspended,
        Self::IpNotAllowed,
        Self::InsufficientScope,
        Self::Restricted,
        Self::ReadOnly,
        Self::RateLimited,
        Self::Unavailable,
    ];

    /// The code as it is written in answers, events and dialect files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Malformed => "MALFORMED",
            Self::Unknown => "UNKNOWN",
            Self::WrongEnvironment => "WRONG_ENVIRONMENT",
            Self::TenantMismatch => "TENANT_MISMATCH",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
            Self::NotYetValid => "NOT_YET_VALID",
            Self::Disabled => "DISABLED",
            Self::TenantSuspended => "TENANT_SUSPENDED",
            Self::IpNotAllowed => "IP_NOT_ALLOWED",
            Self::InsufficientScope => "INSUFFICIENT_SCOPE",
            Self::Restricted => "RESTRICTED",
            Self::ReadOnly => "READ_ONLY",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    /// The code of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// A compact number for journals: the index in [`Code::ALL`].
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code of [`Code::number`].
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal with the reason for insiders. Outwardly only the dialect's own answer is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The code; never [`Code::Valid`].
    pub code: Code,
    /// What is wrong and what to do, for those who may know.
    pub detail: Cow<'static, str>,
    /// Whether it is refused for the way it came, whatever it is: see [`Refused::over_plain_http`].
    pub over_plain_http: bool,
    /// What is missing of a proof of possession, for the outside too (RFC 9449 section 7.1).
    pub challenge: Option<Challenge>,
}

impl Refused {
    /// A refusal.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), over_plain_http: false, challenge: None }
    }

    /// A refusal of a request that came over plain HTTP where the dialect wants HTTPS alone. Its credential is not looked at.
    #[must_use]
    pub const fn over_plain_http() -> Self {
        let detail = "the request came over plain HTTP, and this dialect wants HTTPS alone; whoever sent it should replace the credential, which was readable on the way. A gateway that ends TLS must send `X-Forwarded-Proto: https`, and stand in `server.trusted_proxies`";
        Self { code: Code::Malformed, detail: Cow::Borrowed(detail), over_plain_http: true, challenge: None }
    }

    /// The same refusal, for what is missing of a proof of possession.
    #[must_use]
    pub fn challenging(self, challenge: Challenge) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    /// A refusal of something that is not in the dialect's form.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Malformed, detail)
    }
}

/// Restrictions by name, such as `brand` → the brands a key may touch.
pub type Restrictions = BTreeMap<String, BTreeSet<String>>;

/// What keys with equal rights share: the answer to "what may it do", worked out when the key
/// changes and not when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rights {
    /// Secret or publishable.
    pub key_type: KeyType,
    /// The environment's name.
    pub environment: String,
    /// The granted scopes, in order, with a space between two (RFC 6749 section 3.3): most answers have them so.
    pub granted: String,
    /// The granted scopes with everything they contain.
    pub scopes: EffectiveScopes,
    /// Networks that the key may be used from; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// Restrictions.
    pub restrictions: Restrictions,
    /// The public client id.
    pub client_id: Option<String>,
}

impl Rights {
    /// What they take in memory, in bytes, and rather more than less: each text and each node of a tree of its own is counted
    /// with what an allocator adds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const EACH: usize = 64;
        let restrictions = self.restrictions.iter().map(|(name, values)| {
            4 * EACH + name.len() + values.iter().map(|value| 2 * EACH + value.len()).sum::<usize>()
        });
        let texts =
            self.environment.len() + self.granted.len() + self.client_id.as_ref().map_or(0, String::len);
        let networks = self.ip_allowlist.len() * size_of::<IpNet>();
        size_of::<Self>() + 4 * EACH + texts + networks + self.scopes.bytes() + restrictions.sum::<usize>()
    }
}

/// Whether a secret version can still be used, apart from time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretStatus {
    /// The newest secret of its key.
    Current,
    /// Replaced by a rotation; valid until its grace is over.
    Superseded,
    /// Its key is revoked. Final.
    Revoked,
}

/// What of the things that a key belongs to is switched off for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwitchedOff {
    /// Its integration is disabled.
    Integration,
    /// The agent of its integration is restricted.
    Agent,
}

/// What is known of the credential that was looked up.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The key's tenant.
    pub tenant: TenantId,
    /// Whether the tenant is suspended.
    pub tenant_suspended: bool,
    /// What it belongs to and what is switched off.
    pub switched_off: Option<SwitchedOff>,
    /// The status of this secret version.
    pub status: SecretStatus,
    /// Unix time in microseconds from which the secret is refused; `i64::MAX` for never.
    pub not_after: i64,
    /// What the key may do.
    pub rights: &'a Rights,
    /// The dialect of its tenant.
    pub dialect: &'a Dialect,
}

/// What is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Question<'a> {
    /// The tenant that the caller says it acts for.
    pub tenant: Option<TenantId>,
    /// The client id that came with the secret.
    pub client_id: Option<&'a str>,
    /// The environment or realm that is being served.
    pub environment: Option<&'a str>,
    /// The HTTP method, in upper case.
    pub method: Option<&'a str>,
    /// The caller's address.
    pub ip: Option<IpAddr>,
    /// Scopes that are all needed.
    pub required_scopes: &'a [String],
    /// What the request touches, such as `brand` → `acme`.
    pub restrictions: Option<&'a BTreeMap<String, String>>,
    /// How a bare token is shown. With headers, they tell.
    pub possession: Possession<'a>,
    /// The request's address, which proofs of possession name.
    pub url: Option<&'a str>,
}

/// How a token is shown.
#[derive(Clone, Copy, Default)]
pub enum Possession<'a> {
    /// As a bearer's: whoever has it may use it (RFC 6750).
    #[default]
    Bearer,
    /// With a proof that its sender holds a key (RFC 9449 section 7); nothing where the proof is missing.
    Proof(Option<&'a str>),
    /// Nobody uses it, and somebody asks about it.
    Unused,
}

impl fmt::Debug for Possession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer => "Bearer",
            Self::Proof(_) => "Proof(…)",
            Self::Unused => "Unused",
        })
    }
}

/// Decides. The order is fixed: whose it is, whether it lives, then what it may do, so that nobody
/// learns anything about a credential that is not theirs or no longer valid.
///
/// # Errors
/// [`Refused`] with the first code that applies.
pub fn verdict(facts: Facts<'_>, question: &Question<'_>, now: i64) -> Result<(), Refused> {
    check_owner(facts, question)?;
    check_alive(facts, now)?;
    check_place(facts, question)?;
    check_powers(facts, question)
}

/// As [`verdict`], for a credential whose life is another matter than a secret's: `lives` tells whether it has not ended and is
/// not revoked. The status and the end in `facts` count for nothing.
///
/// # Errors
/// [`Refused`] with the first code that applies.
pub fn verdict_where(
    facts: Facts<'_>,
    lives: impl FnOnce() -> Result<(), Refused>,
    question: &Question<'_>,
) -> Result<(), Refused> {
    check_owner(facts, question)?;
    lives()?;
    check_tenant(facts)?;
    check_place(facts, question)?;
    check_powers(facts, question)
}

fn check_owner(facts: Facts<'_>, question: &Question<'_>) -> Result<(), Refused> {
    if question.tenant.is_some_and(|tenant| tenant != facts.tenant) {
        return Err(Refused::new(
            Code::TenantMismatch,
            "the key belongs to another tenant than the request names",
        ));
    }
    if let Some(client_id) = question.client_id
        && facts.rights.client_id.as_deref() != Some(client_id)
    {
        return Err(Refused::new(Code::Unknown, "the client id does not belong to this secret"));
    }
    Ok(())
}

fn check_alive(facts: Facts<'_>, now: i64) -> Result<(), Refused> {
    match facts.status {
        SecretStatus::Revoked => {
            return Err(Refused::new(
                Code::Revoked,
                "the key is revoked, which is final; create another one",
            ));
        }
        SecretStatus::Superseded if now >= facts.not_after => {
            return Err(Refused::new(
                Code::Revoked,
                "this secret was replaced and its grace period is over; use the key's current secret",
            ));
        }
        SecretStatus::Current if now >= facts.not_after => check_expired(facts, now)?,
        SecretStatus::Superseded | SecretStatus::Current => {}
    }
    check_tenant(facts)
}

/// A key that is a JWT says itself when it ends, to whoever reads it by another clock: a minute between the two is tolerated
/// (RFC 7519 section 4.1.4), here as there.
fn check_expired(facts: Facts<'_>, now: i64) -> Result<(), Refused> {
    let rights = facts.rights;
    match facts.dialect.form_of(rights.key_type, &rights.environment) {
        Form::Opaque => Err(Refused::new(Code::Expired, "the key has expired; create another one")),
        Form::Jwt => jwt::ended(facts.not_after, now),
    }
}

fn check_tenant(facts: Facts<'_>) -> Result<(), Refused> {
    if facts.tenant_suspended {
        return Err(Refused::new(Code::TenantSuspended, "the key's tenant is suspended"));
    }
    match facts.switched_off {
        None => {}
        Some(SwitchedOff::Integration) => {
            return Err(Refused::new(Code::Disabled, "the key's integration is disabled; enable it"));
        }
        Some(SwitchedOff::Agent) => {
            let detail = "the agent that the key's integration is connected to is restricted; release it, or connect another one";
            return Err(Refused::new(Code::Disabled, detail));
        }
    }
    Ok(())
}

fn check_place(facts: Facts<'_>, question: &Question<'_>) -> Result<(), Refused> {
    if let Some(asked) = question.environment
        && !facts.dialect.environment_admits(&facts.rights.environment, asked)
    {
        return Err(Refused::new(
            Code::WrongEnvironment,
            format!("a {} key cannot be used where {asked} is served", facts.rights.environment),
        ));
    }
    let networks = &facts.rights.ip_allowlist;
    if !networks.is_empty() {
        let ip = question
            .ip
            .ok_or_else(|| {
                Refused::new(
                    Code::IpNotAllowed,
                    "the key has an IP allow list and the caller's address was not given",
                )
            })?
            .to_canonical();
        if !networks.iter().any(|network| network.contains(&ip)) {
            return Err(Refused::new(
                Code::IpNotAllowed,
                "the caller's address is not on the key's allow list",
            ));
        }
    }
    Ok(())
}

fn check_powers(facts: Facts<'_>, question: &Question<'_>) -> Result<(), Refused> {
    let rights = facts.rights;
    if rights.key_type == KeyType::Publishable {
        if question.method.is_some_and(|method| !matches!(method, "GET" | "HEAD" | "OPTIONS")) {
            return Err(Refused::new(
                Code::ReadOnly,
                "a publishable key is limited to read-only operations; use a secret key on a server",
            ));
        }
        let writes = |scope: &&String| !facts.dialect.scopes.read_only.contains(scope.as_str());
        if let Some(scope) = question.required_scopes.iter().find(writes) {
            return Err(Refused::new(
                Code::ReadOnly,
                format!("a publishable key cannot be used for `{scope}`; use a secret key on a server"),
            ));
        }
    }
    if let Some(missing) = question.required_scopes.iter().find(|scope| !rights.scopes.allow(scope)) {
        return Err(Refused::new(Code::InsufficientScope, format!("the key lacks the scope `{missing}`")));
    }
    for (name, allowed) in &rights.restrictions {
        let value = question.restrictions.and_then(|given| given.get(name));
        if !value.is_some_and(|value| allowed.contains(value)) {
            return Err(Refused::new(
                Code::Restricted,
                format!("the key is restricted by {name}, and the request does not name an allowed one"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
