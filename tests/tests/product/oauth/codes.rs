//! The authorization code flow, and attacks on it.

use std::sync::Arc;
use std::thread;

use nexus_tests::Store;
use serde_json::json;

use super::{CALLBACK, Platform, VERIFIER, error_of, parameter, request};

#[test]
fn somebody_agrees_and_the_app_gets_tokens_that_open_their_tenants_data() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let address = platform.agree(&mut platform.signed_in(), &request(&client, &[("scope", "read:users")]));
    assert!(address.starts_with(&format!("{CALLBACK}?code=nx_code_")), "{address}");
    assert_eq!(parameter(&address, "state").as_deref(), Some("af0ifjsldkj"));
    assert_eq!(parameter(&address, "iss"), Some(platform.node.url()));
    let code = parameter(&address, "code").unwrap();
    let tokens = platform.redeem(&client, &code).expect(200).json();
    assert_eq!((&tokens["scope"], &tokens["expires_in"]), (&json!("read:users"), &json!(3600)));
    assert!(tokens["refresh_token"].as_str().unwrap().starts_with("nx_refresh_"));
    let verdict = platform.verdict(&tokens["access_token"]);
    assert_eq!((&verdict["code"], &verdict["tenant_id"]), (&json!("VALID"), &json!(platform.user.id)));
    let listed = platform.admin().list(&platform.user.path("/tokens"), 50);
    let mut kinds: Vec<&str> = listed.iter().map(|token| token["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["access", "refresh"], "{listed:?}");
    assert!(listed.iter().all(|token| token["subject"] == platform.member.as_str()));
    assert!(platform.admin().list(&platform.maker.path("/tokens"), 50).is_empty(), "it is not theirs");
}

#[test]
fn whoever_looks_after_a_tenant_takes_a_grant_back_with_all_its_tokens() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let tokens = platform.redeem(&client, &platform.code(&client)).expect(200).json();
    let listed = platform.admin().list(&platform.user.path("/tokens"), 50);
    let grant = listed.iter().find(|token| token["kind"] == "refresh").unwrap()["id"].as_str().unwrap();
    let path = |tenant: &nexus_tests::Tenant| tenant.path(&format!("/tokens/{grant}/revoke"));
    assert_eq!(
        platform.admin().post(&path(&platform.maker), &json!({})).status,
        404,
        "not whoever made the app"
    );
    let revoked = platform.admin().post(&path(&platform.user), &json!({})).expect(200).json();
    let _done = nexus_tests::receipt(&revoked);
    assert_eq!(platform.code_of(&tokens["access_token"]), "REVOKED");
    let refused = platform.refresh(&client, tokens["refresh_token"].as_str().unwrap());
    assert_eq!(error_of(&refused, 400), "invalid_grant");
}

#[test]
fn case_15_a_code_that_comes_twice_is_refused_and_what_it_gave_is_revoked() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let code = platform.code(&client);
    let tokens = platform.redeem(&client, &code).expect(200).json();
    let other = platform.redeem(&client, &platform.code(&client)).expect(200).json();
    assert_eq!(error_of(&platform.redeem(&client, &code), 400), "invalid_grant");
    assert_eq!(platform.code_of(&tokens["access_token"]), "REVOKED");
    let refused = platform.refresh(&client, tokens["refresh_token"].as_str().unwrap());
    assert_eq!(error_of(&refused, 400), "invalid_grant");
    assert_eq!(platform.code_of(&other["access_token"]), "VALID", "another consent lives on");
    let _done = platform.refresh(&client, other["refresh_token"].as_str().unwrap()).expect(200);
}

#[test]
fn case_16_of_fifty_who_redeem_a_code_at_once_exactly_one_gets_tokens() {
    for store in nexus_tests::stores() {
        let platform = Arc::new(Platform::on(store));
        let client = platform.register(json!({}));
        let code = platform.code(&client);
        let all: Vec<_> = (0..50)
            .map(|_| {
                let (platform, client, code) = (Arc::clone(&platform), client.clone(), code.clone());
                thread::spawn(move || platform.redeem(&client, &code))
            })
            .collect();
        let answers: Vec<_> = all.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(error_of(refused, 400), "invalid_grant");
        }
    }
}

#[test]
fn case_17_a_code_is_good_for_its_client_and_redirect_uri_alone() {
    let platform = Platform::new();
    let client = platform.register(json!({"redirect_uris": [CALLBACK, "https://app.example/other"]}));
    let other = platform.register(json!({"name": "Other"}));
    let code = platform.code(&client);
    assert_eq!(error_of(&platform.redeem(&other, &code), 400), "invalid_grant");
    let with = |redirect_uri: Option<&str>| {
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
        fields.extend(redirect_uri.map(|uri| ("redirect_uri", uri)));
        platform.as_client(&client, "/oauth/token", &fields)
    };
    for wrong in [
        None,
        Some("https://app.example/other"),
        Some("https://app.example/callback/"),
        Some("https://APP.example/callback"),
    ] {
        assert_eq!(error_of(&with(wrong), 400), "invalid_grant", "{wrong:?}");
    }
    let _done = with(Some(CALLBACK)).expect(200);
}

#[test]
fn case_18_the_verifier_is_the_one_that_the_challenge_was_made_of() {
    let platform = Platform::new();
    let client = platform.register(json!({"requires_pkce": true}));
    let with = |code: &str, verifier: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        platform.as_client(&client, "/oauth/token", &fields)
    };
    let code = platform.code(&client);
    let (short, long) = (&VERIFIER[..42], format!("{VERIFIER}{}", "a".repeat(86)));
    for wrong in ["", short, long.as_str(), &VERIFIER.replace('d', "e")] {
        assert_eq!(error_of(&with(&code, wrong), 400), "invalid_grant", "{wrong}");
    }
    let _done = with(&code, VERIFIER).expect(200);

    let refused = |changed: &[(&str, &str)]| {
        let mut browser = platform.signed_in();
        let answer = browser.get(&format!("/oauth/authorize?{}", request(&client, changed))).expect(303);
        parameter(answer.header("location").unwrap(), "error").unwrap()
    };
    assert_eq!(refused(&[("code_challenge_method", "plain")]), "invalid_request");
    assert_eq!(refused(&[("code_challenge_method", "")]), "invalid_request", "plain, where it is left out");
    assert_eq!(refused(&[("code_challenge", "")]), "invalid_request");
    assert_eq!(
        refused(&[("code_challenge", ""), ("code_challenge_method", "")]),
        "invalid_request",
        "needed"
    );
    assert_eq!(refused(&[("code_challenge", "short")]), "invalid_request");

    let trusted = platform.register(json!({}));
    let query = request(&trusted, &[("code_challenge", ""), ("code_challenge_method", "")]);
    let code = parameter(&platform.agree(&mut platform.signed_in(), &query), "code").unwrap();
    assert_eq!(
        error_of(&platform.redeem(&trusted, &code), 400),
        "invalid_grant",
        "a verifier without a challenge"
    );
}

#[test]
fn case_23_a_code_is_spent_with_what_it_gives_or_not_at_all() {
    let mut platform = Platform::on(Store::sqlite());
    let client = platform.register(json!({}));
    let code = platform.code(&client);
    let log = || platform.admin().get("/v1/events?after=0&limit=200").expect(200).text();
    let before = log();
    assert!(!before.contains("grant.code_redeemed") && !before.contains("token.issued"));
    let tokens = platform.redeem(&client, &code).expect(200).json();
    // Redemption and issue stand side by side: they were one append, which a crash has or has not.
    let trail = platform.admin().list(&platform.user.path("/audit"), 50);
    let position = |action: &str| {
        trail.iter().find(|entry| entry["action"] == action).unwrap()["position"].as_u64().unwrap()
    };
    assert_eq!(position("token.issued"), position("grant.code_redeemed") + 1);
    platform.node.kill();
    platform.node = platform.node.start_again();
    assert_eq!(
        platform.code_of(&tokens["access_token"]),
        "VALID",
        "what was answered is there after the crash"
    );
    assert_eq!(error_of(&platform.redeem(&client, &code), 400), "invalid_grant", "and the code stays spent");
}

#[test]
fn a_suspended_tenant_opens_nothing_and_its_apps_get_nothing() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let tokens = platform.redeem(&client, &platform.code(&client)).expect(200).json();
    for tenant in [&platform.user, &platform.maker] {
        let _done = platform.admin().post(&tenant.path("/suspend"), &json!({})).expect(200);
        assert_eq!(platform.code_of(&tokens["access_token"]), "TENANT_SUSPENDED");
        let refused = platform.refresh(&client, tokens["refresh_token"].as_str().unwrap());
        assert_eq!(error_of(&refused, 400), "unauthorized_client");
        let _done = platform.admin().post(&tenant.path("/resume"), &json!({})).expect(200);
        assert_eq!(platform.code_of(&tokens["access_token"]), "VALID");
    }
    let _done = platform.refresh(&client, tokens["refresh_token"].as_str().unwrap()).expect(200);
}
