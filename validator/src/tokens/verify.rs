//! A token's facts: out of the cache, or by its signature. In an order in which nobody learns what a token says without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_domain::credential::Digest;
use nexus_domain::dialect::{Dialect, ServiceJwts};
use nexus_domain::ids::{JwtSecretId, SigningKeyId, TenantId};
use nexus_domain::jwt::{Algorithm, Claims, Compact, Header, Kid, Times};
use nexus_domain::token::{ACCESS_TOKEN, AccessClaims};
use nexus_domain::validity::JwtSecretEntry;
use nexus_domain::verification::{Code, Refused, Rights};

use super::Tokens;
use super::cache::Name;
use super::held::is_revoked;
use super::signature::signed_with;
use super::verified::{Signer, Verified};
use crate::rows::Tenant;

/// The `typ` of a service's token (RFC 7519 section 5.1).
const SERVICE_TOKEN: &str = "jwt";
/// Versions of a secret that a signature is held against, the newest first.
const VERSIONS: usize = 4;

/// What a signature speaks for.
struct Signed {
    tenant: Arc<Tenant>,
    rights: Rights,
    claims: Facts,
    signer: Signer,
}

/// What of the claims is looked at later.
struct Facts {
    times: Times,
    ids: [Option<Box<str>>; 2],
    /// The key that it is bound to (RFC 9449).
    jkt: Option<Digest>,
}

/// A token that nothing is known of.
#[derive(Debug)]
pub(crate) enum Unverified {
    /// It is none that is accepted.
    Refused(Refused),
    /// What it names is not held here. Where others hold more, they may know it.
    Unheld(&'static str),
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
        }
    }
}

impl Tokens {
    /// The facts of a token whose signature is right. `now` is Unix time in microseconds.
    ///
    /// # Errors
    /// [`Unverified`]: `MALFORMED` where it is no token that could be accepted, `UNKNOWN` where nobody here signed it, `REVOKED`
    /// where its secret is, which cannot be held against it any more.
    pub(crate) fn verify(&self, token: Compact<'_>, now: i64) -> Result<Arc<Verified>, Unverified> {
        let name = Name::of(token);
        if let Some(known) = self.cache.find(name, token).filter(|known| known.stands(self)) {
            return Ok(known);
        }
        // Before anything is looked up: what changes from here on is noticed the next time.
        let seen = self.changes();
        self.latest.fetch_max(now, Ordering::Relaxed);
        let header = token.header()?;
        let Signed { tenant, rights, claims, signer } = match header.key()? {
            Kid::SigningKey(kid) => self.of_server(token, &header, kid)?,
            Kid::Secret(id) => self.of_service(token, &header, id)?,
        };
        let mut verified = Verified {
            name,
            signed: token.signed().into(),
            tenant,
            rights: Arc::new(rights),
            times: claims.times,
            ids: claims.ids,
            signer,
            jkt: claims.jkt,
            revoked: false,
            seen: AtomicU64::new(seen),
        };
        verified.revoked = verified.is_revoked(self);
        let verified = Arc::new(verified);
        if !verified.revoked {
            self.cache.put(&verified);
        }
        Ok(verified)
    }

    /// An access token (RFC 9068 section 4).
    fn of_server(
        &self,
        token: Compact<'_>,
        header: &Header,
        kid: SigningKeyId,
    ) -> Result<Signed, Unverified> {
        if header.typ.as_deref() != Some(ACCESS_TOKEN) {
            return Err(
                Refused::malformed("this is no access token: its header's `typ` is another one").into()
            );
        }
        let key = self.key(kid).ok_or_else(|| unknown("no key that signs here has this `kid`"))?;
        same_algorithm(header, key.entry.algorithm)?;
        if !key.signed(token) {
            return Err(unknown("the token's signature is wrong").into());
        }
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
        Ok(Signed { tenant, rights, claims: Facts { times, ids, jkt }, signer })
    }

    /// A token that a tenant's service signed.
    fn of_service(&self, token: Compact<'_>, header: &Header, id: JwtSecretId) -> Result<Signed, Unverified> {
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
        let version = self.signing_version(token, &secret, &tenant.dialect)?;
        let claims = token.claims()?;
        let times = claims.times()?;
        self.meant_for_here(&claims)?;
        let rights = permitted(&claims, rules, &secret, &tenant.dialect)?;
        let ids = [claims.text("jti")?.map(Into::into), None];
        let signer = Signer::Service { secret, version };
        Ok(Signed { tenant, rights, claims: Facts { times, ids, jkt: None }, signer })
    }

    /// The version of a secret that made the token's signature.
    fn signing_version(
        &self,
        token: Compact<'_>,
        secret: &JwtSecretEntry,
        dialect: &Dialect,
    ) -> Result<u32, Refused> {
        let opener = self.opener.load();
        let mut opened = false;
        for version in secret.versions.iter().rev().take(VERSIONS) {
            let clear = opener.open(&dialect.name, &secret.context(version), &version.sealed);
            if let Some(clear) = clear {
                opened = true;
                if signed_with(&clear, token) {
                    return Ok(version.version);
                }
            }
        }
        if opened {
            Err(unknown("the token's signature is wrong"))
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

fn unknown(detail: &'static str) -> Refused {
    Refused::new(Code::Unknown, detail)
}
