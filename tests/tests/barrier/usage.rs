//! Uses on validating nodes are counted once, whoever is killed in between.

use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::{Issued, Target, Verdict, eventually};
use serde_json::json;

use crate::cluster::{Cluster, Plan, STAYS, validator};

/// Longer than the ten milliseconds that a kill may lose.
const WRITTEN: Duration = Duration::from_millis(50);
/// By how much later each kill falls than the one before, up to behind the batch that goes out once a second.
const LATER: Duration = Duration::from_millis(330);
/// What would be counted twice comes with a later batch.
const ANOTHER_BATCH: Duration = Duration::from_millis(2500);

#[test]
fn uses_on_validators_are_counted_exactly_once_whoever_is_killed() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip("uses on validators", &plan) else { return };
    let key = cluster.keys(0).create(&json!({"name": "Counted"}));
    let mut uses = 0;
    for round in 0..4 {
        uses += use_it(&cluster, &key, 30);
        std::thread::sleep(WRITTEN + LATER * u32::try_from(round).expect("a few rounds"));
        cluster.validators[round % 2].kill();
        cluster.validators[round % 2].run_again();
        cluster.validators[round % 2].await_ready();
        uses += use_it(&cluster, &key, 25);
        std::thread::sleep(WRITTEN);
        let api = round % 2;
        cluster.apis[api].kill();
        let dead = cluster.apis.remove(api);
        cluster.apis.insert(api, dead.start_again());
    }
    counted(&cluster, &key, uses);
}

#[test]
fn without_the_control_plane_validation_goes_on_within_the_lease_and_usage_arrives_later() {
    let plan = Plan { apis: 2, validators: 2, proxied: true, ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("usage without a control plane", &plan) else { return };
    let key = cluster.keys(0).create(&json!({"name": "Counted"}));
    let mut uses = use_it(&cluster, &key, 5);
    cluster.proxies.iter().flatten().for_each(nexus_tests::Proxy::cut_both);
    let cut = Instant::now();
    // Renewed less than a second before, unless the machine was busy.
    while cut.elapsed() < Duration::from_millis(1500) {
        uses += use_it(&cluster, &key, 10);
    }
    let all_silent = || {
        (0..2).all(|number| {
            let client = cluster.validator(number);
            let target = Target::verify(&validator(number), STAYS, client, simple(&cluster.stays.secret));
            target.ask().verdict == Verdict::Unavailable
        })
    };
    eventually("they stop answering", || all_silent().then_some(()));
    cluster.proxies.iter().flatten().for_each(nexus_tests::Proxy::heal);
    counted(&cluster, &key, uses);
}

/// So many uses on each validating node, all accepted; tells how many in all.
fn use_it(cluster: &Cluster, key: &Issued, times: u64) -> u64 {
    let mut uses = 0;
    for number in 0..cluster.validators.len() {
        let target =
            Target::verify(&validator(number), STAYS, cluster.validator(number), simple(&key.secret));
        for _ in 0..times {
            let sight = target.ask();
            assert_eq!(sight.verdict, Verdict::Accepted, "{sight:?}");
            uses += 1;
        }
    }
    uses
}

fn counted(cluster: &Cluster, key: &Issued, uses: u64) {
    let count = || cluster.keys(0).usage(&key.id)["VALID"].as_u64().unwrap_or(0);
    eventually("all uses are counted", || (count() >= uses).then_some(()));
    std::thread::sleep(ANOTHER_BATCH);
    assert_eq!(count(), uses, "each is counted once");
}
