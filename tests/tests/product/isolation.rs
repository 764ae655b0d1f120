//! What a credential does not see is not there, and nobody makes a credential mightier than their own.

use nexus_tests::{Answer, Node, Tenant, verify, verify_with};
use serde_json::{Value, json};

use crate::contract::{PLATFORM, body_for, credential, routes};

/// An answer as it is compared: all but the id of the request and the time.
fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date" && name != "x-request-id");
    let mut body = answer.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (answer.status, headers, body)
}

#[test]
fn case_35_another_tenants_objects_and_absent_ones_are_the_same_404_on_every_route() {
    let node = Node::dev();
    let admin = node.admin();
    let (mine, theirs) = (Tenant::create(&admin, "nexus"), Tenant::create(&admin, "nexus"));
    let my_key = mine.keys(&admin).create(&json!({}));
    let their_key = theirs.keys(&admin).create(&json!({}));
    let (my_secret, their_secret) = (mine.jwt_secret(&admin), theirs.jwt_secret(&admin));
    let absent_tenant = "3714240b-2e06-4c35-8856-ccc1c096323e";
    let absent_key = "key_00000000000000000123456789abcdef";
    let made = |tenant: &Tenant| {
        ["/integrations", "/agents"].map(|plural| {
            let made = admin.post(&tenant.path(plural), &json!({"name": "One"})).expect(201).json();
            made["id"].as_str().unwrap().to_owned()
        })
    };
    let their_things = made(&theirs);
    let my_things = made(&mine);
    // Whose key stands in a path, theirs are its integration and agent.
    let things_beside = |key: &str| match key {
        key if key == their_key.id => their_things.clone(),
        key if key == my_key.id => my_things.clone(),
        _ => {
            let absent = "00000000000000000123456789abcdef";
            [format!("int_{absent}"), format!("agt_{absent}")]
        }
    };
    let confined = credential(&node, &["admin:all"], &json!({"tenant": [mine.id]}));
    let mut compared = 0;
    for (method, path) in routes(&node.client()) {
        if !path.contains("{tenant}") {
            continue;
        }
        // Of secrets, the one that stands where the key would.
        let secret = |key: &str| match key {
            key if key == my_key.id => my_secret.clone(),
            key if key == their_key.id => their_secret.clone(),
            other => other.replace("key_", "jws"),
        };
        let at = |tenant: &str, key: &str| {
            let [integration, agent] = things_beside(key);
            path.replace("{tenant}", tenant)
                .replace("{key}", key)
                .replace("{integration}", &integration)
                .replace("{agent}", &agent)
                .replace("{secret}", &secret(key))
        };
        let body = body_for(&method, &path);
        let send = |client: &nexus_tests::Client, path: &str| {
            comparable(&client.send(&method, path, body.as_deref()))
        };
        let absent = send(&confined, &at(absent_tenant, absent_key));
        assert_eq!(absent.0, 404, "{method} {path}: {absent:?}");
        assert_eq!(
            send(&confined, &at(&theirs.id, &their_key.id)),
            absent,
            "{method} {path}: a foreign tenant"
        );
        assert_eq!(
            send(&confined, &at(PLATFORM, absent_key)),
            absent,
            "{method} {path}: the platform's own tenant"
        );
        assert_eq!(
            send(&admin, &at(absent_tenant, absent_key)),
            absent,
            "{method} {path}: absent for the mightiest"
        );
        assert_eq!(send(&confined, &at("nonsense", "nonsense")), absent, "{method} {path}: no id at all");
        if ["{key}", "{integration}", "{agent}", "{secret}"].iter().any(|name| path.contains(name)) {
            let absent = send(&confined, &at(&mine.id, absent_key));
            assert_eq!(absent.0, 404, "{method} {path}: {absent:?}");
            assert_eq!(
                send(&confined, &at(&mine.id, &their_key.id)),
                absent,
                "{method} {path}: a foreign key"
            );
            assert_eq!(
                send(&admin, &at(&mine.id, &their_key.id)),
                absent,
                "{method} {path}: a key of another tenant"
            );
            assert_eq!(
                send(&confined, &at(&theirs.id, &my_key.id)),
                absent,
                "{method} {path}: mine, elsewhere"
            );
        }
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
    assert_eq!(verify(&admin, &their_key.secret), "VALID", "nothing happened to it");
    assert_eq!(theirs.keys(&admin).list("all").len(), 1);
}

#[test]
fn a_confined_credential_sees_its_tenant_alone() {
    let node = Node::dev();
    let admin = node.admin();
    let (mine, theirs) = (Tenant::create(&admin, "nexus"), Tenant::create(&admin, "nexus"));
    let (my_key, their_key) = (mine.keys(&admin).create(&json!({})), theirs.keys(&admin).create(&json!({})));
    let confined = credential(&node, &["admin:all"], &json!({"tenant": [mine.id]}));
    let tenants = confined.list("/v1/tenants", 50);
    assert_eq!(
        tenants.iter().map(|tenant| tenant["id"].as_str().unwrap()).collect::<Vec<_>>(),
        [mine.id.as_str()]
    );
    for row in confined.list("/v1/audit", 50) {
        assert_eq!(row["tenant_id"], mine.id.as_str(), "{row}");
    }
    assert_eq!(confined.get(&format!("/v1/audit?tenant={}", theirs.id)).status, 404);
    assert_eq!(confined.get("/v1/events").status, 403);
    assert_eq!(verify(&confined, &my_key.secret), "VALID");
    let unknown =
        verify_with(&confined, &json!({"credential": "nx_live_0000000000000000000000000000000000dummy"}));
    let foreign = verify_with(&confined, &json!({"credential": their_key.secret}));
    assert_eq!(foreign["code"], "UNKNOWN");
    assert_eq!(foreign["response"], unknown["response"]);
    assert_eq!(confined.post(&mine.path("/keys"), &json!({"name": "Mine"})).status, 201);
}

#[test]
fn a_confined_credential_neither_makes_tenants_nor_touches_what_all_share() {
    let node = Node::dev();
    let mine = Tenant::create(&node.admin(), "nexus");
    let confined = credential(&node, &["admin:all"], &json!({"tenant": [mine.id]}));
    let made = confined.post("/v1/tenants", &json!({"name": "New", "dialect": "nexus"}));
    assert_eq!(made.status, 403, "{made:?}");
    let node_made = confined.post("/v1/nodes", &json!({"name": "New"}));
    assert_eq!(node_made.status, 403, "{node_made:?}");
    assert_eq!(confined.get("/v1/nodes").status, 403);
    // A validating node is sent the credentials of all.
    assert_eq!(confined.get("/v1/nodes/stream").status, 403);
    let rebuilt = confined.post("/v1/projections/usage/rebuild", &json!({}));
    assert_eq!(rebuilt.status, 403, "{rebuilt:?}");
}

#[test]
fn nobody_gives_away_scopes_that_they_do_not_hold() {
    let node = Node::dev();
    let admin = node.admin();
    let limited = credential(&node, &["keys:write"], &json!({}));
    let platform = format!("/v1/tenants/{PLATFORM}/keys");
    for scopes in [json!(["admin:all"]), json!(["keys:write", "audit:read"]), json!(["verify"])] {
        let answer = limited.post(&platform, &json!({"name": "Mightier", "scopes": scopes}));
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{scopes}");
    }
    assert_eq!(limited.post(&platform, &json!({"name": "Equal", "scopes": ["keys:write"]})).status, 201);
    // A key without scopes must not count as one with all of them.
    let without = limited.post(&platform, &json!({"name": "None"}));
    if without.status == 201 {
        let without = node.client().bearer(without.json()["secret"].as_str().unwrap());
        assert_eq!(without.get("/v1/tenants").status, 403);
    }
    let mighty =
        admin.post(&platform, &json!({"name": "Mighty", "scopes": ["admin:all"]})).expect(201).json();
    let mighty = mighty["key"]["id"].as_str().unwrap();
    let own = limited.post(&platform, &json!({"name": "Own", "scopes": ["keys:write"]})).expect(201).json();
    let own = own["key"]["id"].as_str().unwrap();
    for (path, body, method) in [
        (format!("{platform}/{mighty}/rotate"), json!({"grace": "0"}), "POST"),
        (format!("{platform}/{mighty}"), json!({"name": "Renamed"}), "PATCH"),
        (format!("{platform}/{own}"), json!({"scopes": ["admin:all"]}), "PATCH"),
    ] {
        let answer = limited.send(method, &path, Some(body.to_string().as_bytes()));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "forbidden"),
            "{method} {path}: {answer:?}"
        );
    }
}

#[test]
fn nobody_gives_away_a_reach_that_they_do_not_have() {
    let node = Node::dev();
    let admin = node.admin();
    let platform = format!("/v1/tenants/{PLATFORM}/keys");
    let other = Tenant::create(&admin, "nexus");
    let confined = credential(&node, &["keys:write"], &json!({"tenant": [PLATFORM]}));
    assert_eq!(confined.get(&other.path("/keys")).status, 404, "it is confined");
    let freed = confined.post(&platform, &json!({"name": "Free", "scopes": ["keys:write"]}));
    assert_eq!(freed.status, 403, "a credential that sees all tenants: {freed:?}");
    let wider =
        json!({"name": "Wide", "scopes": ["keys:write"], "restrictions": {"tenant": [PLATFORM, other.id]}});
    assert_eq!(confined.post(&platform, &wider).status, 403);
    let wide = admin.post(&platform, &json!({"name": "Wide", "scopes": ["keys:write"]})).expect(201).json();
    let wide = wide["key"]["id"].as_str().unwrap();
    assert_eq!(
        confined.post(&format!("{platform}/{wide}/rotate"), &json!({})).status,
        403,
        "its new secret would see all"
    );
}

#[test]
fn management_credentials_are_called_by_name_to_whoever_sees_all_tenants() {
    let node = Node::dev();
    let tenant = Tenant::create(&node.admin(), "nexus");
    let _key = tenant.keys(&node.admin()).create(&json!({}));
    let reads = ["audit:read"];
    let (all, some) =
        (credential(&node, &reads, &json!({})), credential(&node, &reads, &json!({"tenant": [tenant.id]})));
    for path in ["/v1/audit?action=key.issued".to_owned(), tenant.path("/audit?action=key.issued")] {
        let first = |client: &nexus_tests::Client| client.get(&path).expect(200).json()["data"][0].clone();
        let named = first(&all);
        assert!(named["actor"].as_str().unwrap().starts_with("key_"), "{named}");
        assert!(named["actor_name"].as_str().unwrap().starts_with("nexus dev of 2"), "{named}");
        assert!(first(&some).get("actor_name").is_none(), "{path}");
    }
}
