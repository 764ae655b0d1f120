//! The page that asks for consent, and attacks on it.

use serde_json::json;

use super::{Browser, CALLBACK, Platform, parameter, request, token_of};

#[test]
fn the_page_shows_who_asks_for_what_and_where_it_leads() {
    let platform = Platform::new();
    let client = platform.register(json!({"name": "<script>alert(1)</script>"}));
    let page = platform.signed_in().get(&format!("/oauth/authorize?{}", request(&client, &[]))).expect(200);
    let text = page.text();
    for shown in
        ["See your users", "See your payments", "read:users", "Tenant of nexus", "https://app.example"]
    {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    assert!(!text.contains("<script>"), "names are escaped");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("form-action 'self' https://app.example"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

#[test]
fn whoever_is_not_signed_in_does_that_first_and_comes_back() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let query = request(&client, &[]);
    let sent = Browser::new(&platform.node.url()).get(&format!("/oauth/authorize?{query}")).expect(303);
    let address = sent.header("location").unwrap();
    assert!(address.starts_with("/sign-in?next="), "{address}");
    assert_eq!(parameter(address, "next").unwrap(), format!("/oauth/authorize?{query}"));
}

#[test]
fn whoever_does_not_agree_says_so_to_the_app() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let query = request(&client, &[]);
    let mut browser = platform.signed_in();
    let page = browser.get(&format!("/oauth/authorize?{query}")).expect(200);
    let decide = |browser: &mut Browser, decision: &str| {
        let fields =
            [("csrf", token_of(&page)), ("request", query.clone()), ("decision", decision.to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/oauth/authorize", &fields)
    };
    let address = decide(&mut browser, "deny").expect(303).header("location").unwrap().to_owned();
    assert!(address.starts_with(CALLBACK), "{address}");
    assert_eq!(parameter(&address, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&address, "state").as_deref(), Some("af0ifjsldkj"));
    assert_eq!(decide(&mut browser, "perhaps").status, 400);
    assert!(platform.admin().list(&platform.user.path("/audit?action=grant.consent_granted"), 50).is_empty());
}

#[test]
fn whoever_may_only_read_gives_nobody_access() {
    let platform = Platform::new();
    let body = json!({"email": "eve@example.com", "role": "auditor", "password": super::PASSWORD});
    let _made = platform.admin().post(&platform.user.path("/members"), &body).expect(201);
    let client = platform.register(json!({}));
    let query = request(&client, &[]);
    let refused = |address: &str| {
        assert!(address.starts_with(CALLBACK), "{address}");
        assert_eq!(parameter(address, "error").as_deref(), Some("access_denied"));
    };
    let mut browser = platform.signed_in_as("eve@example.com");
    refused(browser.get(&format!("/oauth/authorize?{query}")).expect(303).header("location").unwrap());
    let home = browser.get("/").expect(200);
    let fields = [("csrf", &*token_of(&home)), ("request", &query), ("decision", "allow")];
    refused(browser.post("/oauth/authorize", &fields).expect(303).header("location").unwrap());
}

#[test]
fn case_24_a_redirect_uri_is_compared_byte_for_byte_and_nothing_is_sent_to_another() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let server = platform.server();
    let (mut guest, mut member) = (Browser::new(&platform.node.url()), platform.signed_in());
    let revoked = platform.register(json!({"name": "Gone"}));
    let path = platform.maker.path(&format!("/clients/{}/revoke", revoked.id));
    let _done = platform.admin().post(&path, &json!({})).expect(200);
    let wrong = |uri: &str| request(&client, &[("redirect_uri", uri)]);
    for query in [
        wrong(""),
        wrong("https://evil.example/"),
        wrong("https://app.example/callback/"),
        wrong("https://app.example/callback?x=1"),
        wrong("https://APP.example/callback"),
        wrong("https://app.example:443/callback"),
        wrong("https://app.example/callback%2F"),
        wrong("https://app.example/../callback"),
        wrong("//app.example/callback"),
        request(&client, &[("client_id", "")]),
        request(&client, &[("client_id", "nx_client_00000000000000000000000000000000")]),
        request(&server, &[]),
        request(&revoked, &[]),
        format!("{}&redirect_uri=https%3A%2F%2Fevil.example", request(&client, &[])),
    ] {
        for browser in [&mut guest, &mut member] {
            let answer = browser.get(&format!("/oauth/authorize?{query}"));
            assert_eq!(answer.status, 400, "{query}");
            assert_eq!(answer.header("location"), None, "{query}");
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        }
    }
    for (changed, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "read:users write:users"), "invalid_scope"),
        (("scope", "read:\"users"), "invalid_scope"),
        (("request", "x.y.z"), "request_not_supported"),
    ] {
        let answer = member.get(&format!("/oauth/authorize?{}", request(&client, &[changed]))).expect(303);
        let address = answer.header("location").unwrap();
        // The implicit grant looks behind the `#` (RFC 6749 section 4.2.2.1).
        let mark = if changed.1 == "token" { "#" } else { "?" };
        assert!(address.starts_with(&format!("{CALLBACK}{mark}error={error}&")), "{changed:?}: {address}");
        let address = &address.replacen(mark, "?", 1);
        assert_eq!(parameter(address, "state").as_deref(), Some("af0ifjsldkj"));
        assert_eq!(parameter(address, "iss"), Some(platform.node.url()));
    }
    for (repeated, state) in [("scope=read%3Ausers", Some("af0ifjsldkj")), ("state=b", None)] {
        let query = format!("{}&{repeated}", request(&client, &[]));
        let answer = member.get(&format!("/oauth/authorize?{query}")).expect(303);
        let address = answer.header("location").unwrap();
        assert!(address.starts_with(&format!("{CALLBACK}?error=invalid_request&")), "{address}");
        assert_eq!(parameter(address, "state").as_deref(), state);
    }
}

#[test]
fn case_25_consent_needs_the_token_of_the_session_that_was_asked() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let query = request(&client, &[]);
    let (mut mine, mut theirs) = (platform.signed_in(), platform.signed_in());
    let path = format!("/oauth/authorize?{query}");
    let own = token_of(&mine.get(&path).expect(200));
    let foreign = token_of(&theirs.get(&path).expect(200));
    assert_ne!(own, foreign);
    for token in ["", "wrong", foreign.as_str()] {
        let fields = [("csrf", token), ("request", query.as_str()), ("decision", "allow")];
        let refused = mine.post("/oauth/authorize", &fields);
        assert_eq!((refused.status, refused.header("location")), (403, None), "{token}");
    }
    let fields = [("request", query.as_str()), ("decision", "allow")];
    assert_eq!(mine.post("/oauth/authorize", &fields).status, 403);
    let fields = [("csrf", own.as_str()), ("request", query.as_str()), ("decision", "allow")];
    let nobody = Browser::new(&platform.node.url()).post("/oauth/authorize", &fields).expect(303);
    assert!(nobody.header("location").unwrap().starts_with("/sign-in"), "a token without its session");
    assert!(platform.admin().list(&platform.user.path("/audit?action=grant.consent_granted"), 50).is_empty());
    let address = mine.post("/oauth/authorize", &fields).expect(303).header("location").unwrap().to_owned();
    assert!(parameter(&address, "code").is_some());
}

#[test]
fn somebody_of_another_product_cannot_agree() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let other = nexus_tests::Tenant::create(&platform.admin(), "nexpay");
    let body =
        json!({"email": "eve@example.com", "role": "owner", "password": "correct horse battery staple"});
    let _done = platform.admin().post(&other.path("/members"), &body).expect(201);
    let stranger = Platform { email: "eve@example.com".to_owned(), ..platform };
    let answer = stranger.signed_in().get(&format!("/oauth/authorize?{}", request(&client, &[]))).expect(303);
    assert_eq!(parameter(answer.header("location").unwrap(), "error").as_deref(), Some("access_denied"));
}
