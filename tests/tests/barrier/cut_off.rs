//! Validating nodes are cut off from the API nodes: in the one direction, in the other, and in both.

use std::ops::Range;
use std::time::Instant;

use nexus_tests::observer::simple;
use nexus_tests::proxy::Way;
use nexus_tests::{Proxy, Target, Verdict, eventually};

use crate::cluster::{Cluster, Plan, STAYS, validator};
use crate::judge::{self, LEASE};

#[test]
fn validators_that_are_cut_off_either_way_stop_answering_and_come_back_by_themselves() {
    let plan = Plan { apis: 2, validators: 4, proxied: true, ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("validators that are cut off", &plan) else { return };
    let cut = || {
        for proxy in 0..2 {
            cluster.proxies[0][proxy].cut(Way::There);
            cluster.proxies[1][proxy].cut(Way::Back);
            cluster.proxies[2][proxy].cut_both();
        }
    };
    revoke_behind_a_cut(&cluster, 0..3, cut, || cluster.proxies.iter().flatten().for_each(Proxy::heal));
}

/// Revokes the key while some validating nodes are cut off. They stop answering and come back by themselves; all others serve.
pub(crate) fn revoke_behind_a_cut(
    cluster: &Cluster,
    cut_off: Range<usize>,
    cut: impl FnOnce(),
    heal: impl FnOnce(),
) {
    let observer = cluster.observe();

    let disturbed = Instant::now();
    cut();
    let gone = Instant::now();
    let revoked = cluster.revoke(1);
    for number in cut_off.clone() {
        let target = Target::verify(
            &validator(number),
            STAYS,
            cluster.validator(number),
            simple(&cluster.stays.secret),
        );
        eventually("it stops answering", || (target.ask().verdict == Verdict::Unavailable).then_some(()));
    }
    let healed = Instant::now();
    heal();
    cut_off.clone().for_each(|number| cluster.await_back(&cluster.validator(number)));

    let over = Instant::now();
    let all: Vec<String> = cluster.nodes().into_iter().map(|(name, _)| name).collect();
    let names: Vec<String> = cut_off.map(validator).collect();
    let (silent, healthy): (Vec<String>, Vec<String>) =
        all.iter().cloned().partition(|name| names.contains(name));
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &all);
    judge::served(&seen, &healthy, disturbed, over);
    judge::silent(&seen, &silent, gone + LEASE, healed);
    assert!(revoked.receipt["lapsed"].as_u64() >= Some(1), "they were waited for: {}", revoked.receipt);
}
