//! A token as it is sent: three parts of base64url with a dot between two (RFC 7515 section 7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims::Claims;
use super::header::Header;
use super::strict;
use crate::verification::Refused;

/// The longest text that is taken for a token, in bytes. None is issued that is longer, and gateways commonly refuse headers of
/// twice as much.
pub const LONGEST_TOKEN: usize = 4 * 1024;

/// A text in the form of a token, of which nothing else has been checked. Without `Debug`: it is a credential.
#[derive(Clone, Copy)]
pub struct Compact<'a> {
    text: &'a str,
    signed: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes a text apart at its first and last dot; nothing where it has none, or is longer than [`LONGEST_TOKEN`]. No opaque
    /// secret has a dot. Whether the parts are base64url is seen when they are read: a token that is known need not be.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST_TOKEN {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let is_whole = !header.is_empty() && !payload.is_empty() && !signature.is_empty();
        is_whole.then_some(Self { text, signed, header, payload, signature })
    }

    /// All of it. This is a credential: it goes nowhere.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// What is signed: header and payload with the dot between them. No credential without its signature.
    #[must_use]
    pub const fn signed(&self) -> &'a str {
        self.signed
    }

    /// The signature, as it is written.
    #[must_use]
    pub const fn signature(&self) -> &'a str {
        self.signature
    }

    /// The header.
    ///
    /// # Errors
    /// `MALFORMED`, see [`Header`].
    pub fn header(&self) -> Result<Header, Refused> {
        Header::of(&strict::members(&decoded(self.header, "header")?, "header")?)
    }

    /// The header, and the public key that it brings, where it brings one. Of a proof of possession alone (RFC 9449): the key of any
    /// other token is never its own to name.
    ///
    /// # Errors
    /// As [`Compact::header`].
    pub fn header_with_key(&self) -> Result<(Header, Option<Map<String, Value>>), Refused> {
        let mut members = strict::members(&decoded(self.header, "header")?, "header")?;
        let jwk = match members.remove("jwk") {
            Some(Value::Object(jwk)) => Some(jwk),
            Some(_) => return Err(Refused::malformed("`jwk` in the token's header is no key")),
            None => None,
        };
        Ok((Header::of(&members)?, jwk))
    }

    /// The claims. They are anybody's word until the signature has been checked.
    ///
    /// # Errors
    /// `MALFORMED` where they are no JSON object, or name something twice.
    pub fn claims(&self) -> Result<Claims, Refused> {
        strict::members(&decoded(self.payload, "payload")?, "payload").map(Claims::new)
    }
}

fn decoded(part: &str, what: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Refused::malformed(format!("the token's {what} is not base64url (RFC 7515 section 2)")))
}
