//! A token's header (RFC 7515 section 4.1): which key it names, and what it must not say.

use serde_json::{Map, Value};

use super::Algorithm;
use crate::ids::{JwtSecretId, SigningKeyId};
use crate::verification::Refused;

/// What brings a key of the caller's own, or a place to fetch one from (RFC 7515 sections 4.1.2 to 4.1.6).
const OWN_KEYS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];
/// What changes how the rest is to be read (RFC 7515 section 4.1.11, RFC 7797, RFC 7516). None of it is understood here.
const EXTENSIONS: [&str; 4] = ["crit", "b64", "enc", "zip"];

/// A header without anything that is refused whatever the signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm that it claims. The key says which one is used; another one is refused.
    pub algorithm: Algorithm,
    /// What kind of token it claims to be, in lower case and without `application/` (RFC 7515 section 4.1.9).
    pub typ: Option<String>,
    /// The key that it names, as it is written.
    pub kid: Option<String>,
}

/// A key of ours that a header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kid {
    /// A key that the server signs with.
    SigningKey(SigningKeyId),
    /// A tenant's secret.
    Secret(JwtSecretId),
}

impl Header {
    pub(super) fn of(members: &Map<String, Value>) -> Result<Self, Refused> {
        if let Some(name) = OWN_KEYS.into_iter().find(|name| members.contains_key(*name)) {
            let detail =
                format!("the token's header brings a key of its own (`{name}`), which is never used");
            return Err(Refused::malformed(detail));
        }
        if let Some(name) = EXTENSIONS.into_iter().find(|name| members.contains_key(*name)) {
            let detail = format!("the token's header has `{name}`, which is not supported");
            return Err(Refused::malformed(detail));
        }
        let algorithm = text(members, "alg")?
            .and_then(Algorithm::parse)
            .ok_or_else(|| Refused::malformed("the token's header names no algorithm that is accepted"))?;
        let typ = text(members, "typ")?.map(str::to_ascii_lowercase);
        let typ = typ.map(|typ| typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ));
        Ok(Self { algorithm, typ, kid: text(members, "kid")?.map(str::to_owned) })
    }

    /// The key of ours that it names.
    ///
    /// # Errors
    /// `MALFORMED` where it names none, or one that cannot be ours.
    pub fn key(&self) -> Result<Kid, Refused> {
        let kid = self.kid.as_deref().ok_or_else(|| {
            Refused::malformed("the token's header names no key: set `kid` to the id of the secret")
        })?;
        let signing = kid.parse().map(Kid::SigningKey);
        signing.or_else(|_| kid.parse().map(Kid::Secret)).map_err(|_| {
            Refused::malformed("the token's header names a key (`kid`) that is none of this platform's")
        })
    }
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, Refused> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refused::malformed(format!("`{name}` in the token's header is no text"))),
    }
}
