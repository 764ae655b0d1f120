//! Authorization requests that apps push (RFC 9126), and attacks on them.

use nexus_tests::{Answer, Node, Store};
use serde_json::json;

use super::{
    Browser, CALLBACK, Platform, Registered, basic, encoded, error_of, options, parameter, request,
    send_form, token_of,
};

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// The fields of a request; what is `changed` replaces what is usual.
fn fields(client: &Registered, changed: &[(&str, &str)]) -> Vec<(String, String)> {
    let query = format!("?{}", request(client, changed));
    let names = query[1..].split('&').map(|pair| pair.split('=').next().unwrap().to_owned());
    names.map(|name| (name.clone(), parameter(&query, &name).unwrap())).collect()
}

impl Platform {
    fn push(&self, client: &Registered, changed: &[(&str, &str)]) -> Answer {
        let fields = fields(client, changed);
        let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
        self.form("/oauth/par", &fields)
    }

    fn reference(&self, client: &Registered) -> String {
        let pushed = self.push(client, &[]).expect(201);
        assert_eq!(pushed.header("cache-control"), Some("no-store"));
        let pushed = pushed.json();
        assert_eq!(pushed["expires_in"], 60);
        let reference = pushed["request_uri"].as_str().unwrap().to_owned();
        assert!(reference.starts_with(PREFIX), "{reference}");
        reference
    }
}

/// The query with which somebody is sent.
fn query(client: &Registered, reference: &str) -> String {
    encoded(&[("client_id", &client.client_id), ("request_uri", reference)])
}

fn decide(browser: &mut Browser, page: &Answer, query: &str, decision: &str) -> Answer {
    let fields = [("csrf", &*token_of(page)), ("request", query), ("decision", decision)];
    browser.post("/oauth/authorize", &fields)
}

#[test]
fn an_app_pushes_its_request_and_somebody_decides_on_it_once() {
    let platform = Platform::new();
    let client = platform.register(json!({"require_pushed_authorization_requests": true}));
    let reference = platform.reference(&client);
    let (query, mut browser) = (query(&client, &reference), platform.signed_in());
    let path = format!("/oauth/authorize?{query}");
    let page = browser.get(&path).expect(200);
    assert!(page.text().contains("See your payments"), "{}", page.text());
    assert_eq!(browser.get(&path).status, 200, "a page is loaded anew before somebody decides");
    let sent = decide(&mut browser, &page, &query, "allow").expect(303);
    let address = sent.header("location").unwrap();
    assert!(address.starts_with(CALLBACK), "{address}");
    assert_eq!(parameter(address, "state").as_deref(), Some("af0ifjsldkj"));
    let _tokens = platform.redeem(&client, &parameter(address, "code").unwrap()).expect(200);
    for again in [browser.get(&path), decide(&mut browser, &page, &query, "allow")] {
        assert_eq!((again.status, again.header("location")), (400, None));
        assert!(again.text().contains("This request is over"));
    }

    let other = platform.reference(&client);
    let query = self::query(&client, &other);
    let page = browser.get(&format!("/oauth/authorize?{query}")).expect(200);
    let denied = decide(&mut browser, &page, &query, "deny").expect(303);
    assert_eq!(parameter(denied.header("location").unwrap(), "error").as_deref(), Some("access_denied"));
    assert_eq!(decide(&mut browser, &page, &query, "allow").status, 400, "who denied has decided");
}

#[test]
fn whoever_is_not_signed_in_does_that_and_finds_the_request() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let query = query(&client, &platform.reference(&client));
    let sent = Browser::new(&platform.node.url()).get(&format!("/oauth/authorize?{query}")).expect(303);
    let next = parameter(sent.header("location").unwrap(), "next").unwrap();
    let page = platform.signed_in().get(&next).expect(200);
    assert!(page.text().contains("read:payments"));
}

#[test]
fn what_was_pushed_to_one_api_node_is_shown_by_another_and_after_a_crash() {
    for store in nexus_tests::stores() {
        let mut platform = Platform::on(store);
        let client = platform.register(json!({}));
        let query = query(&client, &platform.reference(&client));
        if platform.store.url().starts_with("sqlite:") {
            // A file is for one process: the next one takes its place.
            platform.node.kill();
            platform.node = platform.node.start_again();
            assert!(parameter(&platform.agree(&mut platform.signed_in(), &query), "code").is_some());
            continue;
        }
        let issuer = format!("\"{}\"", platform.node.url());
        let other = Node::serve(&platform.store, &options().set("server.public_url", &issuer));
        let mut browser = platform.signed_in();
        let page = browser.at(&other.url()).get(&format!("/oauth/authorize?{query}")).expect(200);
        let sent = decide(&mut browser, &page, &query, "allow").expect(303);
        assert!(parameter(sent.header("location").unwrap(), "code").is_some());
        assert_eq!(decide(browser.at(&platform.node.url()), &page, &query, "allow").status, 400);
    }
}

#[test]
fn a_reference_is_good_for_its_client_alone_and_nothing_beside_it_counts() {
    let platform = Platform::new();
    let (client, other) = (platform.register(json!({})), platform.register(json!({"name": "Other"})));
    let reference = platform.reference(&client);
    let mut browser = platform.signed_in();
    let made_up = format!("{PREFIX}{}", "0".repeat(39));
    for (client, reference) in [
        (&other, &*reference),
        (&client, &*made_up),
        (&client, PREFIX),
        (&client, &reference[..reference.len() - 1]),
    ] {
        let refused = browser.get(&format!("/oauth/authorize?{}", query(client, reference)));
        assert_eq!((refused.status, refused.header("location")), (400, None), "{reference}");
    }
    // What somebody writes beside the reference is not the client's.
    let beside = encoded(&[("scope", "write:users"), ("redirect_uri", "https://evil.example/")]);
    let query = format!("{}&{beside}", query(&client, &reference));
    let page = browser.get(&format!("/oauth/authorize?{query}")).expect(200);
    assert!(page.text().contains("https://app.example") && !page.text().contains("write:users"));
    let sent = decide(&mut browser, &page, &query, "allow").expect(303);
    assert!(sent.header("location").unwrap().starts_with(&format!("{CALLBACK}?code=")));
}

#[test]
fn a_client_that_must_push_is_refused_what_it_did_not_push() {
    let platform = Platform::new();
    let client = platform.register(json!({"require_pushed_authorization_requests": true}));
    let answer = platform.signed_in().get(&format!("/oauth/authorize?{}", request(&client, &[]))).expect(303);
    let address = answer.header("location").unwrap();
    assert_eq!(parameter(address, "error").as_deref(), Some("invalid_request"), "{address}");
    assert!(parameter(address, "error_description").unwrap().contains("/oauth/par"));
    let shown = platform.admin().get(&platform.maker.path(&format!("/clients/{}", client.id))).expect(200);
    assert_eq!(shown.json()["require_pushed_authorization_requests"], true);
}

#[test]
fn what_is_wrong_is_told_when_it_is_pushed() {
    let platform = Platform::new();
    let client = platform.register(json!({"requires_pkce": true}));
    for (changed, error) in [
        (("redirect_uri", ""), "invalid_request"),
        (("redirect_uri", "https://evil.example/"), "invalid_request"),
        (("redirect_uri", "https://app.example/callback/"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "read:users write:users"), "invalid_scope"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("state", &*"s".repeat(2049)), "invalid_request"),
        (("request", "x.y.z"), "request_not_supported"),
        (("request_uri", "https://app.example/request.jwt"), "invalid_request"),
    ] {
        assert_eq!(error_of(&platform.push(&client, &[changed]), 400), error, "{changed:?}");
    }
    let unproved = Registered { secret: None, ..client.clone() };
    let mistaken = Registered { secret: Some("nx_secret_wrong".into()), ..client.clone() };
    for wrong in [unproved, mistaken] {
        assert_eq!(error_of(&platform.push(&wrong, &[]), 401), "invalid_client");
    }
    let server = platform.server();
    assert_eq!(error_of(&platform.push(&server, &[]), 400), "unauthorized_client");
    let outside = ("request_uri", "https://app.example/request.jwt");
    let refused = platform.signed_in().get(&format!("/oauth/authorize?{}", request(&client, &[outside])));
    let address = refused.expect(303).header("location").unwrap().to_owned();
    assert_eq!(parameter(&address, "error").as_deref(), Some("request_uri_not_supported"));
}

#[test]
fn case_22_a_pushed_request_proves_its_client_in_one_way() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let public = platform.register(json!({"name": "Phone", "authentication": "none"}));
    assert!(platform.reference(&public).starts_with(PREFIX), "with its id alone, and PKCE");
    let with_basic = platform.node.client().header("authorization", &basic(&client));
    let fields = fields(&client, &[]);
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let _pushed = send_form(&with_basic, "/oauth/par", &fields).expect(201);
    fields.push(("client_secret", client.secret.as_deref().unwrap()));
    assert_eq!(error_of(&send_form(&with_basic, "/oauth/par", &fields), 400), "invalid_request");
}

#[test]
fn pushing_counts_as_an_attempt_to_authenticate() {
    let limited = options().set("authentication.failures_per_minute", "2");
    let platform = Platform::with(Store::sqlite(), &limited);
    let client = platform.register(json!({}));
    let mistaken = Registered { secret: Some("nx_secret_wrong".into()), ..client.clone() };
    for _ in 0..2 {
        assert_eq!(error_of(&platform.push(&mistaken, &[]), 401), "invalid_client");
    }
    let refused = platform.push(&client, &[]);
    assert_eq!(error_of(&refused, 429), "temporarily_unavailable");
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn the_metadata_say_where_to_push() {
    let platform = Platform::new();
    let metadata = platform.node.client().get("/.well-known/oauth-authorization-server").expect(200).json();
    let endpoint = format!("{}/oauth/par", platform.node.url());
    assert_eq!(metadata["pushed_authorization_request_endpoint"], endpoint.as_str());
    assert_eq!(metadata["require_pushed_authorization_requests"], false);
}
