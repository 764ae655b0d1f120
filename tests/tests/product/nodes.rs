//! Two API nodes on one PostgreSQL: what one has answered, the other shows at once.

use nexus_tests::{Issued, Node, Options, Store, Tenant, verify};
use serde_json::json;

fn two_nodes(test: &str) -> Option<(Node, Node)> {
    let store = Store::postgres_or_skip(test)?;
    Some((Node::serve(&store, &Options::default()), Node::serve(&store, &Options::default())))
}

#[test]
fn what_one_node_has_answered_the_other_lists_at_once() {
    let Some((one, other)) = two_nodes("read your writes") else { return };
    let tenant = Tenant::create(&one.admin(), "nexus");
    let (here, there) = (tenant.keys(&one.admin()), tenant.keys(&other.admin()));
    for round in 0..20 {
        let key = here.create(&json!({"name": format!("Key {round}")}));
        let listed = there.list("active");
        assert!(listed.iter().any(|row| row["id"] == key.id.as_str()), "round {round}");
        assert_eq!(here.revoke(&key.id).status, 200);
        assert_eq!(there.show(&key.id)["status"], "revoked", "round {round}");
        assert!(there.list("active").is_empty(), "round {round}");
        let trail =
            other.admin().get(&tenant.path(&format!("/audit?key={}&action=key.revoked", key.id))).expect(200);
        assert_eq!(trail.json()["data"].as_array().unwrap().len(), 1, "round {round}");
    }
    let renamed = other.admin().patch(&tenant.path(""), &json!({"name": "Renamed there"})).expect(200);
    assert_eq!(one.admin().get(&tenant.path("")).expect(200).json()["name"], renamed.json()["name"]);
}

#[test]
fn the_same_idempotency_key_counts_on_both_nodes() {
    let Some((one, other)) = two_nodes("idempotency") else { return };
    let tenant = Tenant::create(&one.admin(), "nexus");
    let ask = |node: &Node| {
        node.admin()
            .header("idempotency-key", "shared")
            .post(&tenant.path("/keys"), &json!({"name": "Once"}))
            .expect(201)
    };
    let created = ask(&one);
    assert_eq!(created.text(), ask(&other).text());
    assert_eq!(tenant.keys(&one.admin()).list("all").len(), 1);
    let keys = tenant.keys(&one.admin());
    for (number, operation) in ["/rotate", "/revoke"].into_iter().enumerate() {
        let path = keys.path(&Issued::of(created.json()).id, operation);
        let ask = |node: &Node| {
            node.admin()
                .header("idempotency-key", &format!("shared-{number}"))
                .post(&path, &json!({}))
                .expect(200)
        };
        assert_eq!(ask(&one).text(), ask(&other).text(), "{operation}");
    }
}

#[test]
fn case_41_a_hundred_parallel_creates_on_two_nodes_never_exceed_the_limit() {
    let Some((one, other)) = two_nodes("case 41") else { return };
    let tenant = Tenant::create(&one.admin(), "nexuscommerce");
    let create = |number: usize| {
        let node = if number.is_multiple_of(2) { &one } else { &other };
        let client = node.admin();
        loop {
            let answer = client.post(&tenant.path("/keys"), &json!({"name": format!("Key {number}")}));
            match (answer.status, answer.code().as_str()) {
                (201, _) => return Some(Issued::of(answer.json())),
                (409, "quota_exceeded") => return None,
                // Nothing happened, and the answer says so: whoever wants the key asks again.
                (409, "contended") => {}
                _ => panic!("{answer:?}"),
            }
        }
    };
    let made: Vec<Issued> = std::thread::scope(|scope| {
        let create = &create;
        let threads: Vec<_> = (0..100).map(|number| scope.spawn(move || create(number))).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made.len(), 20);
    for node in [&one, &other] {
        assert_eq!(tenant.keys(&node.admin()).list("active").len(), 20);
        assert!(create(0).is_none(), "the twenty-first");
    }
    let keys = tenant.keys(&one.admin());
    assert_eq!(keys.revoke(&made[0].id).status, 200);
    assert!(create(1).is_some(), "a revoked key gives its place back");
    assert!(create(2).is_none());
    let last = keys.list("active").len();
    assert_eq!(last, 20);
    assert_eq!(verify(&one.admin(), &made[1].secret), "VALID");
}

#[test]
fn case_42_no_version_survives_a_revocation_that_races_a_rotation() {
    let Some((one, other)) = two_nodes("case 42") else { return };
    let tenant = Tenant::create(&one.admin(), "nexus");
    let (here, there) = (tenant.keys(&one.admin()), tenant.keys(&other.admin()));
    let mut rotated_first = 0;
    for round in 0..25 {
        let key = here.create(&json!({}));
        let asked = std::sync::atomic::AtomicBool::new(true);
        let rotated = std::thread::scope(|scope| {
            let user = scope.spawn(|| {
                while asked.load(std::sync::atomic::Ordering::Relaxed) {
                    let _verdict = verify(&one.admin(), &key.secret);
                }
            });
            let rotation = scope.spawn(|| there.rotate(&key.id, &json!({"grace": "24h"})));
            let revocation = scope.spawn(|| {
                loop {
                    let answer = here.revoke(&key.id);
                    if answer.code() != "contended" {
                        break answer.expect(200);
                    }
                }
            });
            let (rotation, _revoked) = (rotation.join().unwrap(), revocation.join().unwrap());
            asked.store(false, std::sync::atomic::Ordering::Relaxed);
            user.join().unwrap();
            rotation
        });
        let mut secrets = vec![key.secret.clone()];
        match (rotated.status, rotated.code().as_str()) {
            (200, _) => {
                rotated_first += 1;
                secrets.push(Issued::of(rotated.json()).secret);
            }
            (409, "key_revoked" | "contended") => {}
            _ => panic!("{rotated:?}"),
        }
        for secret in &secrets {
            assert_eq!(verify(&one.admin(), secret), "REVOKED", "round {round}, on the node that revoked");
        }
        // The other node follows the log; it is asked to have come as far as its own answer.
        assert_eq!(there.revoke(&key.id).status, 200);
        for secret in &secrets {
            assert_eq!(verify(&other.admin(), secret), "REVOKED", "round {round}, on the other node");
        }
        assert_eq!(here.show(&key.id)["status"], "revoked");
    }
    eprintln!("{rotated_first} of 25 rotations came before the revocation");
}
