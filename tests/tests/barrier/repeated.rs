//! A revocation is repeated while the first one still waits for a node that stands still.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::{Client, Target, Verdict, eventually};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan, Revoked, validator};
use crate::judge;

#[test]
fn no_repetition_of_a_revocation_is_answered_before_it_holds() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("repeated revocations", &plan) else { return };
    let path = cluster.keys(0).path(&cluster.doomed.id, "/revoke");
    let target = Target::verify(&validator(0), DOOMED, cluster.validator(0), simple(&cluster.doomed.secret));
    let mut observer = cluster.observe();
    cluster.validators[0].freeze();
    let (answers, answered) = mpsc::channel();
    let send = |client: Client| {
        let (path, answers) = (path.clone(), answers.clone());
        std::thread::spawn(move || {
            let called = Instant::now();
            let receipt = client.post(&path, &json!({})).expect(200).json()["receipt"].clone();
            let _over = answers.send(Revoked { called, answered: Instant::now(), receipt });
        })
    };
    let once = |client: Client| client.header("idempotency-key", "once");
    let mut all = vec![send(once(cluster.admin(0)))];
    let keys = cluster.keys(1);
    eventually("it is in the log", || (keys.show(&cluster.doomed.id)["status"] == "revoked").then_some(()));
    all.extend([cluster.admin(0), cluster.admin(1), once(cluster.admin(1))].map(send));

    let first = answered.recv_timeout(Duration::from_secs(20)).expect("an answer");
    (0..4).for_each(|_| observer.ask_aside(&target));
    std::thread::sleep(Duration::from_millis(30));
    cluster.validators[0].thaw();
    eventually("it is refused", || {
        (target.ask().verdict == Verdict::Refused("REVOKED".to_owned())).then_some(())
    });
    all.into_iter().for_each(|sent| sent.join().expect("a repetition"));
    let names: Vec<String> = cluster.nodes().into_iter().map(|(name, _)| name).collect();
    let seen = judge::finish(observer, first.answered, &names);
    judge::in_time(&seen, &first);
    answered.try_iter().for_each(|other| judge::in_time(&seen, &other));
    judge::never_accepted(&seen, first.answered, &names);
}
