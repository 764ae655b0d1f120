//! Forms of the authorization server, and the addresses that its answers go to: a form is read as what its writer meant, or refused
//! with a reason; an answer goes where the redirect URI goes, and carries what was put into it.
#![no_main]

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use libfuzzer_sys::fuzz_target;
use nexus_api::oauth::{Form, WayBack};
use nexus_domain::client::check_redirect;
use url::{Url, form_urlencoded};

const ISSUER: &str = "https://nexus.test";

fuzz_target!(|text: &str| {
    // The first line is a redirect URI, the rest is a form.
    let (redirect_uri, body) = text.split_once('\n').unwrap_or((text, ""));
    let posted = TestRequest::post()
        .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .to_http_request();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    match Form::read(&posted, body.as_bytes()) {
        Ok(form) => {
            for (name, value) in &pairs {
                // A second reader sees the same, and each parameter once.
                assert_eq!(pairs.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
                assert_eq!(form.get(name), Some(value.as_str()).filter(|value| !value.is_empty()));
            }
        }
        Err(refused) => assert!(!refused.description().is_empty()),
    }
    written_is_read(&pairs);
    let state = pairs.iter().find(|(name, _)| name == "state").map(|(_, value)| value.as_str());
    if check_redirect(redirect_uri).is_ok() {
        comes_back(redirect_uri, state);
    }
});

fn written_is_read(pairs: &[(String, String)]) {
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() != pairs.len() || pairs.len() > 64 {
        return;
    }
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return;
    }
    let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let form = Form::parse(&written).expect("a form as it should be");
    for (name, value) in pairs {
        assert_eq!(form.get(name).unwrap_or_default(), value);
    }
}

fn comes_back(redirect_uri: &str, state: Option<&str>) {
    let way_back = WayBack::new(redirect_uri.to_owned(), state.map(str::to_owned), ISSUER.to_owned());
    let address = way_back.with_code("nx_code_1");
    assert!(address.starts_with(redirect_uri) && address.is_ascii());
    let (Ok(registered), Ok(address)) = (Url::parse(redirect_uri), Url::parse(&address)) else { return };
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
    assert_eq!(place(&registered), place(&address));
    assert_eq!((registered.path(), address.fragment()), (address.path(), None));
    let added: Vec<(String, String)> = address
        .query_pairs()
        .skip(registered.query_pairs().count())
        .map(|(n, v)| (n.into(), v.into()))
        .collect();
    let expected = [("code", Some("nx_code_1")), ("state", state), ("iss", Some(ISSUER))];
    let expected: Vec<(String, String)> =
        expected.into_iter().filter_map(|(n, v)| Some((n.to_owned(), v?.to_owned()))).collect();
    assert_eq!(added, expected);
}
