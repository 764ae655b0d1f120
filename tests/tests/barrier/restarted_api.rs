//! An API node is killed and starts again while a node that stands still holds a right that it gave.

use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::{Observer, Store, Target, Verdict, eventually};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan, revoke, validator};
use crate::judge;

#[test]
fn an_api_node_that_starts_again_waits_for_what_it_granted_before() {
    if let Some(store) = Store::postgres_or_skip("an API node that starts again") {
        kill_and_revoke(store);
    }
}

#[test]
fn on_sqlite_an_api_node_that_starts_again_waits_for_what_it_granted_before() {
    kill_and_revoke(Store::sqlite());
}

fn kill_and_revoke(store: Store) {
    let mut cluster = Cluster::on(store, &Plan { apis: 1, validators: 1, ..Plan::default() });
    let key = cluster.keys(0).create(&json!({}));
    let target = Target::verify(&validator(0), DOOMED, cluster.validator(0), simple(&key.secret));
    eventually("it is accepted", || (target.ask().verdict == Verdict::Accepted).then_some(()));
    let mut observer = Observer::start(vec![vec![target.clone()]]);
    cluster.validators[0].freeze();
    let frozen = Instant::now();
    cluster.apis[0].kill();
    let dead = cluster.apis.remove(0);
    cluster.apis.insert(0, dead.start_again());
    eprintln!("it serves again {:?} after the other froze", frozen.elapsed());
    let revoked = revoke(&cluster.keys(0), &key.id);
    (0..4).for_each(|_| observer.ask_aside(&target));
    std::thread::sleep(Duration::from_millis(30));
    cluster.validators[0].thaw();
    eventually("it is refused", || {
        (target.ask().verdict == Verdict::Refused("REVOKED".to_owned())).then_some(())
    });
    let seen = judge::finish(observer, revoked.answered, &[validator(0)]);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &[validator(0)]);
}
