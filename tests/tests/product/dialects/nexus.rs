//! Nexus: bearer keys for production and a sandbox.

use nexus_tests::{Issued, eventually};
use serde_json::json;

use super::{Call, Product, READ, seconds_between};

#[test]
fn n1_bearer_keys_tell_production_from_the_sandbox() {
    let nexus = Product::of("nexus");
    let (live, test) =
        (nexus.create(json!({"environment": "live"})), nexus.create(json!({"environment": "test"})));
    assert!(live.secret.starts_with("nx_live_") && test.secret.starts_with("nx_test_"));
    for key in [&live, &test] {
        let answer = nexus.with_key(&key.secret, &READ);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-nexus-key"), Some(key.id.as_str()));
        assert_eq!(answer.header("x-nexus-tenant"), Some(nexus.tenant.id.as_str()));
        let lower = nexus.ask(&[("authorization", &format!("bearer {}", key.secret))], &READ);
        assert_eq!(lower.status, 200, "schemes are compared without case");
        for wrong in [format!("Basic {}", key.secret), key.secret.clone(), format!("Bearer {} x", key.secret)]
        {
            assert_eq!(nexus.ask(&[("authorization", &wrong)], &READ).status, 401, "{wrong}");
        }
    }
}

#[test]
fn n2_publishable_keys_read_and_secret_keys_do_what_their_scopes_allow() {
    let nexus = Product::of("nexus");
    let publishable = nexus.create(json!({"type": "publishable", "scopes": ["read:users"]}));
    let secret = nexus.create(json!({"scopes": ["read:users", "write:users"]}));
    assert!(publishable.secret.starts_with("nx_live_pk_"));
    let writing = Call { method: "POST", needs: "scope=write:users", ..READ };
    for method in ["GET", "HEAD"] {
        assert_eq!(
            nexus.with_key(&publishable.secret, &Call { method, needs: "scope=read:users", ..READ }).status,
            200
        );
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "get", "QUERY"] {
        assert_eq!(nexus.with_key(&publishable.secret, &Call { method, ..READ }).status, 403, "{method}");
        assert_eq!(nexus.with_key(&secret.secret, &Call { method, ..READ }).status, 200, "{method}");
    }
    assert_eq!(nexus.with_key(&publishable.secret, &writing).status, 403);
    assert_eq!(nexus.with_key(&secret.secret, &writing).status, 200);
    assert_eq!(nexus.code(&publishable.secret, json!({"method": "POST"})), "READ_ONLY");
    let refused = nexus.admin().post(
        &nexus.tenant.path("/keys"),
        &json!({"name": "x", "type": "publishable", "scopes": ["write:users"]}),
    );
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(nexus.keys().change(&publishable.id, &json!({"scopes": ["admin:all"]})).status, 400);
    // A method that nobody vouches for is none that reads.
    let direct = nexus.node.client().bearer(&publishable.secret).get("/v1/forward-auth/nexus");
    assert_eq!(direct.status, 403);
}

#[test]
fn n5_after_a_rotation_the_old_key_works_for_24_hours_more() {
    let nexus = Product::of("nexus");
    let old = nexus.create(json!({}));
    let new = Issued::of(nexus.keys().rotate(&old.id, &json!({})).expect(200).json());
    for secret in [&old.secret, &new.secret] {
        assert_eq!(nexus.with_key(secret, &READ).status, 200);
    }
    let versions = &new.answer["key"]["versions"];
    assert_eq!(
        seconds_between(&versions[1]["created_at"], &versions[0]["superseded_until"]).round(),
        86_400.0
    );
    assert!(versions[1]["superseded_until"].is_null());
    let newest = Issued::of(nexus.keys().rotate(&old.id, &json!({"grace": "1s"})).expect(200).json());
    eventually("the grace ends", || (nexus.with_key(&new.secret, &READ).status == 401).then_some(()));
    assert_eq!(nexus.with_key(&newest.secret, &READ).status, 200);
    assert_eq!(nexus.code(&new.secret, json!({})), "REVOKED");
    assert_eq!(nexus.keys().rotate(&old.id, &json!({"grace": "31d"})).status, 400);
}

#[test]
fn n6_a_compromised_key_is_revoked_reviewed_and_its_successor_restricted() {
    let nexus = Product::of("nexus");
    let key = nexus.create(json!({}));
    let stolen = Call { path: "/v1/payments/7", ip: "198.51.100.66", ..READ };
    assert_eq!(nexus.with_key(&key.secret, &stolen).status, 200);
    let revoked =
        nexus.admin().post(&nexus.keys().path(&key.id, "/revoke"), &json!({"reason": "compromised"}));
    assert_eq!(revoked.expect(200).json()["receipt"]["confirmed"], 1);
    assert_eq!(nexus.with_key(&key.secret, &stolen).status, 401);
    let log = eventually("the request log has both", || {
        let log = nexus.admin().list(&nexus.keys().path(&key.id, "/requests"), 50);
        (log.len() == 2).then_some(log)
    });
    for row in &log {
        assert_eq!(
            (row["path"].as_str(), row["ip"].as_str()),
            (Some("/v1/payments/7"), Some("198.51.100.66"))
        );
    }
    let successor = nexus.create(json!({"ip_allowlist": ["203.0.113.0/24"]}));
    assert_eq!(nexus.with_key(&successor.secret, &stolen).status, 403);
    assert_eq!(nexus.with_key(&successor.secret, &READ).status, 200);
}

#[test]
fn n7_keys_of_one_environment_are_refused_in_another() {
    let nexus = Product::of("nexus");
    let key = |environment: &str| nexus.create(json!({"environment": environment})).secret;
    let (live, test) = (key("production"), key("sandbox"));
    let (development, staging) = (key("development"), key("staging"));
    let status = |secret: &str, environment: &str| {
        nexus.with_key(secret, &Call { needs: &format!("environment={environment}"), ..READ }).status
    };
    for (secret, environment, expected) in [
        (&live, "live", 200),
        (&live, "production", 200),
        (&live, "test", 401),
        (&live, "sandbox", 401),
        (&live, "staging", 401),
        (&test, "test", 200),
        (&test, "live", 401),
        (&test, "production", 401),
        (&development, "test", 200),
        (&development, "development", 200),
        (&development, "staging", 401),
        (&development, "live", 401),
        (&staging, "staging", 200),
        (&staging, "development", 401),
        (&staging, "live", 401),
    ] {
        assert_eq!(status(secret, environment), expected, "{} on {environment}", &secret[..8]);
    }
    assert_eq!(nexus.code(&test, json!({"environment": "live"})), "WRONG_ENVIRONMENT");
    assert_ne!(status(&live, "nonsense"), 200, "an environment that is none serves nobody");
}

#[test]
fn n8_scopes_are_the_eight_and_admin_all_contains_the_others() {
    let nexus = Product::of("nexus");
    let scopes = [
        "read:users",
        "write:users",
        "read:payments",
        "write:payments",
        "read:messages",
        "write:messages",
        "admin:all",
    ];
    let admin = nexus.create(json!({"scopes": ["admin:all"]}));
    for scope in scopes {
        let needs = format!("scope={scope}");
        let call = Call { needs: &needs, ..READ };
        let own = nexus.create(json!({"scopes": [scope]}));
        assert_eq!(nexus.with_key(&own.secret, &call).header("x-nexus-scopes"), Some(scope));
        assert_eq!(nexus.with_key(&admin.secret, &call).status, 200);
        let others: Vec<&str> =
            scopes.into_iter().filter(|other| *other != scope && *other != "admin:all").collect();
        let others = nexus.create(json!({"scopes": others}));
        assert_eq!(nexus.with_key(&others.secret, &call).status, 403, "{scope}");
    }
    let both = Call { needs: "scope=read:users&scope=write:users", ..READ };
    let one = nexus.create(json!({"scopes": ["read:users"]}));
    assert_eq!(nexus.with_key(&one.secret, &both).status, 403, "all that are named are needed");
    assert_eq!(nexus.with_key(&one.secret, &Call { needs: "scope=fly:moon", ..READ }).status, 403);
    assert_eq!(
        nexus.admin().post(&nexus.tenant.path("/keys"), &json!({"name": "x", "scopes": ["*"]})).status,
        400
    );
}
