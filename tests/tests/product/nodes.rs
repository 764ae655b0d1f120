//! Two API nodes on one PostgreSQL: what one has answered, the other shows at once. And validating nodes: their credentials, and
//! how they are listed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nexus_tests::{
    Client, Issued, Node, Options, Process, Store, Tenant, command, eventually, patience, verify,
};
use serde_json::{Value, json};

use crate::contract::{PLATFORM, credential, locations};

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

/// `nexus validator`, with what one gives it and no more.
fn validator(node: &Node, credential: &str, data: &Path) -> (Process, Client) {
    let mut command = command::command();
    command
        .arg("validator")
        .env("NEXUS__SERVER__LISTEN", "127.0.0.1:0")
        .env("NEXUS__CONTROL__URLS", node.url())
        .env("NEXUS__CONTROL__CREDENTIAL", credential)
        .env("NEXUS__NODE__DATA", data)
        .env("NEXUS__NODE__DIALECTS", "nexus");
    let process = Process::start("nexus validator", &mut command);
    let ready = process.find_on_stderr(patience(), |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["message"] == "ready").then(|| line["address"].as_str().map(str::to_owned))?
    });
    let address = ready.unwrap_or_else(|| panic!("it is not ready: {:?}", process.stderr()));
    (process, Client::new(&format!("http://{address}")))
}

/// The node of this name as it is listed.
fn listed(client: &Client, name: &str) -> Option<Value> {
    let nodes = client.get("/v1/nodes").expect(200).json();
    assert_eq!(nodes["next_cursor"], Value::Null);
    nodes["data"].as_array().unwrap().iter().find(|node| node["name"] == name).cloned()
}

#[test]
fn a_nodes_credential_is_good_for_its_stream_alone() {
    let node = Node::dev();
    let body = json!({"name": "Edge", "dialects": ["nexus", "nexpay"], "ip_allowlist": ["127.0.0.0/8"]});
    let once = node.admin().header("idempotency-key", "edge");
    let made = once.post("/v1/nodes", &body).expect(201);
    assert_eq!(once.post("/v1/nodes", &body).expect(201).text(), made.text());
    assert_eq!(once.post("/v1/nodes", &json!({"name": "Other"})).code(), "idempotency_mismatch");
    let made = made.json();
    assert_eq!(made["node"]["dialects"], json!(["nexpay", "nexus"]));
    let (id, credential) =
        (made["node"]["credential_id"].as_str().unwrap(), made["credential"].as_str().unwrap());
    assert!(credential.starts_with("nxm_") && id.starts_with("key_"), "{made}");
    let bearer = node.client().bearer(credential);
    for path in ["/v1/tenants", "/v1/nodes", "/v1/audit", "/v1/events"] {
        assert_eq!(bearer.get(path).status, 403, "{path}");
    }
    assert_eq!(bearer.post("/v1/verify", &json!({"credential": credential})).status, 403);
    assert_eq!(bearer.get("/v1/nodes/stream").status, 400, "let in, and no WebSocket");

    let key = node.admin().get(&format!("/v1/tenants/{PLATFORM}/keys/{id}")).expect(200).json();
    assert_eq!(key["scopes"], json!(["nodes:connect"]));
    assert_eq!(key["restrictions"], json!({"dialect": ["nexpay", "nexus"]}));
    let revoked = node.run(&["nodes", "revoke", id, "--reason", "unused"]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let told = |line: &&String| line.starts_with("Its nodes  answer nothing any more");
    assert_eq!(revoked.stdout.iter().filter(told).count(), 1, "{revoked:?}");
    assert_eq!(bearer.get("/v1/nodes/stream").status, 401);
}

#[test]
fn whoever_makes_nodes_credentials_needs_that_scope_alone_and_reaches_no_further() {
    let node = Node::dev();
    let writes = credential(&node, &["nodes:write"], &json!({}));
    let made = writes.post("/v1/nodes", &json!({"name": "Edge"})).expect(201).json();
    assert_eq!(made["node"]["dialects"], Value::Null, "all of them");
    assert_eq!(writes.get("/v1/nodes").status, 200);
    let mortal = json!({"name": "Mortal", "scopes": ["nodes:write"], "expires_in": "10d"});
    let mortal = node.admin().post(&format!("/v1/tenants/{PLATFORM}/keys"), &mortal).expect(201).json();
    let maker = node.client().bearer(mortal["secret"].as_str().unwrap());
    let made = maker.post("/v1/nodes", &json!({"name": "Edge"})).expect(201).json();
    assert_eq!(made["node"]["expires_at"], mortal["key"]["expires_at"], "it lives as long as its maker");
    let beyond = maker.post("/v1/nodes", &json!({"name": "Beyond", "expires_in": "20d"}));
    assert_eq!((beyond.status, beyond.code().as_str()), (403, "forbidden"));
    let others = credential(&node, &["keys:write", "nodes:read"], &json!({}));
    assert_eq!(others.post("/v1/nodes", &json!({"name": "Edge"})).status, 403);
    let tenant = Tenant::create(&node.admin(), "nexus");
    let confined = credential(&node, &["nodes:write"], &json!({"tenant": [tenant.id]}));
    for answer in [confined.post("/v1/nodes", &json!({"name": "Edge"})), confined.get("/v1/nodes")] {
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{answer:?}");
    }
    let wrong = json!({"dialects": ["nexus", "nexsu"], "expires_in": "soon"});
    let answer = writes.post("/v1/nodes", &wrong).expect(400);
    assert_eq!(locations(&answer), ["body.name", "body.dialects[1]", "body.expires_in"]);
    let foreign = node.run(&["nodes", "revoke", &own_id(&node)]);
    assert_eq!(foreign.code, Some(1), "it is no node's: {foreign:?}");
    assert_eq!(node.admin().get("/v1/tenants").status, 200);
}

/// The id of the credential that `nexus dev` made.
fn own_id(node: &Node) -> String {
    let keys = node.admin().list(&format!("/v1/tenants/{PLATFORM}/keys"), 50);
    let own = keys.iter().find(|key| key["scopes"] == json!(["admin:all"])).unwrap();
    own["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_validating_node_is_listed_while_it_is_there_and_as_away_when_it_is_not() {
    let node = Node::dev();
    let admin = node.admin();
    let made = node.run(&["nodes", "create", "edge-1", "--dialect", "nexus", "--output", "json"]).json();
    let data = tempfile::tempdir().unwrap();
    let (mut process, client) = validator(&node, made["credential"].as_str().unwrap(), data.path());
    let shown = listed(&admin, "edge-1").unwrap();
    assert_eq!((&shown["kind"], &shown["lease"]["state"]), (&json!("validator"), &json!("held")), "{shown}");
    assert_eq!(shown["credential_id"], made["node"]["credential_id"]);
    assert!(shown["api_node"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{shown}");
    assert_eq!(shown["dialects"], json!(["nexus"]), "{shown}");
    assert!(
        shown["connected_at"].is_string() && shown["lease"]["expires_in_ms"].as_u64() > Some(0),
        "{shown}"
    );
    let table = node.run(&["nodes", "list"]);
    assert!(
        table.stdout.iter().any(|line| line.starts_with("edge-1") && line.contains(" held ")),
        "{table:?}"
    );

    let tenant = Tenant { id: node.demo_tenant("nexus").to_owned(), dialect: "nexus".to_owned() };
    let key = tenant.keys(&admin).create(&json!({}));
    let asking = client.bearer(node.admin_token());
    assert_eq!(verify(&asking, &key.secret), "VALID", "what a create has answered, every node shows");
    let receipt = tenant.keys(&admin).revoke(&key.id).expect(200).json()["receipt"].clone();
    assert_eq!((&receipt["nodes"], &receipt["confirmed"]), (&json!(2), &json!(2)), "{receipt}");
    assert_eq!(verify(&asking, &key.secret), "REVOKED");
    let behind =
        eventually("it shows what it confirmed", || listed(&admin, "edge-1").filter(|node| node["lag"] == 0));
    assert!(behind["position"].as_u64() >= receipt["position"].as_u64(), "{behind} {receipt}");
    let metrics = eventually("the gauges count it", || {
        Some(node.client().get("/metrics").text())
            .filter(|text| text.contains("nexus_nodes{state=\"held\"} 1"))
    });
    assert!(metrics.contains("nexus_node_lag_positions 0"), "{metrics}");
    let families = |kind: &str| -> BTreeSet<String> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(kind));
        lines.filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    };
    assert_eq!(families("# TYPE "), families("# HELP "), "each says what it means");

    process.kill();
    let away =
        eventually("it is away", || listed(&admin, "edge-1").filter(|node| node["connected_at"].is_null()));
    assert_eq!(away["incarnation"], shown["incarnation"]);
    let lapsed = eventually("its right has ended", || {
        listed(&admin, "edge-1").filter(|node| node["lease"]["state"] == "lapsed")
    });
    assert_eq!(lapsed["lease"]["expires_in_ms"], Value::Null);
    let (mut again, _) = validator(&node, made["credential"].as_str().unwrap(), data.path());
    let nodes = admin.get("/v1/nodes").expect(200).json();
    let runs: Vec<&Value> =
        nodes["data"].as_array().unwrap().iter().filter(|node| node["id"] == shown["id"]).collect();
    assert_eq!(runs.len(), 2, "one node, and two runs of it: {nodes}");
    // As `nexus nodes list --help` shows it, with as many nodes as there are.
    let checks = [
        r#"all(.data[] | select(.connected_at); .lease.state == "held" and .lag < 100)"#,
        r#"[.data[] | select(.connected_at and .kind == "validator")] | length == 1"#,
    ];
    for check in checks {
        let mut jq = Command::new("jq").arg("-e").arg(check).stdin(Stdio::piped()).spawn().expect("jq");
        jq.stdin.take().unwrap().write_all(nodes.to_string().as_bytes()).unwrap();
        assert!(jq.wait().unwrap().success(), "{check}: {nodes}");
        let shown = check.replace("== 1", "== 3");
        let help = node.run(&["nodes", "list", "--help"]).stdout.join("\n");
        assert!(help.contains(&format!("jq -e '{shown}'")), "{help}");
    }

    // Nobody waits for a node that said goodbye.
    let key = tenant.keys(&admin).create(&json!({}));
    again.signal("TERM");
    assert!(again.wait(patience()).is_some_and(|status| status.success()));
    let receipt = tenant.keys(&admin).revoke(&key.id).expect(200).json()["receipt"].clone();
    assert_eq!((&receipt["nodes"], &receipt["lapsed"]), (&json!(1), &json!(0)), "{receipt}");
}

#[test]
fn each_api_node_lists_the_nodes_of_all() {
    let Some((one, other)) = two_nodes("the list of nodes") else { return };
    let made = one.admin().post("/v1/nodes", &json!({"name": "Edge"})).expect(201).json();
    let data = tempfile::tempdir().unwrap();
    let (_process, _) = validator(&one, made["credential"].as_str().unwrap(), data.path());
    let here = listed(&one.admin(), "Edge").unwrap();
    let there = eventually("the other one was told", || {
        listed(&other.admin(), "Edge").filter(|node| node["lease"]["state"] == "held")
    });
    for same in ["id", "incarnation", "kind", "credential_id", "api_node", "version", "dialects"] {
        assert_eq!(here[same], there[same], "{same}");
    }
    assert!(there["connected_at"].is_string(), "{there}");
    for node in [&one, &other] {
        let nodes = node.admin().get("/v1/nodes").expect(200).json();
        let kinds: Vec<&str> =
            nodes["data"].as_array().unwrap().iter().map(|node| node["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["api", "api", "validator"], "{nodes}");
    }
    let key = made["node"]["credential_id"].as_str().unwrap();
    let revoked =
        other.admin().post(&format!("/v1/tenants/{PLATFORM}/keys/{key}/revoke"), &json!({})).expect(200);
    assert_eq!(revoked.json()["key"]["status"], "revoked");
    for node in [&one, &other] {
        let _lapsed = eventually("it lost its right", || {
            listed(&node.admin(), "Edge").filter(|node| node["lease"]["state"] == "lapsed")
        });
    }
}
