//! What a credential does not see is not there, and nobody makes a credential mightier than their own.

use nexus_tests::{Answer, Node, Tenant, verify, verify_with};
use serde_json::{Value, json};

use crate::contract::{Named, PLATFORM, body_for, credential, routes};

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
    let (mine, theirs) =
        (Named::create(&node, "mine@example.com"), Named::create(&node, "theirs@example.com"));
    let absent = Named {
        tenant: "3714240b-2e06-4c35-8856-ccc1c096323e".to_owned(),
        key: "key_00000000000000000123456789abcdef".to_owned(),
        member: "mem_00000000000000000123456789abcdef".to_owned(),
        session: "ses_00000000000000000123456789abcdef".to_owned(),
        client: "key_00000000000000000123456789abcdef".to_owned(),
        token: "token_00000000000000000123456789abcdef".to_owned(),
        secret: "jws00000000000000000123456789abcdef".to_owned(),
        integration: "int_00000000000000000123456789abcdef".to_owned(),
        agent: "agt_00000000000000000123456789abcdef".to_owned(),
    };
    let nonsense = Named { tenant: "nonsense".to_owned(), ..Named::default() };
    let of = |tenant: &str, things: &Named| Named { tenant: tenant.to_owned(), ..things.clone() };
    let confined = credential(&node, &["admin:all"], &json!({"tenant": [mine.tenant]}));
    let mut compared = 0;
    for (method, path) in routes(&node.client()) {
        if !path.contains("{tenant}") {
            continue;
        }
        let body = body_for(&method, &path);
        let send = |client: &nexus_tests::Client, named: &Named| {
            comparable(&client.send(&method, &named.path(&path), body.as_deref()))
        };
        let expected = send(&confined, &absent);
        assert_eq!(expected.0, 404, "{method} {path}: {expected:?}");
        assert_eq!(send(&confined, &theirs), expected, "{method} {path}: a foreign tenant");
        assert_eq!(
            send(&confined, &of(PLATFORM, &absent)),
            expected,
            "{method} {path}: the platform's own tenant"
        );
        assert_eq!(send(&admin, &absent), expected, "{method} {path}: absent for the mightiest");
        assert_eq!(send(&confined, &nonsense), expected, "{method} {path}: no id at all");
        if ["{key}", "{member}", "{session}", "{client}", "{token}", "{secret}", "{integration}", "{agent}"]
            .iter()
            .any(|thing| path.contains(thing))
        {
            let expected = send(&confined, &of(&mine.tenant, &absent));
            assert_eq!(expected.0, 404, "{method} {path}: {expected:?}");
            assert_eq!(
                send(&confined, &of(&mine.tenant, &theirs)),
                expected,
                "{method} {path}: a foreign thing"
            );
            assert_eq!(
                send(&admin, &of(&mine.tenant, &theirs)),
                expected,
                "{method} {path}: a thing of another tenant"
            );
            assert_eq!(
                send(&confined, &of(&theirs.tenant, &mine)),
                expected,
                "{method} {path}: mine, elsewhere"
            );
        }
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
    let rows = |list: &str| admin.list(&format!("/v1/tenants/{}/{list}", theirs.tenant), 50);
    assert_eq!(rows("keys?status=active").len(), 1, "nothing happened to it");
    assert_eq!((rows("members").len(), rows("sessions").len()), (1, 1));
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
