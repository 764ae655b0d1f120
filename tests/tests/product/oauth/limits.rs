//! How often somebody may try, and how long what they got lasts: the numbers of the product's page.

use nexus_tests::{Answer, Node};
use serde_json::json;

use super::{Platform, send_form};
use crate::dialects::{Product, seconds_between};

const DAY: f64 = 86_400.0;

#[test]
fn n9_access_tokens_last_an_hour_and_refresh_tokens_30_days() {
    let platform = Platform::new();
    let client = platform.register(json!({}));
    let first = platform.redeem(&client, &platform.code(&client)).expect(200).json();
    assert_eq!(first["expires_in"], 3600);
    let refresh = first["refresh_token"].as_str().unwrap();
    let second = platform.refresh(&client, refresh).expect(200).json();
    assert_eq!((&second["expires_in"], &second["scope"]), (&json!(3600), &first["scope"]), "no new consent");
    let path = platform.user.path("/tokens");
    let listed = platform.admin().list(&path, 50);
    let lives = |kind: &str| -> Vec<f64> {
        let of_kind = listed.iter().filter(|token| token["kind"] == kind);
        of_kind.map(|token| seconds_between(&token["issued_at"], &token["expires_at"])).collect()
    };
    assert_eq!(lives("access").iter().map(|life| life.round()).collect::<Vec<_>>(), [3600.0, 3600.0]);
    let [life] = lives("refresh")[..] else { panic!("one refresh token is live: {listed:?}") };
    // Its end is counted from the consent, and its listed beginning is its last use.
    assert!((30.0 * DAY - 120.0..=30.0 * DAY).contains(&life), "{life}");
    let grant = listed.iter().find(|token| token["kind"] == "refresh").unwrap()["id"].as_str().unwrap();
    let revoked = platform.admin().post(&format!("{path}/{grant}/revoke"), &json!({}));
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let refused = platform.refresh(&client, second["refresh_token"].as_str().unwrap());
    assert_eq!(super::error_of(&refused, 400), "invalid_grant", "or until it is revoked");
}

#[test]
fn n10_an_address_has_100_requests_and_10_failed_attempts_a_minute() {
    let nexus = Product::of("nexus");
    let told = |answer: &Answer| {
        let wait = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
        assert!(wait.is_some_and(|wait| (1..=61).contains(&wait)), "{answer:?}");
    };
    let guess = |node: &Node, from: &str| {
        let fields =
            [("grant_type", "client_credentials"), ("client_id", "nx_client_1"), ("client_secret", "x")];
        send_form(&node.client().header("x-forwarded-for", from), "/oauth/token", &fields)
    };
    for number in 0..10 {
        assert_eq!(guess(&nexus.node, "203.0.113.7").status, 401, "{number}");
    }
    let refused = guess(&nexus.node, "203.0.113.7").expect(429);
    told(&refused);
    assert!(refused.json()["error_description"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(guess(&nexus.node, "203.0.113.8").status, 401, "another address has attempts of its own");

    let ask = || nexus.node.client().header("x-forwarded-for", "203.0.113.9").get("/oauth/authorize");
    for number in 0..100 {
        assert_eq!(ask().status, 400, "{number}: a request without parameters");
    }
    told(&ask().expect(429));
}
