//! Reading a form that a browser sends, and telling whether it comes from a page of ours.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use actix_web::web;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

use super::Failure;

/// The field that carries the token.
const TOKEN: &str = "csrf";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The fields of a form, each once. What is left of it is wiped, since forms hold passwords.
#[derive(Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form that is held to come from a page with this token, on this server at `public_url`.
    ///
    /// # Errors
    /// [`Failure::forged`] without the token, with another one, or from another site; a page with status 400 or 415 for what is
    /// no form.
    pub fn accept(
        request: &HttpRequest,
        body: &[u8],
        token: &str,
        public_url: &str,
    ) -> Result<Self, Failure> {
        if !same_origin(request, public_url) {
            return Err(Failure::forged());
        }
        let mut form = Self::read(request, body)?;
        let sent = form.take(TOKEN).unwrap_or_default();
        if token.is_empty() || !bool::from(sent.as_bytes().ct_eq(token.as_bytes())) {
            return Err(Failure::forged());
        }
        Ok(form)
    }

    /// The fields, whoever sends them.
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Failure> {
        let kind =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Failure::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This is no form",
                "Send it as application/x-www-form-urlencoded, as browsers do.",
            ));
        }
        let unreadable = || {
            let text =
                "A field of it cannot be read, or is there twice. Load the page again and send it once more.";
            Failure::refused(StatusCode::BAD_REQUEST, "This form cannot be read", text)
        };
        let body = std::str::from_utf8(body).map_err(|_| unreadable())?;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(body).map_err(|_| unreadable())?;
        let mut form = Self::default();
        for (name, value) in pairs.into_inner() {
            if value.contains('\0') || form.0.insert(name, value).is_some() {
                return Err(unreadable());
            }
        }
        Ok(form)
    }

    /// A field's value; a second time it is not there.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Whether a request comes from a page of this server, as far as the browser says (Fetch Metadata, and RFC 6454 section 7).
/// Programs that are no browsers say nothing, and are held to the token alone.
#[must_use]
pub fn same_origin(request: &HttpRequest, public_url: &str) -> bool {
    let headers = request.headers();
    let site = headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes());
    // `none` is what somebody typed or loaded again.
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    // HTTP/2 has no `Host` but `:authority` (RFC 9113 section 8.3.1).
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let asked = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let is_asked = authority.is_some() && authority == asked;
    // Behind a proxy that puts its own name in.
    is_asked || origin == origin_of(public_url)
}

/// An address without its path.
fn origin_of(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(from..).and_then(|rest| rest.find('/'));
    path.and_then(|at| url.get(..from + at)).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const URL: &str = "https://auth.example/nexus";

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let mut request = TestRequest::post()
            .insert_header(("host", "127.0.0.1:8080"))
            .insert_header(("content-type", "application/x-www-form-urlencoded"));
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        request.to_http_request()
    }

    fn status(outcome: &Result<Form, Failure>) -> u16 {
        use actix_web::ResponseError as _;
        outcome.as_ref().err().map_or(200, |failure| failure.status_code().as_u16())
    }

    #[test]
    fn case_25_a_form_needs_the_token_of_its_page() {
        let accept = |body: &str| Form::accept(&request(&[]), body.as_bytes(), "right", URL);
        let mut form = accept("name=A+%26+B&csrf=right").unwrap();
        assert_eq!(form.take("name").as_deref(), Some("A & B"));
        assert_eq!((form.take("name"), form.take("csrf")), (None, None));
        for body in
            ["name=A", "name=A&csrf=", "name=A&csrf=wrong", "name=A&csrf=righ", "name=A&csrf=right%20"]
        {
            assert_eq!(status(&accept(body)), 403, "{body}");
        }
        assert_eq!(status(&Form::accept(&request(&[]), b"csrf=", "", URL)), 403, "no token is no token");
        assert_eq!(status(&accept("csrf=right&csrf=right")), 400, "twice");
        assert_eq!(status(&accept("csrf=right&a=%00")), 400);
        let json = request(&[("content-type", "application/json")]);
        assert_eq!(status(&Form::accept(&json, b"{}", "right", URL)), 415);
    }

    #[test]
    fn case_25_a_form_from_another_site_is_refused_even_with_the_token() {
        let accept = |headers: &[(&str, &str)]| Form::accept(&request(headers), b"csrf=right", "right", URL);
        for headers in [
            &[("origin", "http://127.0.0.1:8080")][..],
            &[("origin", "https://auth.example")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8080")],
            &[("sec-fetch-site", "none")],
        ] {
            assert_eq!(status(&accept(headers)), 200, "{headers:?}");
        }
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "https://auth.example.evil.example")],
            &[("origin", "http://127.0.0.1:8081")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8080")],
        ] {
            assert_eq!(status(&accept(headers)), 403, "{headers:?}");
        }
    }

    #[test]
    fn over_http_2_the_host_stands_in_the_address() {
        let from = |origin: &str| {
            let request = TestRequest::post().uri("https://10.0.0.1:8443/sign-in");
            same_origin(&request.insert_header(("origin", origin)).to_http_request(), URL)
        };
        assert!(from("https://10.0.0.1:8443") && from("https://auth.example"));
        assert!(!from("https://10.0.0.1") && !from("https://evil.example"));
    }

    #[test]
    fn it_shows_no_values() {
        let form = Form([("password".to_owned(), "hunter2".to_owned())].into());
        assert_eq!(format!("{form:?}"), "{\"password\"}");
    }
}
