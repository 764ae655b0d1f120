//! Pages for people: rendered here, without any script, from templates that escape what they show, under a policy that lets
//! nothing else in. How a page is made: a template that extends `base.html`, given to [`render`]; what fails is a [`Failure`],
//! which is a page itself. How a form is taken: [`crate::session::SignedIn::form`].

mod failure;
mod form;
mod local_path;
mod text;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, get, web};
use askama::Template;
use sha2::{Digest as _, Sha256};

pub use self::failure::Failure;
pub use self::form::{Form, same_origin};
pub use self::local_path::LocalPath;
pub use self::text::visible;
use crate::problem::Problem;

/// The stylesheet's address. Behind it stands what it holds, so that a new one is fetched and the same one is not.
pub const STYLESHEET: &str = "/assets/pages.css";
const STYLE: &str = include_str!("pages.css");

/// Who a page is for, in its head; and what a form within it has to carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visitor {
    /// The member's address, deceptive characters made visible; empty: nobody is signed in.
    pub email: String,
    /// The token of the session's forms.
    pub csrf: String,
}

/// Registers the stylesheet.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(stylesheet);
}

#[get("/assets/pages.css")]
async fn stylesheet(request: HttpRequest) -> HttpResponse {
    let tag = format!("\"{}\"", style_version());
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((ETAG, tag))
        .content_type("text/css; charset=utf-8");
    if known { response.finish() } else { response.body(STYLE) }
}

/// The stylesheet's address as pages name it.
#[must_use]
pub fn stylesheet_address() -> String {
    format!("{STYLESHEET}?v={}", style_version())
}

fn style_version() -> String {
    Sha256::digest(STYLE).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// A page. Nothing is kept of it by anybody on the way, and no other site may frame it.
///
/// # Errors
/// `internal`, which no template of ours comes to.
pub fn render(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Failure> {
    render_leading_to(status, template, &[])
}

/// As [`render`], for a page whose form leads to other origins in the end, such as `https://app.example`: browsers hold the
/// redirect behind a form to the policy as well (CSP level 3, `form-action`).
///
/// # Errors
/// As [`render`].
pub fn render_leading_to(
    status: StatusCode,
    template: &impl Template,
    origins: &[&str],
) -> Result<HttpResponse, Failure> {
    let html = template.render().map_err(Problem::internal)?;
    Ok(secured(HttpResponse::build(status), origins).body(html))
}

/// Sends the browser elsewhere with `GET` (RFC 9110 section 15.4.4).
#[must_use]
pub fn see_other(location: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header(("location", location)).insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header((REFERRER_POLICY, "same-origin")).finish()
}

fn secured(mut response: HttpResponseBuilder, origins: &[&str]) -> HttpResponseBuilder {
    let mut policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'self'"
        .to_owned();
    for origin in origins.iter().filter(|origin| is_source(origin)) {
        policy.push(' ');
        policy.push_str(origin);
    }
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // Not `no-referrer`: browsers would say `Origin: null` with every form, which says nothing about where it comes from.
        .insert_header((REFERRER_POLICY, "same-origin"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PERMISSIONS_POLICY, HeaderValue::from_static(NO_PERMISSIONS)));
    response
}

/// Whether a text is one source of a policy, and not the beginning of another directive.
fn is_source(origin: &str) -> bool {
    !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic() && !b"';,\"".contains(&byte))
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const NO_PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = "<p>{{ name }}</p>", ext = "html")]
    struct Named<'a> {
        name: &'a str,
    }

    #[test]
    fn a_page_escapes_what_it_shows_and_lets_nothing_in() {
        let page = render(StatusCode::OK, &Named { name: "<script>alert(1)</script>" }).unwrap();
        let header = |name: &str| page.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && policy.ends_with("form-action 'self'"), "{policy}");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("x-frame-options"), "DENY");
        let html = Named { name: "<script>" }.render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
    }

    #[test]
    fn a_form_may_lead_to_an_origin_and_nothing_else_gets_into_the_policy() {
        let policy = |origin: &str| {
            let page = render_leading_to(StatusCode::OK, &Named { name: "" }, &[origin]).unwrap();
            page.headers().get("content-security-policy").unwrap().to_str().unwrap().to_owned()
        };
        assert!(policy("https://app.example").ends_with("form-action 'self' https://app.example"));
        for wrong in ["https://a.example; script-src *", "'unsafe-inline'", "a b", "", "x\r\ny"] {
            assert!(policy(wrong).ends_with("form-action 'self'"), "{wrong}");
        }
    }

    #[test]
    fn the_stylesheet_needs_nothing_from_elsewhere() {
        for foreign in ["@import", "url(", "http"] {
            assert!(!STYLE.contains(foreign), "{foreign}");
        }
    }
}
