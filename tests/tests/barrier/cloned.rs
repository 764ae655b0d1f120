//! Two validating nodes with one node id: somebody copied a folder.

use std::process::Command;
use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::{Observer, Target, Validator, Verdict, eventually};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan, STAYS, revoke, validator};
use crate::judge;

/// A frozen node's right was renewed three quarters of a second ago at most when the machine is idle.
const WAITED_AT_LEAST: Duration = Duration::from_millis(1500);

#[test]
fn a_revocation_waits_for_every_run_of_a_node_that_was_cloned() {
    let plan = Plan { apis: 2, validators: 1, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip("a cloned validator", &plan) else { return };
    cluster.validators[0].stop();
    let (original, clone) = (cluster.validators[0].folder().to_owned(), cluster.store.folder().join("clone"));
    std::fs::create_dir(&clone).unwrap();
    let copied = Command::new("cp").arg("-R").arg(original.join("data")).arg(clone.join("data")).status();
    assert!(copied.unwrap().success());
    cluster.validators[0].run_again();
    cluster.validators.push(Validator::begin(&clone, &cluster.credentials[0].secret, &{
        cluster.apis.iter().map(nexus_tests::Node::url).collect::<Vec<_>>()
    }));
    cluster.validators.iter().for_each(Validator::await_ready);

    let used = cluster.keys(0).create(&json!({"name": "Used on both"}));
    for (number, times) in [(0, 20), (1, 30)] {
        let target =
            Target::verify(&validator(number), STAYS, cluster.validator(number), simple(&used.secret));
        (0..times).for_each(|_| assert_eq!(target.ask().verdict, Verdict::Accepted));
    }
    for frozen in 0..2 {
        freeze(&cluster, frozen);
    }
    let counted = || cluster.keys(0).usage(&used.id)["VALID"].as_u64();
    eventually("the uses of both are counted", || (counted() == Some(50)).then_some(()));
}

fn freeze(cluster: &Cluster, frozen: usize) {
    let key = cluster.keys(0).create(&json!({"name": format!("Revoked while {frozen} stands still")}));
    let targets = [0, 1].map(|number| {
        let (name, client) = (validator(number), cluster.validator(number));
        vec![
            Target::verify(&name, DOOMED, client.clone(), simple(&key.secret)),
            Target::verify(&name, STAYS, client, simple(&cluster.stays.secret)),
        ]
    });
    for target in targets.iter().flatten() {
        eventually("both serve", || (target.ask().verdict == Verdict::Accepted).then_some(()));
    }
    let mut observer = Observer::start(targets.to_vec());
    let disturbed = Instant::now();
    cluster.validators[frozen].freeze();
    let revoked = revoke(&cluster.keys(1), &key.id);
    for _ in 0..4 {
        observer.ask_aside(&targets[frozen][0]);
    }
    std::thread::sleep(Duration::from_millis(30));
    cluster.validators[frozen].thaw();
    eventually("it is refused", || {
        (targets[frozen][0].ask().verdict == Verdict::Refused("REVOKED".to_owned())).then_some(())
    });
    let over = Instant::now();
    let seen = judge::finish(observer, revoked.answered, &[validator(0), validator(1)]);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &[validator(0), validator(1)]);
    judge::served(&seen, &[validator(1 - frozen)], disturbed, over);
    assert!(revoked.took() > WAITED_AT_LEAST, "it waited for the frozen one: {:?}", revoked.took());
}
