//! `Idempotency-Key`: the same key and body get the same answer, byte for byte, and happen once.

use nexus_tests::{Answer, Issued, Node, Options, Tenant, eventually, stores};
use serde_json::{Value, json};

use crate::contract::{PLATFORM, assert_problem, credential, locations};

fn demo(node: &Node) -> Tenant {
    Tenant { id: node.demo_tenant("nexus").to_owned(), dialect: "nexus".to_owned() }
}

#[test]
fn the_same_idempotency_key_gives_the_same_answer_and_happens_once() {
    let node = Node::dev();
    let tenant = demo(&node);
    let keys = tenant.keys(&node.admin());
    let once = node.admin().header("idempotency-key", "first");
    let body = json!({"name": "Once", "scopes": ["read:users"]});
    let (first, again) = (
        once.post(&tenant.path("/keys"), &body).expect(201),
        once.post(&tenant.path("/keys"), &body).expect(201),
    );
    assert_eq!(first.text(), again.text(), "the secret included");
    assert_eq!(keys.list("all").len(), 1);
    let other = once.post(&tenant.path("/keys"), &json!({"name": "Other"}));
    assert_problem(&other, 422, "idempotency_mismatch");
    let elsewhere = once.post("/v1/tenants", &json!({"name": "Other", "dialect": "nexus"}));
    assert_problem(&elsewhere, 422, "idempotency_mismatch");

    let id = first.json()["key"]["id"].as_str().unwrap().to_owned();
    let rotating = node.admin().header("idempotency-key", "second");
    let rotate = || rotating.post(&keys.path(&id, "/rotate"), &json!({})).expect(200);
    let (one, two) = (rotate(), rotate());
    assert_eq!(one.json()["secret"], two.json()["secret"]);
    assert_eq!(keys.show(&id)["versions"].as_array().unwrap().len(), 2, "rotated once");

    // Another credential's keys are its own: the name space is not shared.
    let stranger = credential(&node, &["keys:write"], &json!({})).header("idempotency-key", "first");
    assert_ne!(
        stranger.post(&tenant.path("/keys"), &body).expect(201).json()["secret"],
        first.json()["secret"]
    );
    for wrong in ["", "a b", &"x".repeat(256)] {
        let answer = node.admin().header("idempotency-key", wrong).post(&tenant.path("/keys"), &body);
        assert_eq!(locations(&answer.expect(400)), ["header.idempotency-key"], "{wrong:?}");
    }
}

#[test]
fn an_answer_is_not_repeated_to_whoever_lost_the_power_to_get_it() {
    let node = Node::dev();
    let platform = format!("/v1/tenants/{PLATFORM}/keys");
    let make = |name: &str, scopes: &[&str]| {
        let body = json!({"name": name, "scopes": scopes});
        let made = node.admin().post(&platform, &body).expect(201).json();
        (made["key"]["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    };
    let (operator, secret) = make("Operator", &["keys:write", "tenants:write"]);
    let (mightier, _) = make("Mightier", &["tenants:write"]);
    let operating = node.client().bearer(&secret).header("idempotency-key", "rotate-once");
    let rotate = || operating.post(&format!("{platform}/{mightier}/rotate"), &json!({}));
    let first = rotate().expect(200).text();
    assert_eq!(rotate().expect(200).text(), first);

    let narrower = json!({"scopes": ["keys:write"]});
    assert_eq!(node.admin().patch(&format!("{platform}/{operator}"), &narrower).status, 200);
    assert_problem(&rotate(), 403, "forbidden");
}

#[test]
fn concurrent_requests_with_one_idempotency_key_happen_once() {
    let node = Node::dev();
    let path = format!("/v1/tenants/{}/keys", node.demo_tenant("nexus"));
    let once = node.admin().header("idempotency-key", "at-once");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..16).map(|_| scope.spawn(|| once.post(&path, &json!({"name": "Once"})))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut bodies: Vec<String> = Vec::new();
    for answer in &answers {
        match answer.status {
            201 => bodies.push(answer.text()),
            409 => assert_problem(answer, 409, "request_in_flight"),
            _ => panic!("{answer:?}"),
        }
    }
    assert!(!bodies.is_empty());
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(node.admin().list(&path, 200).len(), 1);
}

#[test]
fn a_repetition_is_answered_as_the_first_time_whatever_happened_since() {
    let node = Node::dev();
    let admin = node.admin();
    let tenant = Tenant::create(&admin, "nexus");
    let keys = tenant.keys(&admin);
    let key = keys.create(&json!({"name": "Before"}));
    let other = keys.create(&json!({"name": "Revoked already"}));
    assert_eq!(keys.revoke(&other.id).status, 200);
    let posts: Vec<(String, Value)> = vec![
        (tenant.path("/keys"), json!({"name": "Created"})),
        (keys.path(&key.id, "/rotate"), json!({"grace": "1h"})),
        (keys.path(&key.id, "/rotate"), json!({"grace": "0"})),
        (keys.path(&key.id, "/revoke"), json!({"reason": "superseded", "note": "n"})),
        (keys.path(&other.id, "/revoke"), json!({})),
        ("/v1/tenants".to_owned(), json!({"name": "Created", "dialect": "nexus"})),
        (tenant.path("/suspend"), json!({"note": "n"})),
        (tenant.path("/resume"), json!({})),
    ];
    let post = |number: usize, (path, body): &(String, Value)| {
        let answer = admin.clone().header("idempotency-key", &format!("post-{number}")).post(path, body);
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        (answer.status, answer.text())
    };
    let first: Vec<(u16, String)> = (0..).zip(&posts).map(|(number, each)| post(number, each)).collect();

    let created: Value = serde_json::from_str(&first[0].1).unwrap();
    let created = Issued::of(created);
    assert_eq!(keys.change(&created.id, &json!({"name": "After"})).status, 200);
    assert_eq!(keys.revoke(&created.id).status, 200);
    assert_eq!(admin.patch(&tenant.path(""), &json!({"name": "After"})).status, 200);
    let events = admin.get(&tenant.path("/audit?action=key.revoked")).expect(200).text();
    for round in 0..2 {
        for ((number, each), first) in (0..).zip(&posts).zip(&first) {
            assert_eq!(post(number, each), *first, "{} in round {round}", each.0);
        }
    }
    assert_eq!(admin.get(&tenant.path("/audit?action=key.revoked")).expect(200).text(), events);
}

#[test]
fn a_rebuild_that_is_asked_for_twice_with_one_key_happens_once() {
    let node = Node::dev();
    let admin = node.admin();
    let path = "/v1/projections/key_list/rebuild";
    let version = || {
        let page = admin.get("/v1/projections").expect(200).json();
        let row =
            page["data"].as_array().unwrap().iter().find(|row| row["name"] == "key_list").unwrap().clone();
        row["rebuilding"].is_null().then(|| row["version"].as_i64().unwrap())
    };
    let before = version().unwrap();
    let rebuild =
        |key: &str, path: &str, body: &Value| admin.clone().header("idempotency-key", key).post(path, body);
    let first = rebuild("once", path, &json!({})).expect(202);
    let after = eventually("the rebuild has ended", || version().filter(|version| *version > before));

    assert_eq!(rebuild("once", path, &json!({})).expect(202).text(), first.text());
    assert_eq!(version(), Some(after), "no second rebuild has begun");
    let other = rebuild("once", "/v1/projections/usage/rebuild", &json!({}));
    assert_problem(&other, 422, "idempotency_mismatch");
    let wrong = rebuild("another", path, &json!({"colour": "red"})).expect(400);
    assert_eq!(locations(&wrong), ["body.colour"]);
    assert_problem(&rebuild("a third", path, &json!({})), 400, "invalid_request");
    assert_eq!(version(), Some(after), "what is refused begins nothing");

    let _another = rebuild("another", path, &json!({})).expect(202);
    eventually("another key rebuilds again", || version().filter(|version| *version > after));
}

#[test]
fn a_stored_answer_that_cannot_be_read_is_told_with_what_to_do() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let tenant = Tenant::create(&node.admin(), "nexus");
        let keys = tenant.keys(&node.admin());
        let once = node.admin().header("idempotency-key", "first");
        let create = || once.post(&tenant.path("/keys"), &json!({"name": "Once"}));
        let id = create().expect(201).json()["key"]["id"].as_str().unwrap().to_owned();
        let rotating = node.admin().header("idempotency-key", "second");
        let rotate = || rotating.post(&keys.path(&id, "/rotate"), &json!({}));
        assert_eq!(rotate().status, 200);
        store.execute("UPDATE idempotency SET result = fingerprint");
        for answer in [create(), rotate()] {
            assert_problem(&answer, 409, "idempotency_unreadable");
            assert!(
                answer.json()["detail"].as_str().unwrap().contains("with a new key only where it has not")
            );
        }
        assert_eq!(keys.list("all").len(), 1, "{store:?}");
        assert_eq!(keys.show(&id)["versions"].as_array().unwrap().len(), 2, "rotated once");
    }
}
