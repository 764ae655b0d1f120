//! Reading a form as strictly as RFC 6749 wants it: parameters stand once, and those without a value are absent.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::Query;
use zeroize::Zeroizing;

use super::error::OauthError;

/// The longest form, in bytes: an assertion is the longest that comes in one.
const LONGEST_FORM: usize = 16 * 1024;
/// The most parameters.
const MOST_PARAMETERS: usize = 64;

/// The parameters of a request. What nobody takes is ignored, as RFC 6749 section 3.2 wants.
pub struct Form(BTreeMap<String, Zeroizing<String>>);

/// Parameters that stand twice (RFC 6749 section 3.1).
#[derive(Debug)]
pub(super) struct Repeated(BTreeSet<String>);

impl Repeated {
    /// Whether this is one of them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.first().map_or("", String::as_str);
        let shown: String = first.chars().filter(char::is_ascii_graphic).take(40).collect();
        write!(f, "{shown} is given twice; give it once")
    }
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// `invalid_request`
    pub fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, OauthError> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let kind = header(CONTENT_TYPE).and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let is_form = kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded");
        if !is_form || request.headers().contains_key(CONTENT_ENCODING) {
            return Err(OauthError::invalid_request(
                "send the parameters as application/x-www-form-urlencoded in the body, without a content encoding",
            ));
        }
        // A credential in the address ends up in logs (RFC 6749 section 2.3.1).
        if !request.query_string().is_empty() {
            return Err(OauthError::invalid_request("send the parameters in the body, not in the address"));
        }
        let text = std::str::from_utf8(body).ok().filter(|_| body.len() <= LONGEST_FORM);
        let text =
            text.ok_or_else(|| OauthError::invalid_request("the form is longer than 16 KiB or not UTF-8"))?;
        Self::parse(text)
    }

    /// Reads parameters.
    ///
    /// # Errors
    /// `invalid_request`
    pub fn parse(text: &str) -> Result<Self, OauthError> {
        match Self::parse_query(text)? {
            (form, None) => Ok(form),
            (_, Some(repeated)) => Err(OauthError::invalid_request(repeated.to_string())),
        }
    }

    /// Reads parameters, and tells of one that stands twice: it is absent from the form.
    ///
    /// # Errors
    /// `invalid_request`
    pub(super) fn parse_query(text: &str) -> Result<(Self, Option<Repeated>), OauthError> {
        let pairs = Query::<Vec<(String, String)>>::from_query(text)
            .map_err(|_| {
                OauthError::invalid_request("the form cannot be read; encode it as name=value&name=value")
            })?
            .into_inner();
        if pairs.len() > MOST_PARAMETERS {
            return Err(OauthError::invalid_request("more than 64 parameters; send fewer"));
        }
        let (mut read, mut repeated) = (BTreeMap::new(), BTreeSet::new());
        for (name, value) in pairs {
            let value = Zeroizing::new(value);
            if name.contains('\0') || value.contains('\0') {
                return Err(OauthError::invalid_request("a parameter holds a NUL character; remove it"));
            }
            match read.entry(name) {
                Entry::Occupied(first) => {
                    repeated.insert(first.key().clone());
                }
                Entry::Vacant(place) => {
                    place.insert(value);
                }
            }
        }
        read.retain(|name, _| !repeated.contains(name));
        Ok((Self(read), (!repeated.is_empty()).then_some(Repeated(repeated))))
    }

    /// A parameter; nothing where it has no value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`
    pub(super) fn required(&self, name: &str) -> Result<&str, OauthError> {
        self.get(name).ok_or_else(|| OauthError::invalid_request(format!("{name} is missing; add it")))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(kind: &str, body: &str) -> Result<Form, OauthError> {
        let request = TestRequest::post().insert_header((CONTENT_TYPE, kind)).to_http_request();
        Form::read(&request, body.as_bytes())
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn parameters_stand_once_and_count_with_a_value_alone() {
        let form = read(FORM, "a=1&b=&c=%2B+x&ignored=y").unwrap();
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("1"), None, Some("+ x")));
        assert!(form.required("b").is_err() && form.required("d").is_err());
        assert!(read("application/x-www-form-urlencoded; charset=utf-8", "a=1").is_ok());
        let many: String = (0..65).map(|n| format!("p{n}=1&")).collect();
        for (kind, body) in [
            (FORM, "a=1&a=1"),
            (FORM, "a=1&a="),
            (FORM, "a=%00"),
            (FORM, &format!("a={}", "x".repeat(LONGEST_FORM))),
            (FORM, &many),
            ("application/json", "{}"),
            ("multipart/form-data", "a=1"),
            ("", "a=1"),
        ] {
            let refused = read(kind, body).err().unwrap();
            assert_eq!(refused.kind(), "invalid_request", "{kind} {}", body.len());
        }
        let asked =
            TestRequest::post().uri("/oauth/token?client_secret=x").insert_header((CONTENT_TYPE, FORM));
        assert!(Form::read(&asked.to_http_request(), b"a=1").is_err(), "a secret in the address");
    }
}
