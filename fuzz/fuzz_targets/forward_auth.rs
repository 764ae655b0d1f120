//! Forward auth, from its path and query to the headers of proxies and callers: a request is answered, and nobody gets a 200 without
//! a live credential, or over plain HTTP where the dialect is for HTTPS alone.
#![no_main]

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use nexus_fuzz::headers_of;
use nexus_fuzz::node::{Node, TRUSTED};

thread_local! {
    static NODE: Node = Node::new();
}

fuzz_target!(|text: &str| {
    // The first line is `METHOD DIALECT-AND-QUERY`, each further one a header.
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let Some((method, target)) = first.split_once(' ') else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    let Ok(uri) = format!("/v1/forward-auth/{target}").parse::<Uri>() else { return };
    let mut request = actix_http::Request::new();
    request.head_mut().method = method;
    request.head_mut().uri = uri;
    let trusted = !rest.contains("x-fuzzed-peer");
    let peer = if trusted { TRUSTED } else { [192, 0, 2, 1] };
    request.head_mut().peer_addr = Some((peer, 1).into());
    let mut schemes = Vec::new();
    for (name, value) in headers_of(rest) {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) else {
            continue;
        };
        if name == "x-forwarded-proto" {
            schemes.push(value.as_bytes().to_ascii_lowercase());
        }
        request.headers_mut().append(name, value);
    }
    let path = request.path().to_owned();
    let (status, has_body) = NODE.with(|node| node.ask(request));
    assert!(matches!(status, 200 | 400 | 401 | 403 | 404 | 405 | 429 | 503), "{status}");
    assert!(status == 200 || has_body, "{status} without a word");
    if status == 200 {
        NODE.with(|node| assert!(node.secrets().iter().any(|secret| rest.contains(secret)), "{text}"));
        let all_https = schemes.iter().all(|said| !said.windows(5).any(|part| part == b"http,"));
        let ends_in_https =
            schemes.last().is_some_and(|said| said.ends_with(b"https") || said.ends_with(b"https "));
        if path.starts_with("/v1/forward-auth/nexuscore") {
            assert!(trusted && all_https && ends_in_https, "{text}");
        }
    }
});
