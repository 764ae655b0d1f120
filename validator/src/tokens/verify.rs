//! A token's facts: out of the cache, or by its signature. In an order in which nobody learns what a token says without one.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nexus_domain::dialect::{Dialect, ServiceJwts};
use nexus_domain::ids::{JwtSecretId, SigningKeyId, TenantId};
use nexus_domain::jwt::{Algorithm, Claims, Compact, Header, Kid};
use nexus_domain::jwt_secret::MOST_VERSIONS;
use nexus_domain::token::{ACCESS_TOKEN, AccessClaims};
use nexus_domain::validity::JwtSecretEntry;
use nexus_domain::verification::{Code, Refused, Rights};

use super::Tokens;
use super::cache::Seen;
use super::held::is_revoked;
use super::signature::signed_with;
use super::verified::{Signed, Signer, Verified};
use super::wrong_signatures::Presenter;
use crate::limits::Limits;
use crate::rows::Tenant;

/// The `typ` of a service's token (RFC 7519 section 5.1).
const SERVICE_TOKEN: &str = "jwt";
/// The longest id of a token, or of the consent that it rests on, in bytes. Each is held for as long as its token is.
const LONGEST_ID: usize = 256;

/// Who presents a token, and when.
#[derive(Clone, Copy)]
struct Attempt {
    presenter: Presenter,
    now: i64,
}

/// A token that nothing is known of.
#[derive(Debug)]
pub(crate) enum Unverified {
    /// It is none that is accepted.
    Refused(Refused),
    /// What it names is not held here. Where others hold more, they may know it.
    Unheld(&'static str),
    /// Whoever presented it has presented so many wrong ones that no further signature of theirs is looked at so soon.
    Crowded(Duration),
}

impl From<Refused> for Unverified {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Unverified {
    /// What is said of it; `elsewhere`: other processes hold what this one does not.
    pub(crate) fn refused(self, elsewhere: bool) -> Refused {
        match self {
            Self::Refused(refused) => refused,
            Self::Unheld(_) if elsewhere => {
                let detail = "this node does not serve every dialect, and the token is of none that it does; ask another one";
                Refused::new(Code::Unavailable, detail)
            }
            Self::Unheld(detail) => unknown(detail),
            Self::Crowded(_) => {
                let detail = "too many tokens with wrong signatures came from this caller, so that new ones are not looked at just now; those that are known, and keys, are. Whoever verifies for others should give their address, which each has an allowance of its own by";
                Refused::new(Code::RateLimited, detail)
            }
        }
    }

    /// How it stands to limits.
    pub(crate) const fn limits(&self) -> Limits {
        match self {
            Self::Crowded(retry_after) => Limits::Exceeded { limit: None, retry_after: *retry_after },
            Self::Refused(_) | Self::Unheld(_) => Limits::NotCounted,
        }
    }
}

impl Tokens {
    /// A token that was seen before and of which nothing was taken back since, by all of its text. One that was not is nobody's
    /// word yet: see [`Tokens::verify`].
    pub(crate) fn seen(&self, text: &str) -> Option<Seen> {
        self.cache.as_ref()?.find(text).filter(|known| known.stands(self))
    }

    /// The facts of a token whose signature is right. `address` is where it comes from, and `now` Unix time in microseconds.
    ///
    /// # Errors
    /// [`Unverified`]: `MALFORMED` where it is no token that could be accepted, `UNKNOWN` where nobody here signed it, `REVOKED`
    /// where its secret is, which cannot be held against it any more, `RATE_LIMITED` after many wrong ones.
    pub(crate) fn verify(
        &self,
        token: Compact<'_>,
        address: Option<IpAddr>,
        now: i64,
    ) -> Result<Seen, Unverified> {
        if let Some(known) = self.seen(token.text()) {
            return Ok(known);
        }
        // Before anything is looked up: what changes from here on is noticed the next time.
        let seen = self.changes();
        self.latest.store(now, Ordering::Relaxed);
        let header = token.header()?;
        let kid = header.key()?;
        let attempt = Attempt { presenter: Presenter::of(address, kid), now };
        let signed = match kid {
            Kid::SigningKey(kid) => self.of_server(token, &header, kid, attempt)?,
            Kid::Secret(id) => self.of_service(token, &header, id, attempt)?,
        };
        if signed.ids.iter().flatten().any(|id| id.len() > LONGEST_ID) {
            let detail = format!("the token's id (`jti`) may have {LONGEST_ID} bytes at the most");
            return Err(Refused::malformed(detail).into());
        }
        let verified = Verified::of(signed, seen, self);
        // Behind the look at what is revoked. One that has ended by any clock is told so.
        if verified.lives(now).is_ok() && self.has_forgotten(verified.expires_at()) {
            let detail = "this node's clock was set back, and what was revoked of the time between is forgotten; try another node, or start it anew";
            return Err(Refused::new(Code::Unavailable, detail).into());
        }
        let kept = match &self.cache {
            Some(cache) if !verified.revoked() => cache.keep(token.text(), verified),
            Some(_) | None => Arc::new(verified),
        };
        Ok(kept.into())
    }

    /// An access token (RFC 9068 section 4).
    fn of_server(
        &self,
        token: Compact<'_>,
        header: &Header,
        kid: SigningKeyId,
        attempt: Attempt,
    ) -> Result<Signed, Unverified> {
        if header.typ.as_deref() != Some(ACCESS_TOKEN) {
            return Err(
                Refused::malformed("this is no access token: its header's `typ` is another one").into()
            );
        }
        let key = self.key(kid).ok_or_else(|| unknown("no key that signs here has this `kid`"))?;
        same_algorithm(header, key.entry.algorithm)?;
        self.look_at_signature(attempt, || if key.signed(token) { Ok(()) } else { Err(wrong_signature()) })?;
        let claims = token.claims()?;
        let times = claims.times()?;
        let issuer = key.entry.issuer.as_str();
        if claims.text("iss")? != Some(issuer) {
            return Err(unknown("the token's `iss` is not who signed it").into());
        }
        if claims.audience()?.as_deref() != Some(&[issuer]) {
            return Err(unknown("the token's `aud` is not this platform").into());
        }
        let claims: AccessClaims = claims.read()?;
        let tenant = self.served(claims.tenant_id)?;
        let client = self.client(&claims.client_id);
        let client = client.ok_or_else(|| unknown("the token's client is not known"))?;
        let registrar = self.served(client.tenant_id)?;
        // A client acts for its own tenant, or for one of the same product that agreed to it.
        let agreed = claims.grant_id.is_some() && Arc::ptr_eq(&registrar.dialect, &tenant.dialect);
        if registrar.id != tenant.id && !agreed {
            return Err(unknown("the token's client is another tenant's").into());
        }
        let dialect = &tenant.dialect;
        if !dialect.access_tokens.as_ref().is_some_and(|tokens| tokens.accepted) {
            return Err(Refused::malformed("this dialect accepts no access tokens").into());
        }
        known_environment(dialect, &claims.environment)?;
        let rights = client.rights(&claims, dialect);
        let jkt = claims.cnf.map(|confirmation| confirmation.jkt);
        let ids = [Some(claims.jti.into()), claims.grant_id.map(Into::into)];
        let signer = Signer::Server { key, client, registrar };
        Ok(Signed { tenant, rights, times, ids, signer, jkt })
    }

    /// A token that a tenant's service signed.
    fn of_service(
        &self,
        token: Compact<'_>,
        header: &Header,
        id: JwtSecretId,
        attempt: Attempt,
    ) -> Result<Signed, Unverified> {
        if header.typ.as_deref().is_some_and(|typ| typ != SERVICE_TOKEN) {
            return Err(
                Refused::malformed("this is no service's token: its header's `typ` must be JWT").into()
            );
        }
        let secret = self.secret(id).ok_or(Unverified::Unheld("no secret has this `kid`"))?;
        same_algorithm(header, Algorithm::Hs256)?;
        let tenant = self.served(secret.tenant_id)?;
        let Some(rules) = &tenant.dialect.service_jwts else {
            return Err(Refused::malformed("this dialect accepts no service JWTs").into());
        };
        // What it was is forgotten then, so that nothing is left to hold a signature against.
        if is_revoked(&secret) {
            let detail = "the secret that the token names is revoked, which is final; create another one";
            return Err(Refused::new(Code::Revoked, detail).into());
        }
        let version =
            self.look_at_signature(attempt, || self.signing_version(token, &secret, &tenant.dialect))?;
        let claims = token.claims()?;
        let times = claims.times()?;
        self.meant_for_here(&claims)?;
        let rights = permitted(&claims, rules, &secret, &tenant.dialect)?;
        let ids = [claims.text("jti")?.map(Into::into), None];
        let signer = Signer::Service { secret, version };
        Ok(Signed { tenant, rights, times, ids, signer, jkt: None })
    }

    /// What is found by looking at a signature, for those who have not presented too many wrong ones.
    fn look_at_signature<T>(
        &self,
        Attempt { presenter, now }: Attempt,
        look: impl FnOnce() -> Result<T, Refused>,
    ) -> Result<T, Unverified> {
        if let Err(retry_after) = self.wrong_signatures.admit(presenter, now) {
            metrics::counter!("nexus_tokens_not_looked_at_total").increment(1);
            return Err(Unverified::Crowded(retry_after));
        }
        let found = look();
        if found.as_ref().is_err_and(|refused| refused.code == Code::Unknown) {
            self.wrong_signatures.note(presenter, now);
        }
        Ok(found?)
    }

    /// The version of a secret that made the token's signature: those that are valid, the newest first.
    fn signing_version(
        &self,
        token: Compact<'_>,
        secret: &JwtSecretEntry,
        dialect: &Dialect,
    ) -> Result<u32, Refused> {
        let opener = self.opener.load();
        let mut opened = false;
        for version in secret.versions.iter().rev().take(MOST_VERSIONS) {
            let clear = opener.open(&dialect.name, &secret.context(version), &version.sealed);
            if let Some(clear) = clear {
                opened = true;
                if signed_with(&clear, token) {
                    return Ok(version.version);
                }
            }
        }
        if opened {
            Err(wrong_signature())
        } else {
            let detail = "this node cannot open the secret that the token names; try another one";
            Err(Refused::new(Code::Unavailable, detail))
        }
    }

    /// A service may leave `aud` out; where it says for whom its token is, that must be here (RFC 7519 section 4.1.3).
    fn meant_for_here(&self, claims: &Claims) -> Result<(), Refused> {
        match claims.audience()? {
            Some(audience) if !audience.iter().any(|name| self.is_issuer(name)) => {
                Err(unknown("the token's `aud` is not this platform"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn served(&self, id: TenantId) -> Result<Arc<Tenant>, Unverified> {
        self.tenant(id).ok_or(Unverified::Unheld("the token's tenant is not known"))
    }
}

fn permitted(
    claims: &Claims,
    rules: &ServiceJwts,
    secret: &JwtSecretEntry,
    dialect: &Dialect,
) -> Result<Rights, Refused> {
    let permissions = claims.texts(&rules.permissions_claim)?.unwrap_or_default();
    Ok(secret.rights(permissions, dialect))
}

fn same_algorithm(header: &Header, algorithm: Algorithm) -> Result<(), Refused> {
    if header.algorithm == algorithm {
        return Ok(());
    }
    let detail =
        format!("the key that the token names is for {algorithm}, and its header says {}", header.algorithm);
    Err(Refused::malformed(detail))
}

fn known_environment(dialect: &Dialect, name: &str) -> Result<(), Refused> {
    match dialect.environment(name) {
        Some(_) => Ok(()),
        None => Err(Refused::malformed("the token's environment is none of the dialect's")),
    }
}

fn wrong_signature() -> Refused {
    unknown("the token's signature is wrong")
}

fn unknown(detail: &'static str) -> Refused {
    Refused::new(Code::Unknown, detail)
}
