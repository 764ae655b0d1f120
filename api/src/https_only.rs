//! `server.https_only`: a request that did not come over HTTPS is refused in front of every route but those of health, and never
//! redirected: whoever is sent on would send the credential in the clear first, every time.

use actix_http::{Request, RequestHead, Response};
use actix_web::body::BoxBody;
use actix_web::http::header::FORWARDED;

use crate::problem::{self, Problem};
use crate::request::{REQUEST_ID, from_trusted_proxy, told};
use crate::verification::Verifier;
use crate::verification::hot::{Headers, HotRequest, OverTls, Stated};

/// Load balancers ask these themselves, from within, and nobody shows a credential there.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// The refusal of a request that came over plain HTTP, where that is to be refused.
pub(crate) fn refusal(request: &Request, verifier: &Verifier) -> Option<Response<BoxBody>> {
    if !verifier.https_only || HEALTH.contains(&request.path()) || came_safely(request, verifier) {
        return None;
    }
    let believed = from_trusted_proxy(request.head(), &verifier.trusted_proxies);
    let detail = if believed {
        "the proxy in front does not say that the request came over HTTPS; write https:// in the address, and let the proxy set `X-Forwarded-Proto: https` for what came so. Replace a credential that was sent over plain HTTP"
    } else {
        "the request came over plain HTTP; write https:// in the address, or let the proxy that ends TLS stand in `server.trusted_proxies`. Replace a credential that was sent"
    };
    let hot = HotRequest::of(request, verifier);
    tracing::debug!(
        request_id = hot.id.as_str(),
        path = request.path(),
        "a request over plain HTTP was refused"
    );
    let mut response: Response<BoxBody> =
        told(&Problem::new(&problem::HTTPS_REQUIRED, detail), &hot.id).into();
    response.headers_mut().insert(REQUEST_ID, hot.id.into_header());
    Some(response)
}

fn came_safely(request: &Request, verifier: &Verifier) -> bool {
    if from_trusted_proxy(request.head(), &verifier.trusted_proxies) {
        // What the proxy does not say, its own connection does not tell.
        forwarded_over_https(request.head())
    } else {
        request.conn_data::<OverTls>().is_some()
    }
}

/// Whether a proxy says so, in `X-Forwarded-Proto` or in `Forwarded` (RFC 7239). Where it sets one and passes a caller's other
/// one on, both must say so: a forged one can make it worse and not better.
fn forwarded_over_https(head: &RequestHead) -> bool {
    let (last, all) = forwarded(head);
    let headers = Headers::of(head);
    match headers.forwarded_proto {
        Stated::Not => all && last,
        Stated::Once(_) | Stated::Contradicted => all && headers.forwarded_over_https(),
    }
}

/// What `Forwarded` says: whether its last element, which the nearest proxy wrote, names HTTPS, and whether no element names
/// anything else. Commas and semicolons between quotes divide as well, so that nobody hides an element behind a quote of their own.
fn forwarded(head: &RequestHead) -> (bool, bool) {
    let (mut last, mut all) = (false, true);
    for value in head.headers.get_all(FORWARDED) {
        let Ok(text) = value.to_str() else { return (false, false) };
        for element in text.split(',') {
            last = false;
            for pair in element.split(';') {
                let Some((name, value)) = pair.split_once('=') else { continue };
                if name.trim().eq_ignore_ascii_case("proto") {
                    let is_https = value.trim().trim_matches('"').eq_ignore_ascii_case("https");
                    (last, all) = (is_https, all && is_https);
                }
            }
        }
    }
    (last, all)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn https_is_what_the_nearest_proxy_says_and_nobody_contradicts() {
        let safely = |headers: &[(&str, &str)]| {
            let request = headers.iter().fold(TestRequest::default(), |r, header| r.append_header(*header));
            forwarded_over_https(request.to_http_request().head())
        };
        let (proto, forwarded) = ("x-forwarded-proto", "forwarded");
        for (headers, expected) in [
            (&[][..], false),
            (&[(proto, "https")], true),
            (&[(proto, "http")], false),
            (&[(proto, "https, http")], false),
            (&[(forwarded, "for=192.0.2.1;proto=https")], true),
            (&[(forwarded, "for=192.0.2.1; Proto=\"HTTPS\";by=10.0.0.1")], true),
            (&[(forwarded, "proto=http")], false),
            (&[(forwarded, "for=192.0.2.1")], false),
            (&[(forwarded, "proto=https, for=192.0.2.1")], false),
            (&[(forwarded, "proto=http, proto=https")], false),
            (&[(forwarded, "for=192.0.2.1, proto=https")], true),
            (&[(forwarded, "proto=https"), (forwarded, "for=192.0.2.1")], false),
            (&[(forwarded, "for=\"x, for=192.0.2.1;proto=http")], false),
            (&[(forwarded, "proto=https;proto=http")], false),
            (&[(proto, "https"), (forwarded, "for=192.0.2.1")], true),
            (&[(proto, "https"), (forwarded, "proto=http")], false),
            (&[(proto, "http"), (forwarded, "proto=https")], false),
            (&[(proto, "https"), (forwarded, "proto=https")], true),
            (&[(forwarded, "proto=https\u{e4}")], false),
        ] {
            assert_eq!(safely(headers), expected, "{headers:?}");
        }
    }
}
