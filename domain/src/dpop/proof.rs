//! A proof (RFC 9449 section 4.2), and what it must say (section 4.3).

use std::borrow::Cow;

use serde_json::Value;

use super::same_target;
use crate::client::check_jwk;
use crate::credential::Digest;
use crate::jwt::{Claims, Compact, PublicJwk, SKEW};
use crate::verification::Refused;

/// The `typ` of its header.
const PROOF: &str = "dpop+jwt";
/// The longest `jti`, in bytes.
const LONGEST_ID: usize = 256;
/// How long behind the time that it is taken a proof may still be good, in microseconds: as far as its `iat` may lie ahead, and as
/// long as it is good from then on.
pub const LATEST: i64 = 2 * SKEW;

/// The proof is none for this request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidProof(pub Cow<'static, str>);

/// A text that says what a proof says. Anybody may have written it until its signature has been checked with [`Proof::jwk`]. Without
/// `Debug`: it is a credential.
pub struct Proof<'a> {
    token: Compact<'a>,
    jwk: PublicJwk,
    jkt: Digest,
    claims: Claims,
}

/// The request that a proof must be for.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its address. Query and fragment do not count.
    pub url: &'a str,
    /// The access token that comes with it.
    pub access_token: Option<&'a str>,
}

/// By what a proof is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProofId(Digest);

impl ProofId {
    /// The `jti` of a proof with this key.
    #[must_use]
    pub fn new(jkt: &Digest, jti: &str) -> Self {
        Self(Digest::of(&format!("{jkt}{jti}")))
    }

    /// As a text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl<'a> Proof<'a> {
    /// Reads a proof.
    ///
    /// # Errors
    /// [`InvalidProof`] where it is no JWT of the type `dpop+jwt`, or brings no public key that signatures can be checked with.
    pub fn read(text: &'a str) -> Result<Self, InvalidProof> {
        let token = Compact::read(text).ok_or_else(|| wrong("the DPoP proof is no JWT"))?;
        let (header, jwk) = token.header_with_key()?;
        if header.typ.as_deref() != Some(PROOF) {
            return Err(wrong("the DPoP proof's header must say `\"typ\":\"dpop+jwt\"`"));
        }
        let jwk = jwk.ok_or_else(|| wrong("the DPoP proof's header brings no public key (`jwk`)"))?;
        check_jwk(&jwk).map_err(|why| InvalidProof(format!("the DPoP proof's `jwk` {why}").into()))?;
        let jwk: PublicJwk = serde_json::from_value(Value::Object(jwk))
            .map_err(|_| wrong("the DPoP proof's `jwk` is no public key of a supported kind"))?;
        if jwk.algorithm() != header.algorithm {
            return Err(wrong("the DPoP proof's `alg` is not that of its key"));
        }
        Ok(Self { token, jkt: jwk.thumbprint(), jwk, claims: token.claims()? })
    }

    /// What is signed, and the signature.
    #[must_use]
    pub const fn token(&self) -> Compact<'a> {
        self.token
    }

    /// The key that it says its sender holds.
    #[must_use]
    pub const fn jwk(&self) -> &PublicJwk {
        &self.jwk
    }

    /// SHA-256 of that key as RFC 7638 writes it.
    #[must_use]
    pub const fn jkt(&self) -> Digest {
        self.jkt
    }

    /// Whether it is for this request, at `now` in Unix microseconds, and by what it is known when it comes again.
    ///
    /// # Errors
    /// [`InvalidProof`]
    pub fn check(&self, shown: &Shown<'_>, now: i64) -> Result<ProofId, InvalidProof> {
        if self.text("htm")? != shown.method {
            return Err(wrong("the DPoP proof's `htm` is not the request's method"));
        }
        if !same_target(self.text("htu")?, shown.url) {
            let detail = format!("the DPoP proof's `htu` is not the request's address, {}", shown.url);
            return Err(InvalidProof(detail.into()));
        }
        if let Some(token) = shown.access_token
            && self.text("ath")? != Digest::of(token).to_string()
        {
            return Err(wrong("the DPoP proof's `ath` is not SHA-256 of the access token"));
        }
        let issued = self.claims.time("iat")?.ok_or_else(|| missing("iat"))?;
        let off = now.saturating_sub(issued);
        if off.saturating_abs() > SKEW {
            let seconds = off / 1_000_000;
            let detail = format!(
                "the DPoP proof was made {seconds} s ago by this server's clock; make one for each request"
            );
            return Err(InvalidProof(detail.into()));
        }
        let id = self.text("jti")?;
        if id.len() > LONGEST_ID {
            return Err(wrong("the DPoP proof's `jti` is longer than 256 bytes"));
        }
        Ok(ProofId::new(&self.jkt, id))
    }

    fn text(&self, name: &'static str) -> Result<&str, InvalidProof> {
        self.claims.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }
}

impl From<Refused> for InvalidProof {
    fn from(refused: Refused) -> Self {
        Self(format!("the DPoP proof is not as it must be: {}", refused.detail).into())
    }
}

const fn wrong(detail: &'static str) -> InvalidProof {
    InvalidProof(Cow::Borrowed(detail))
}

fn missing(name: &str) -> InvalidProof {
    InvalidProof(format!("the DPoP proof has no `{name}`").into())
}
