//! A validating node stands still for two lease times, and goes on.

use std::slice;
use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::{Observer, Store, Target, Verdict, eventually};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan, api, revoke, validator};
use crate::judge;

/// Two lease times, and a little.
const FROZEN: Duration = Duration::from_millis(6300);

#[test]
fn a_validator_that_stood_still_accepts_nothing_that_was_revoked_meanwhile() {
    let plan = Plan { apis: 2, validators: 3, ..Plan::default() };
    if let Some(cluster) = Cluster::postgres_or_skip("a frozen validator", &plan) {
        freeze_one(&cluster);
    }
}

#[test]
fn on_sqlite_a_validator_that_stood_still_accepts_nothing_that_was_revoked_meanwhile() {
    let plan = Plan { apis: 1, validators: 2, ..Plan::default() };
    freeze_one(&Cluster::on(Store::sqlite(), &plan));
}

#[test]
fn a_validator_that_goes_on_as_soon_as_the_revocation_is_answered_accepts_nothing_either() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("a validator that goes on at once", &plan) else { return };
    let (name, client) = (validator(0), cluster.validator(0));
    assert_eq!(cluster.validators[0].follows(), Some(cluster.apis[0].url()));
    // By either API node, each with a key of its own.
    for revoking in 0..2 {
        let key = cluster.keys(0).create(&json!({"name": "Revoked while a node stands still"}));
        let target = Target::verify(&name, DOOMED, client.clone(), simple(&key.secret));
        let mut observer = Observer::start(vec![vec![target.clone()]]);
        eventually("it is accepted", || (target.ask().verdict == Verdict::Accepted).then_some(()));
        cluster.validators[0].freeze();
        let revoked = revoke(&cluster.keys(revoking), &key.id);
        for _ in 0..8 {
            observer.ask_aside(&target);
        }
        // In its queue, and begun after the answer.
        std::thread::sleep(Duration::from_millis(30));
        cluster.validators[0].thaw();
        eventually("it is refused", || {
            (target.ask().verdict == Verdict::Refused("REVOKED".to_owned())).then_some(())
        });
        let seen = judge::finish(observer, revoked.answered, slice::from_ref(&name));
        judge::in_time(&seen, &revoked);
        judge::never_accepted(&seen, revoked.answered, slice::from_ref(&name));
        assert!(revoked.receipt["lapsed"].as_u64() >= Some(1), "it was waited for: {}", revoked.receipt);
    }
}

fn freeze_one(cluster: &Cluster) {
    let nodes = cluster.nodes();
    let (name, client) = (validator(0), cluster.validator(0));
    let healthy: Vec<String> =
        nodes.iter().map(|(node, _)| node.clone()).filter(|node| *node != name).collect();
    let mut observer = cluster.observe();

    let disturbed = Instant::now();
    cluster.validators[0].freeze();
    let (revoked, additions) = std::thread::scope(|scope| {
        // By the API node that the frozen one does not follow, where there is another.
        let revoking = scope.spawn(|| {
            let revoked = cluster.revoke(cluster.apis.len() - 1);
            // What only gives something does not wait for it as long.
            let keys = cluster.keys(0);
            let creating = Instant::now();
            let key = keys.create(&json!({"name": "Created meanwhile"}));
            let renaming = Instant::now();
            let _renamed = keys.change(&key.id, &json!({"name": "Renamed meanwhile"})).expect(200);
            (revoked, [(creating, renaming), (renaming, Instant::now())])
        });
        cluster.ask_aside(&mut observer, &name, &client, FROZEN);
        revoking.join().expect("the revocation")
    });
    cluster.validators[0].thaw();
    cluster.await_back(&client);

    let over = Instant::now();
    let all: Vec<String> = nodes.into_iter().map(|(node, _)| node).collect();
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    for (began, answered) in additions {
        judge::added_in_time(&seen, began, answered);
    }
    judge::never_accepted(&seen, revoked.answered, &all);
    judge::served(&seen, &healthy, disturbed, over);
    assert!(revoked.receipt["lapsed"].as_u64() >= Some(1), "it was waited for: {}", revoked.receipt);
    assert!(healthy.contains(&api(0)));
}
