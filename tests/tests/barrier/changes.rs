//! Every change that takes something away, and every one that gives something, seen through the nodes.

use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::{Answer, Issued, Observer, Store, Target, Tenant, Verdict, eventually, receipt};
use serde_json::{Value, json};

use crate::cluster::{Cluster, DOOMED, Plan};
use crate::judge;

/// What a key is shortened to.
const SHORTENED: Duration = Duration::from_secs(2);

#[test]
fn every_change_holds_on_all_nodes_when_it_is_answered() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    if let Some(cluster) = Cluster::postgres_or_skip("every change", &plan) {
        change_everything(&cluster);
    }
}

#[test]
fn on_sqlite_every_change_holds_on_all_nodes_when_it_is_answered() {
    let plan = Plan { apis: 1, validators: 2, ..Plan::default() };
    change_everything(&Cluster::on(Store::sqlite(), &plan));
}

fn change_everything(cluster: &Cluster) {
    for api in 0..cluster.apis.len() {
        taking(cluster, api);
        adding(cluster, api);
    }
}

/// The question about a key with something beside the credential.
fn asking(key: &Issued, name: &str, value: Value) -> Value {
    let mut question = simple(&key.secret);
    question[name] = value;
    question
}

fn taking(cluster: &Cluster, api: usize) {
    let (admin, keys) = (cluster.admin(api), cluster.keys(api));
    let create = |body: Value| keys.create(&body);

    let key = create(json!({}));
    takes(cluster, "revoke", &simple(&key.secret), || keys.revoke(&key.id));

    let key = create(json!({}));
    takes(cluster, "rotate without grace", &simple(&key.secret), || {
        keys.rotate(&key.id, &json!({"grace": "0"}))
    });

    let key = create(json!({"scopes": ["read:users", "write:users"]}));
    takes(cluster, "narrower scopes", &asking(&key, "required_scopes", json!(["write:users"])), || {
        keys.change(&key.id, &json!({"scopes": ["read:users"]}))
    });

    let key = create(json!({}));
    takes(cluster, "a narrower allow list", &asking(&key, "ip", json!("192.0.2.1")), || {
        keys.change(&key.id, &json!({"ip_allowlist": ["198.51.100.0/24"]}))
    });

    let tenant = Tenant::create(&admin, "nexus");
    let key = tenant.keys(&admin).create(&json!({}));
    takes(cluster, "a suspended tenant", &simple(&key.secret), || {
        admin.post(&tenant.path("/suspend"), &json!({}))
    });
    gives(cluster, "a resumed tenant", &simple(&key.secret), || {
        admin.post(&tenant.path("/resume"), &json!({}))
    });

    let key = create(json!({}));
    shortens(cluster, &simple(&key.secret), || {
        keys.change(&key.id, &json!({"expires_in": format!("{}s", SHORTENED.as_secs())}))
    });
}

fn adding(cluster: &Cluster, api: usize) {
    let keys = cluster.keys(api);

    let key = keys.create(&json!({"scopes": ["read:users"]}));
    accepted_everywhere(cluster, "create", &simple(&key.secret));
    gives(cluster, "wider scopes", &asking(&key, "required_scopes", json!(["write:users"])), || {
        keys.change(&key.id, &json!({"scopes": ["read:users", "write:users"]}))
    });

    let key = keys.create(&json!({"ip_allowlist": ["198.51.100.0/24"]}));
    gives(cluster, "a wider allow list", &asking(&key, "ip", json!("192.0.2.1")), || {
        keys.change(&key.id, &json!({"ip_allowlist": ["198.51.100.0/24", "192.0.2.0/24"]}))
    });

    let rotated = Issued::of(keys.rotate(&key.id, &json!({"grace": "1h"})).expect(200).json());
    for (secret, what) in [(&key.secret, "the old secret"), (&rotated.secret, "the new secret")] {
        let mut question = simple(secret);
        question["ip"] = json!("192.0.2.1");
        accepted_everywhere(cluster, what, &question);
    }
}

fn targets(cluster: &Cluster, question: &Value) -> Vec<Target> {
    let nodes = cluster.nodes().into_iter();
    nodes.map(|(name, client)| Target::verify(&name, DOOMED, client, question.clone())).collect()
}

/// Whatever was accepted before is refused by all nodes from the answer on.
fn takes(cluster: &Cluster, what: &str, question: &Value, change: impl FnOnce() -> Answer) {
    let (seen, answered) = through(cluster, question, change);
    let names: Vec<String> = cluster.nodes().into_iter().map(|(name, _)| name).collect();
    eprintln!("{what}: judged");
    judge::never_accepted(&seen, answered, &names);
}

fn shortens(cluster: &Cluster, question: &Value, change: impl FnOnce() -> Answer) {
    let targets = targets(cluster, question);
    let observer = Observer::start(targets.iter().map(|target| vec![target.clone()]).collect());
    accounts_for_all(cluster, &change());
    let ends = Instant::now() + SHORTENED;
    for target in &targets {
        eventually("it has ended", || {
            (target.ask().verdict == Verdict::Refused("EXPIRED".to_owned())).then_some(())
        });
    }
    let names: Vec<String> = targets.iter().map(|target| target.node().to_owned()).collect();
    let seen = judge::finish(observer, ends, &names);
    judge::never_accepted(&seen, ends, &names);
}

fn through(
    cluster: &Cluster,
    question: &Value,
    change: impl FnOnce() -> Answer,
) -> (nexus_tests::Seen, Instant) {
    accepted_everywhere(cluster, "before", question);
    let targets = targets(cluster, question);
    let observer = Observer::start(targets.iter().map(|target| vec![target.clone()]).collect());
    let answer = change();
    let answered = Instant::now();
    for target in &targets {
        let sight = target.ask();
        assert!(matches!(sight.verdict, Verdict::Refused(_)), "right after the answer: {sight:?}");
    }
    accounts_for_all(cluster, &answer);
    let names: Vec<String> = targets.iter().map(|target| target.node().to_owned()).collect();
    (judge::finish(observer, answered, &names), answered)
}

/// The receipt tells of every node. Where one was left standing so long that it lapsed, so may have been who counts it.
fn accounts_for_all(cluster: &Cluster, answer: &Answer) {
    let receipt = receipt(&answer.clone().expect(200).json());
    assert!(receipt["nodes"] == cluster.nodes().len() || receipt["lapsed"] != 0, "{receipt}");
}

/// Whatever was refused before is accepted by all nodes from the answer on.
fn gives(cluster: &Cluster, what: &str, question: &Value, change: impl FnOnce() -> Answer) {
    for target in targets(cluster, question) {
        let sight = target.ask();
        assert!(matches!(sight.verdict, Verdict::Refused(_)), "before {what}: {sight:?}");
    }
    let answer = change();
    accepted_everywhere(cluster, what, question);
    let _changed = answer.expect(200);
}

/// Without any delay: that is what the answer promised.
fn accepted_everywhere(cluster: &Cluster, what: &str, question: &Value) {
    for target in targets(cluster, question) {
        let sight = target.ask();
        assert_eq!(sight.verdict, Verdict::Accepted, "right after {what}: {sight:?}");
    }
}
