//! A key's life from its creation to the audit trail, on every store, over REST and with the `nexus` command.

use std::collections::BTreeSet;

use nexus_tests::{Issued, Node, Options, Tenant, eventually, receipt, stores, verify, verify_with};
use serde_json::{Value, json};

fn trusting() -> Options {
    Options::default().set("server.trusted_proxies", r#"["127.0.0.1/32"]"#)
}

/// Actions of a key in the audit trail, oldest first, without its uses.
fn deeds(node: &Node, tenant: &Tenant, key: &str) -> Vec<Value> {
    let mut rows = node.admin().list(&tenant.path(&format!("/audit?key={key}")), 50);
    rows.retain(|row| row["action"] != "key.used");
    rows.reverse();
    rows
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["action"].as_str().unwrap()).collect()
}

#[test]
fn every_step_of_a_keys_life_takes_effect_at_once_and_is_on_record() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let admin = node.admin();
        let tenant = Tenant::create(&admin, "nexus");
        let keys = tenant.keys(&admin);
        let needs = |secret: &str, scope: &str| {
            let question = json!({"credential": secret, "required_scopes": [scope]});
            verify_with(&admin, &question)["code"].as_str().unwrap().to_owned()
        };

        let key = keys.create(&json!({"name": "CI", "scopes": ["read:users"]}));
        assert_eq!(needs(&key.secret, "read:users"), "VALID");
        assert_eq!(needs(&key.secret, "write:users"), "INSUFFICIENT_SCOPE");
        assert_eq!(keys.list("active").len(), 1);
        assert_eq!(keys.list("active")[0]["id"], key.id.as_str());

        let changed = keys.change(&key.id, &json!({"scopes": ["write:users"]})).expect(200).json();
        assert_eq!(changed["scopes"], json!(["write:users"]));
        assert_eq!(receipt(&changed)["confirmed"], 1);
        assert_eq!(needs(&key.secret, "read:users"), "INSUFFICIENT_SCOPE");
        assert_eq!(needs(&key.secret, "write:users"), "VALID");

        let second = Issued::of(keys.rotate(&key.id, &json!({"grace": "1h"})).expect(200).json());
        assert_eq!(second.id, key.id);
        assert!(second.answer.get("receipt").is_none(), "it took nothing away: {}", second.answer);
        assert_eq!(verify(&admin, &key.secret), "VALID", "within its grace");
        assert_eq!(verify(&admin, &second.secret), "VALID");
        let third = Issued::of(keys.rotate(&key.id, &json!({"grace": "0"})).expect(200).json());
        assert_eq!(receipt(&third.answer)["confirmed"], 1);
        assert_eq!(verify(&admin, &second.secret), "REVOKED", "without grace");
        assert_eq!(verify(&admin, &third.secret), "VALID");

        let suspend = admin.post(&tenant.path("/suspend"), &json!({"note": "unpaid"})).expect(200);
        assert_eq!(suspend.json()["status"], "suspended");
        assert_eq!(receipt(&suspend.json())["confirmed"], 1);
        assert_eq!(verify(&admin, &third.secret), "TENANT_SUSPENDED");
        assert_eq!(keys.rotate(&key.id, &json!({})).expect(409).code(), "tenant_suspended");
        let resume = admin.post(&tenant.path("/resume"), &json!({})).expect(200).json();
        assert_eq!(resume["status"], "active");
        assert!(resume.get("receipt").is_none(), "it took nothing away: {resume}");
        assert_eq!(verify(&admin, &third.secret), "VALID");

        let body = json!({"reason": "compromised", "note": "found in a repository"});
        let revoked = admin.post(&keys.path(&key.id, "/revoke"), &body).expect(200).json();
        assert_eq!(revoked["key"]["status"], "revoked");
        assert_eq!(revoked["key"]["revocation_reason"], "compromised");
        let receipt = receipt(&revoked);
        assert_eq!((&receipt["nodes"], &receipt["confirmed"]), (&json!(1), &json!(1)), "{receipt}");
        for secret in [&key.secret, &second.secret, &third.secret] {
            assert_eq!(verify(&admin, secret), "REVOKED");
        }
        let again = keys.revoke(&key.id).expect(200).json();
        assert_eq!(again["key"]["revocation_reason"], "compromised", "the first reason stays");
        assert!(keys.list("active").is_empty());
        assert_eq!(keys.list("revoked").len(), 1);

        let trail = deeds(&node, &tenant, &key.id);
        let expected = ["key.issued", "key.changed", "key.rotated", "key.rotated", "key.revoked"];
        assert_eq!(actions(&trail), expected, "{store:?}: revoking twice is one event");
        let me = verify_with(&admin, &json!({"credential": node.admin_token()}));
        for deed in &trail {
            assert_eq!(deed["actor"], me["key_id"], "{deed}");
            assert_eq!(deed["ip"], "127.0.0.1", "{deed}");
            assert_eq!(deed["outcome"], "success", "{deed}");
            assert!(deed["request_id"].as_str().is_some_and(|id| id.len() > 8), "{deed}");
        }
        let of_tenant = admin.list(&tenant.path("/audit"), 50);
        let of_tenant: BTreeSet<&str> = of_tenant.iter().map(|row| row["action"].as_str().unwrap()).collect();
        for action in ["tenant.created", "tenant.suspended", "tenant.resumed"] {
            assert!(of_tenant.contains(action), "{of_tenant:?}");
        }
    }
}

#[test]
fn nothing_un_revokes_a_key() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let admin = node.admin();
        let tenant = Tenant::create(&admin, "nexus");
        let keys = tenant.keys(&admin);
        let key = keys.create(&json!({"expires_in": "30d"}));
        assert_eq!(keys.revoke(&key.id).status, 200);
        for body in [
            json!({"status": "active"}),
            json!({"revoked_at": null}),
            json!({"revocation_reason": null}),
            json!({"versions": []}),
        ] {
            assert_eq!(keys.change(&key.id, &body).status, 400, "{body}");
        }
        for body in [
            json!({"name": "Again"}),
            json!({"expires_in": "60d"}),
            json!({"expires_at": null}),
            json!({"scopes": ["read:users"]}),
        ] {
            assert_eq!(keys.change(&key.id, &body).expect(409).code(), "key_revoked", "{body}");
        }
        assert_eq!(keys.rotate(&key.id, &json!({"grace": "0"})).expect(409).code(), "key_revoked");
        // Every address that the server offers for a key, with every method, and a body that none refuses to read.
        for (method, path) in crate::contract::routes(&node.client()) {
            if path.contains("{key}") && method != "GET" {
                let path = path.replace("{tenant}", &tenant.id).replace("{key}", &key.id);
                let _any = admin.send(&method, &path, Some(b"{}"));
            }
        }
        assert_eq!(admin.send("DELETE", &keys.path(&key.id, "/revoke"), None).status, 405);
        for action in ["/suspend", "/resume"] {
            assert_eq!(admin.post(&tenant.path(action), &json!({})).status, 200);
        }
        assert_eq!(verify(&admin, &key.secret), "REVOKED", "{store:?}");
        assert_eq!(keys.show(&key.id)["status"], "revoked");
        assert_eq!(actions(&deeds(&node, &tenant, &key.id)), ["key.issued", "key.revoked"]);
    }
}

#[test]
fn a_key_ends_by_itself_and_its_end_is_on_record() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let admin = node.admin();
        let tenant = Tenant::create(&admin, "nexus");
        let keys = tenant.keys(&admin);
        let key = keys.create(&json!({"expires_in": "2s"}));
        assert_eq!(verify(&admin, &key.secret), "VALID");
        eventually("the key expires", || (verify(&admin, &key.secret) == "EXPIRED").then_some(()));
        let trail = eventually("its end is on record", || {
            let trail = deeds(&node, &tenant, &key.id);
            (trail.len() > 1).then_some(trail)
        });
        assert_eq!(actions(&trail), ["key.issued", "key.expired"], "{store:?}");
        assert_eq!(trail[1]["actor"], "system");
        let expired = keys.list("expired");
        assert_eq!(expired.len(), 1);
        assert_eq!(expired[0]["status"], "expired");
        assert!(keys.list("active").is_empty());
        assert_eq!(keys.rotate(&key.id, &json!({})).expect(409).code(), "key_expired");
        assert_eq!(keys.change(&key.id, &json!({"expires_in": "1h"})).expect(409).code(), "key_expired");
    }
}

#[test]
fn usage_counts_exactly_what_was_asked_and_the_log_says_how() {
    for store in stores() {
        let node = Node::serve(&store, &trusting());
        let admin = node.admin();
        let tenant = Tenant::create(&admin, "nexus");
        let keys = tenant.keys(&admin);
        let key = keys.create(&json!({"scopes": ["read:users"], "ip_allowlist": ["203.0.113.0/24"]}));
        let ask = |number: u32, ip: &str, scope: &str| {
            let answer = node
                .client()
                .bearer(&key.secret)
                .header("x-original-method", "GET")
                .header("x-original-uri", &format!("/v1/users/{number}?token=hidden"))
                .header("x-forwarded-for", ip)
                .header("x-request-id", &format!("req-{number}"))
                .header("x-client-version", "1.4.0")
                .get(&format!("/v1/forward-auth/nexus?scope={scope}"));
            assert_eq!(answer.header("x-request-id"), Some(format!("req-{number}").as_str()));
            answer.status
        };
        for number in 0..17 {
            assert_eq!(ask(number, "203.0.113.7", "read:users"), 200);
        }
        for number in 17..22 {
            assert_eq!(ask(number, "203.0.113.7", "write:users"), 403);
        }
        for number in 22..25 {
            assert_eq!(ask(number, "198.51.100.1", "read:users"), 403);
        }
        for _ in 0..4 {
            assert_eq!(verify(&admin, &key.secret), "IP_NOT_ALLOWED");
        }
        let expected = json!({"VALID": 17, "INSUFFICIENT_SCOPE": 5, "IP_NOT_ALLOWED": 7});
        eventually("usage comes in", || (keys.usage(&key.id) == expected).then_some(()));

        let log = admin.list(&keys.path(&key.id, "/requests"), 10);
        assert_eq!(log.len(), 29, "{store:?}");
        let mut ids: Vec<&str> = log.iter().filter_map(|row| row["request_id"].as_str()).collect();
        assert_eq!(ids.len(), 25);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 25, "each request once");
        let row = log.iter().find(|row| row["request_id"] == "req-20").unwrap();
        assert_eq!(row["code"], "INSUFFICIENT_SCOPE");
        assert_eq!(row["method"], "GET");
        assert_eq!(row["path"], "/v1/users/20", "without the query, which may hold secrets");
        assert_eq!(row["ip"], "203.0.113.7");
        assert_eq!(row["client_version"], "1.4.0");
        assert_eq!(row["version"], 1);
        let shown = keys.show(&key.id);
        assert!(
            shown["last_used_at"].is_string() && shown["versions"][0]["last_used_at"].is_string(),
            "{shown}"
        );
        assert_eq!(keys.usage(&key.id), expected, "what was counted stays as it is");
    }
}

#[test]
fn the_same_life_with_the_nexus_command() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let json = |arguments: &[&str]| node.run(&[arguments, &["--output", "json"]].concat()).json();
        let tenant = json(&["tenants", "create", "--name", "Acme", "--dialect", "nexus"]);
        let tenant = tenant["id"].as_str().unwrap();
        let of = ["--tenant", tenant];
        let keys = |arguments: &[&str]| json(&[&["keys"], arguments, &of].concat());
        let key = Issued::of(keys(&["create", "--name", "CI", "--scope", "read:users"]));
        let verify = |secret: &str| {
            let finished = node.run(&["verify", secret, "--scope", "read:users", "--output", "json"]);
            let verdict: Value = serde_json::from_str(&finished.stdout.join("\n")).unwrap();
            assert_eq!(finished.code, Some(i32::from(verdict["valid"] != true)), "{finished:?}");
            verdict["code"].as_str().unwrap().to_owned()
        };
        assert_eq!(verify(&key.secret), "VALID");
        assert_eq!(keys(&["list"])["data"][0]["id"], key.id.as_str());
        assert_eq!(keys(&["change", &key.id, "--name", "CI 2"])["name"], "CI 2");
        let second = Issued::of(keys(&["rotate", &key.id, "--grace", "0"]));
        assert_eq!((verify(&key.secret), verify(&second.secret)), ("REVOKED".to_owned(), "VALID".to_owned()));
        assert_eq!(json(&["tenants", "suspend", tenant])["status"], "suspended");
        let in_force = |arguments: &[&str]| {
            let said = node.run(arguments).stdout;
            let receipts: Vec<&String> = said.iter().filter(|line| line.starts_with("Receipt ")).collect();
            let [receipt] = receipts[..] else { panic!("one receipt: {said:?}") };
            assert!(receipt.contains("  in force on 1 of 1 nodes within "), "{receipt}");
        };
        in_force(&["tenants", "suspend", tenant]);
        assert_eq!(verify(&second.secret), "TENANT_SUSPENDED");
        assert_eq!(json(&["tenants", "resume", tenant])["status"], "active");
        in_force(&["keys", "change", &key.id, "--name", "CI 3", "--tenant", tenant]);
        let other = Issued::of(keys(&["create", "--name", "Other"]));
        in_force(&["keys", "rotate", &other.id, "--grace", "0", "--tenant", tenant]);
        let revoked = keys(&["revoke", &key.id, "--reason", "compromised"]);
        assert_eq!(revoked["receipt"]["confirmed"], 1);
        assert_eq!(verify(&second.secret), "REVOKED");
        eventually("usage comes in", || {
            (keys(&["usage", &key.id])["totals"] == json!({"VALID": 2, "REVOKED": 2, "TENANT_SUSPENDED": 1}))
                .then_some(())
        });
        assert_eq!(keys(&["requests", &key.id])["data"].as_array().unwrap().len(), 5);
        let trail = json(&["audit", "search", "--key", &key.id, "--action", "key.revoked"]);
        assert_eq!(trail["data"].as_array().unwrap().len(), 1, "{trail}");

        let refused = node.run(&["keys", "rotate", &key.id, "--tenant", tenant]);
        assert_eq!(refused.code, Some(1));
        assert_eq!(refused.stderr.len(), 1, "one line why: {refused:?}");
        assert!(refused.stderr[0].contains("key_revoked"), "{refused:?}");
        let table = node.run(&["keys", "list", "--tenant", tenant, "--status", "all"]);
        assert!(!table.stdout.join("\n").contains(&second.secret), "no secret in a table");
        assert_eq!(node.run(&["keys", "rotate"]).code, Some(2), "wrong usage");
    }
}

#[test]
fn a_restart_keeps_keys_refusals_and_counts() {
    for store in stores() {
        let node = Node::serve(&store, &Options::default());
        let tenant = Tenant::create(&node.admin(), "nexuscommerce");
        let keys = tenant.keys(&node.admin());
        let (live, dead) = (keys.create(&json!({})), keys.create(&json!({})));
        assert_eq!(keys.revoke(&dead.id).status, 200);
        for _ in 0..9 {
            assert_eq!(verify(&node.admin(), &live.secret), "VALID");
        }
        assert_eq!(verify(&node.admin(), &dead.secret), "REVOKED");
        // No wait for usage: what is still in the node's journal must come along.
        let node = node.restart();
        let admin = node.admin();
        let keys = tenant.keys(&admin);
        assert_eq!(verify(&admin, &live.secret), "VALID", "{store:?}");
        assert_eq!(verify(&admin, &dead.secret), "REVOKED");
        assert_eq!(keys.list("all").len(), 2);
        eventually("usage is complete", || {
            let counted = (keys.usage(&live.id), keys.usage(&dead.id));
            (counted == (json!({"VALID": 10}), json!({"REVOKED": 2}))).then_some(())
        });
        assert_eq!(actions(&deeds(&node, &tenant, &dead.id)), ["key.issued", "key.revoked"]);
    }
}
