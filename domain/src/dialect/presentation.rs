//! Where in a request a credential stands, and what of it is refused whatever a look-up finds.

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::credential::{LONGEST_SECRET, is_well_formed};
use crate::dialect::{Dialect, Form, Prefix};
use crate::dpop::Challenge;
use crate::ids::TenantId;
use crate::jwt::{Compact, LONGEST_TOKEN};
use crate::verification::{Code, Possession, Refused};

/// Where a dialect's credentials stand in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    /// The header, in lower case.
    pub header: String,
    /// The authentication scheme before the secret, such as `Bearer` (RFC 9110 section 11.1:
    /// compared without case); absent: the header's value is the secret alone.
    pub scheme: Option<String>,
    /// Whether `client-id:secret` is accepted as well as the secret alone.
    pub client_id: bool,
    /// A header that must name the tenant.
    pub tenant_header: Option<TenantHeader>,
}

/// A header that must carry the tenant's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantHeader {
    /// Its name, in lower case.
    pub name: String,
}

/// A credential taken from a request, well formed but not looked up yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    /// The secret in clear. Only its digest goes further.
    pub secret: &'a str,
    /// The JWT in it, where it is one behind its prefix.
    pub token: Option<&'a str>,
    /// The client id that came with it.
    pub client_id: Option<&'a str>,
    /// The tenant that the caller says it acts for.
    pub tenant: Option<TenantId>,
}

/// A token taken from a request, of which nothing else has been checked. Without `Debug`: it is a credential.
#[derive(Clone, Copy)]
pub struct ShownToken<'a> {
    /// The token.
    pub token: Compact<'a>,
    /// The tenant that the caller says it acts for.
    pub tenant: Option<TenantId>,
    /// How it is shown.
    pub possession: Possession<'a>,
}

/// A credential that begins as it should, and of which nothing else has been checked.
#[derive(Debug, Clone, Copy)]
pub struct Unchecked<'d, 'a> {
    presented: Presented<'a>,
    prefix: &'d Prefix,
}

impl<'a> Unchecked<'_, 'a> {
    /// The secret in clear.
    #[must_use]
    pub fn secret(&self) -> &'a str {
        self.presented.secret
    }

    /// The credential, once its length, characters and checksum are seen to be right.
    ///
    /// # Errors
    /// `MALFORMED` when they are not.
    pub fn checked(self) -> Result<Presented<'a>, Refused> {
        match self.presented.token {
            None if !is_well_formed(self.presented.secret, &self.prefix.text) => Err(Refused::malformed(
                "the credential's length, characters or checksum are wrong; was it copied whole?",
            )),
            Some(token) if !is_compact(token) => Err(Refused::malformed(
                "behind the prefix must be a JWT: three parts of base64url, a dot between two; was it copied whole?",
            )),
            None | Some(_) => Ok(self.presented),
        }
    }
}

/// Whether a text has the form of a JWT (RFC 7515 section 7.1). What it says is looked at where its digest is known.
fn is_compact(token: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let parts = token.split('.');
    token.bytes().all(base64url) && parts.clone().count() == 3 && parts.clone().all(|part| !part.is_empty())
}

/// Where proofs of possession stand (RFC 9449 section 4.1).
const PROOF_HEADER: &str = "dpop";

/// Headers that nobody sends but with a credential.
pub(super) const CREDENTIAL_HEADERS: [&str; 4] =
    ["authorization", "proxy-authorization", "api-key", "x-api-key"];

impl Dialect {
    /// Takes the credential out of a request's headers, given as pairs with names in lower case.
    ///
    /// # Errors
    /// `MALFORMED` when the credential is missing, sent twice, not in the dialect's form or has a
    /// wrong checksum; `TENANT_MISMATCH` when a required tenant header is missing or no id.
    pub fn extract<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<Presented<'a>, Refused> {
        let mut presented = self.parse_credential(self.credential_in(headers.clone())?)?;
        presented.tenant = self.asserted_tenant(headers)?;
        Ok(presented)
    }

    /// Takes a token out of a request's headers, and the tenant that they name, where the dialect accepts tokens and there is a
    /// text of the form of one. Whatever [`Dialect::extract`] takes for a secret is none.
    ///
    /// # Errors
    /// `TENANT_MISMATCH` when a required tenant header is missing or no id. What else is wrong, [`Dialect::extract`] tells.
    pub fn extract_token<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Option<Result<ShownToken<'a>, Refused>> {
        if !self.accepts_tokens() {
            return None;
        }
        let value = self.credential_header(headers.clone()).ok()?;
        let behind_dpop = self.behind_dpop(value);
        let token = Compact::read(behind_dpop.or_else(|| self.strip_scheme(value).ok())?)?;
        let possession = match behind_dpop {
            None => Ok(Possession::Bearer),
            Some(_) => self.only(headers.clone(), PROOF_HEADER).map(Possession::Proof),
        };
        let possession = match possession {
            Ok(possession) => possession,
            Err(refused) => return Some(Err(refused.challenging(Challenge::InvalidProof))),
        };
        Some(self.asserted_tenant(headers).map(|tenant| ShownToken { token, tenant, possession }))
    }

    /// What stands behind the scheme `DPoP` (RFC 9449 section 7.1), where tokens stand in `Authorization`.
    fn behind_dpop<'a>(&self, value: &'a str) -> Option<&'a str> {
        let (word, credential) = value.split_once(' ')?;
        let presentation = &self.presentation;
        let is_dpop = presentation.header == "authorization"
            && presentation.scheme.is_some()
            && word.eq_ignore_ascii_case("dpop");
        is_dpop.then(|| credential.trim_start_matches(' '))
    }

    /// Whether requests may show tokens.
    #[must_use]
    pub fn accepts_tokens(&self) -> bool {
        self.access_tokens.as_ref().is_some_and(|tokens| tokens.accepted) || self.service_jwts.is_some()
    }

    /// The credential in a request's headers as it stands behind the scheme.
    fn credential_in<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<&'a str, Refused> {
        self.strip_scheme(self.credential_header(headers)?)
    }

    /// The header that holds the credential, with its scheme.
    fn credential_header<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<&'a str, Refused> {
        let value = self
            .only(headers.clone(), &self.presentation.header)?
            .ok_or_else(|| self.missing(headers.clone()))?;
        // A second kind of credential makes it unclear which one was meant to count.
        let elsewhere =
            |(name, _): (&str, &str)| name != self.presentation.header && CREDENTIAL_HEADERS.contains(&name);
        if headers.clone().any(elsewhere) {
            return Err(Refused::malformed("the request carries two kinds of credential"));
        }
        Ok(value)
    }

    /// Reads a credential as it stands behind the scheme.
    ///
    /// # Errors
    /// `MALFORMED`, with what is wrong.
    pub fn parse_credential<'a>(&self, credential: &'a str) -> Result<Presented<'a>, Refused> {
        self.read_credential(credential)?.checked()
    }

    /// Reads a credential as it stands behind the scheme, and leaves its checksum for later, when
    /// the look-up is under way.
    ///
    /// # Errors
    /// `MALFORMED`, with what is wrong.
    pub fn read_credential<'a>(&self, credential: &'a str) -> Result<Unchecked<'_, 'a>, Refused> {
        let longest = if self.key_claims.is_some() { LONGEST_TOKEN } else { LONGEST_SECRET };
        if credential.len() > longest {
            return Err(Refused::malformed("the credential is too long"));
        }
        let halves = if self.presentation.client_id { credential.split_once(':') } else { None };
        let (client_id, secret) = match halves {
            Some((client_id, secret)) => (Some(client_id), secret),
            None => (None, credential),
        };
        if client_id.is_some_and(|id| id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(Refused::malformed(
                "the client id before the colon is empty or holds spaces or other characters that no id has",
            ));
        }
        let prefix = self.prefix_of(secret).ok_or_else(|| {
            Refused::malformed("the credential does not begin with a prefix of this dialect")
        })?;
        let token = match prefix.form {
            Form::Opaque => None,
            Form::Jwt => secret.get(prefix.text.len()..),
        };
        Ok(Unchecked { presented: Presented { secret, token, client_id, tenant: None }, prefix })
    }

    /// The refusal of a request without the header. Who sent the credential in another one is told so.
    fn missing<'a>(&self, mut headers: impl Iterator<Item = (&'a str, &'a str)>) -> Refused {
        let header = &self.presentation.header;
        match headers.find(|(name, _)| CREDENTIAL_HEADERS.contains(name)) {
            Some((other, _)) => Refused::malformed(format!(
                "the request has no {header} header; send the key in it, and not in {other}"
            )),
            None => Refused::malformed(format!("the request has no {header} header")),
        }
    }

    fn strip_scheme<'a>(&self, value: &'a str) -> Result<&'a str, Refused> {
        let Some(scheme) = &self.presentation.scheme else {
            return match value.split_once(' ') {
                Some((word, _)) if word.eq_ignore_ascii_case("bearer") => {
                    Err(Refused::malformed("the header must hold the key alone, without a Bearer prefix"))
                }
                _ if value.contains(['\r', '\n']) => {
                    Err(Refused::malformed("the header holds a line break; send the key alone"))
                }
                _ if value.trim() != value => Err(Refused::malformed(
                    "the header holds spaces before or behind the key; send the key alone",
                )),
                _ if value.contains(|c: char| c.is_whitespace() || c.is_control()) => Err(
                    Refused::malformed("the header holds spaces or control characters; send the key alone"),
                ),
                _ => Ok(value),
            };
        };
        let (word, credential) = value
            .split_once(' ')
            .ok_or_else(|| Refused::malformed(format!("the header must read `{scheme} <key>`")))?;
        if !word.eq_ignore_ascii_case(scheme) {
            return Err(Refused::malformed(format!("the authentication scheme must be {scheme}")));
        }
        // RFC 9110 section 11.4 allows one or more spaces behind the scheme.
        Ok(credential.trim_start_matches(' '))
    }

    fn asserted_tenant<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<Option<TenantId>, Refused> {
        let Some(header) = &self.presentation.tenant_header else {
            return Ok(None);
        };
        let mismatch =
            |detail: &str| Refused::new(Code::TenantMismatch, format!("{}: {detail}", header.name));
        let value = self.only(headers, &header.name)?.ok_or_else(|| mismatch("the header is missing"))?;
        // UUIDs are written in either case (RFC 9562 section 4); ids of ours in lower case alone.
        let uuid = Some(value)
            .filter(|value| value.len() == Hyphenated::LENGTH)
            .and_then(|value| Uuid::try_parse(value).ok());
        Ok(Some(TenantId::new(uuid.ok_or_else(|| mismatch("not a tenant id"))?)))
    }

    fn only<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        name: &str,
    ) -> Result<Option<&'a str>, Refused> {
        let mut values = headers.filter(|(n, _)| *n == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() {
            return Err(Refused::malformed(format!("the request has two {name} headers")));
        }
        Ok(first)
    }
}
