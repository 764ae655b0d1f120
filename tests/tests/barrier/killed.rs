//! Processes that die in the middle of a revocation.

use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::{Target, Verdict, eventually};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan, Revoked, STAYS, api, revoke, validator};
use crate::judge;

#[test]
fn a_revocation_whose_api_node_died_holds_when_its_repetition_is_answered_elsewhere() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip("an API node that dies", &plan) else { return };
    let observer = cluster.observe();
    let disturbed = Instant::now();
    cluster.validators[0].freeze();
    let path = cluster.keys(0).path(&cluster.doomed.id, "/revoke");
    let [first, second] = [0, 1].map(|api| cluster.admin(api).header("idempotency-key", "once"));
    let unanswered = {
        let path = path.clone();
        std::thread::spawn(move || first.try_send("POST", &path, Some(b"{}")))
    };
    let keys = cluster.keys(1);
    eventually("it is in the log", || (keys.show(&cluster.doomed.id)["status"] == "revoked").then_some(()));
    cluster.apis[0].kill();
    assert!(
        unanswered.join().expect("the request").is_err(),
        "it was answered before the frozen node lapsed"
    );

    let called = Instant::now();
    let answer = second.post(&path, &json!({})).expect(200).json();
    let revoked = Revoked { called, answered: Instant::now(), receipt: answer["receipt"].clone() };
    cluster.validators[0].thaw();
    cluster.await_back(&cluster.validator(0));
    let dead = cluster.apis.remove(0);
    cluster.apis.insert(0, dead.start_again());
    cluster.await_back(&cluster.admin(0));

    let over = Instant::now();
    let others = [api(1), validator(1)];
    let all = [&others[..], &[api(0), validator(0)]].concat();
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &all);
    judge::served(&seen, &others, disturbed, over);
    let again = second.post(&path, &json!({})).expect(200).json();
    assert_eq!(again, answer, "a repetition gets the same answer");
}

#[test]
fn no_right_to_answer_survives_a_restart() {
    let plan = Plan { apis: 2, validators: 2, proxied: true, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip("a validator that starts again", &plan) else { return };
    let observer = cluster.observe();
    let disturbed = Instant::now();
    cluster.validators[0].kill();
    cluster.proxies[0].iter().for_each(nexus_tests::Proxy::cut_both);
    let cache = cluster.validators[0].folder().join("data").join("cache");
    assert!(cache.is_file(), "its table is on its disk");
    cluster.validators[0].run_again();
    cluster.validators[0].await_listening();
    let target = Target::verify(&validator(0), STAYS, cluster.validator(0), simple(&cluster.stays.secret));
    let listening = Instant::now();
    let mut asked = 0;
    let revoked = std::thread::scope(|scope| {
        let revoking = scope.spawn(|| cluster.revoke(1));
        while listening.elapsed() < Duration::from_secs(1) || !revoking.is_finished() {
            assert_eq!(target.ask().verdict, Verdict::Unavailable, "nobody gave it a right");
            asked += 1;
        }
        revoking.join().expect("the revocation")
    });
    assert!(asked > 1, "it was asked");
    cluster.proxies[0].iter().for_each(nexus_tests::Proxy::heal);
    cluster.validators[0].await_ready();
    cluster.await_back(&cluster.validator(0));

    let over = Instant::now();
    let all = [api(0), api(1), validator(0), validator(1)];
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &all);
    judge::served(&seen, &[api(0), api(1), validator(1)], disturbed, over);
}

#[test]
fn a_validator_that_is_killed_and_started_at_once_accepts_nothing_that_was_revoked_meanwhile() {
    let plan = Plan { apis: 2, validators: 1, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip("a validator that is killed", &plan) else { return };
    for round in 0..3 {
        let key = cluster.keys(0).create(&json!({"name": format!("Round {round}")}));
        let target = Target::verify(&validator(0), DOOMED, cluster.validator(0), simple(&key.secret));
        assert_eq!(target.ask().verdict, Verdict::Accepted, "it is visible when the creation is answered");
        let observer = nexus_tests::Observer::start(vec![vec![target.clone()]; 2]);
        cluster.validators[0].kill();
        cluster.validators[0].run_again();
        let revoked = revoke(&cluster.keys(round % 2), &key.id);
        eventually("it is refused", || {
            (target.ask().verdict == Verdict::Refused("REVOKED".to_owned())).then_some(())
        });
        let seen = judge::finish(observer, revoked.answered, &[validator(0)]);
        judge::in_time(&seen, &revoked);
        judge::never_accepted(&seen, revoked.answered, &[validator(0)]);
        cluster.validators[0].await_ready();
    }
}
