//! Refresh tokens, and attacks on them.

use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use super::{Platform, Registered, error_of};

fn family(platform: &Platform, client: &Registered) -> Value {
    platform.redeem(client, &platform.code(client)).expect(200).json()
}

fn refresh_token(tokens: &Value) -> &str {
    tokens["refresh_token"].as_str().expect("a refresh token")
}

#[test]
fn refreshing_needs_no_new_consent_and_spends_the_token() {
    let platform = Platform::new();
    let client = platform.register(json!({"authentication": "none"}));
    let first = family(&platform, &client);
    let second = platform.refresh(&client, refresh_token(&first)).expect(200).json();
    assert_ne!(refresh_token(&first), refresh_token(&second));
    assert_eq!(second["scope"], first["scope"]);
    for tokens in [&first, &second] {
        assert_eq!(platform.code_of(&tokens["access_token"]), "VALID");
    }
    let asked = platform.as_client(
        &platform.register(json!({"name": "Other"})),
        "/oauth/token",
        &[("grant_type", "refresh_token"), ("refresh_token", refresh_token(&second))],
    );
    assert_eq!(error_of(&asked, 400), "invalid_grant", "another client's");
    let _done = platform.refresh(&client, refresh_token(&second)).expect(200);
}

#[test]
fn case_12_neither_refresh_tokens_nor_codes_are_access_tokens() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let code = platform.code(&client);
    assert_eq!(platform.code_of(&json!(code)), "MALFORMED");
    let tokens = platform.redeem(&client, &code).expect(200).json();
    assert_eq!(platform.code_of(&tokens["refresh_token"]), "MALFORMED");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(error_of(&platform.refresh(&client, access), 400), "invalid_grant", "nor the other way round");
    assert_eq!(error_of(&platform.refresh(&client, &code), 400), "invalid_grant");
}

#[test]
fn case_19_a_spent_refresh_token_that_comes_again_ends_its_family_and_no_other() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let (first, other) = (family(&platform, &client), family(&platform, &client));
    let second = platform.refresh(&client, refresh_token(&first)).expect(200).json();
    assert_eq!(error_of(&platform.refresh(&client, refresh_token(&first)), 400), "invalid_grant");
    assert_eq!(error_of(&platform.refresh(&client, refresh_token(&second)), 400), "invalid_grant");
    for tokens in [&first, &second] {
        assert_eq!(platform.code_of(&tokens["access_token"]), "REVOKED");
    }
    assert_eq!(platform.code_of(&other["access_token"]), "VALID");
    let _done = platform.refresh(&client, refresh_token(&other)).expect(200);
    let trail = platform.admin().list(&platform.user.path("/audit?action=grant.refresh_reuse_detected"), 50);
    assert_eq!(trail.len(), 1, "{trail:?}");
}

#[test]
fn case_20_of_many_who_refresh_at_once_at_most_one_gets_tokens() {
    let platform = Arc::new(Platform::new());
    let client = platform.register(json!({}));
    let tokens = family(&platform, &client);
    let all: Vec<_> = (0..20)
        .map(|_| {
            let (platform, client, tokens) = (Arc::clone(&platform), client.clone(), tokens.clone());
            thread::spawn(move || platform.refresh(&client, refresh_token(&tokens)).status)
        })
        .collect();
    let statuses: Vec<u16> = all.into_iter().map(|one| one.join().unwrap()).collect();
    assert!(statuses.iter().filter(|status| **status == 200).count() <= 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 400].contains(status)), "{statuses:?}");
}

#[test]
fn case_21_refreshing_narrows_and_never_widens() {
    let platform = Platform::new();
    let client = platform.register(json!({"scopes": ["read:users", "read:payments", "write:users"]}));
    let tokens = family(&platform, &client);
    let asking = |token: &str, scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        platform.as_client(&client, "/oauth/token", &fields)
    };
    let wider = asking(refresh_token(&tokens), "read:users write:users");
    assert_eq!(error_of(&wider, 400), "invalid_scope", "not what the client has, but what was agreed to");
    let narrowed = asking(refresh_token(&tokens), "read:users").expect(200).json();
    assert_eq!(narrowed["scope"], "read:users");
    let whole = platform.refresh(&client, refresh_token(&narrowed)).expect(200).json();
    assert_eq!(whole["scope"], tokens["scope"], "what was agreed to stays");
}

#[test]
fn a_client_gives_a_refresh_token_back_and_all_that_it_gave() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let first = family(&platform, &client);
    let second = platform.refresh(&client, refresh_token(&first)).expect(200).json();
    let introspect = |token: &str| {
        platform.as_client(&client, "/oauth/introspect", &[("token", token)]).expect(200).json()["active"]
            .clone()
    };
    assert_eq!(introspect(refresh_token(&second)), true);
    assert_eq!(introspect(refresh_token(&first)), false, "spent");
    let stranger = platform.register(json!({"name": "Other"}));
    let _done =
        platform.as_client(&stranger, "/oauth/revoke", &[("token", refresh_token(&second))]).expect(200);
    assert_eq!(introspect(refresh_token(&second)), true, "not theirs to give");
    let _done =
        platform.as_client(&client, "/oauth/revoke", &[("token", refresh_token(&second))]).expect(200);
    assert_eq!(introspect(refresh_token(&second)), false);
    for tokens in [&first, &second] {
        assert_eq!(platform.code_of(&tokens["access_token"]), "REVOKED");
    }
}

#[test]
fn what_a_removed_member_agreed_to_gives_nothing_more() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let tokens = platform.redeem(&client, &platform.code(&client)).expect(200).json();
    let code = platform.code(&client);
    let member = platform.user.path(&format!("/members/{}", platform.member));
    let _gone = platform.admin().send("DELETE", &member, None).expect(204);
    let refused = platform.refresh(&client, tokens["refresh_token"].as_str().unwrap());
    assert_eq!(error_of(&refused, 400), "invalid_grant");
    assert_eq!(error_of(&platform.redeem(&client, &code), 400), "invalid_grant");
}
