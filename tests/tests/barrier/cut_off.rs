//! Validating nodes are cut off from the API nodes: in the one direction, in the other, and in both.

use std::time::Instant;

use nexus_tests::observer::simple;
use nexus_tests::proxy::Way;
use nexus_tests::{Target, Verdict, eventually};

use crate::cluster::{Cluster, Plan, STAYS, api, validator};
use crate::judge::{self, LEASE};

#[test]
fn validators_that_are_cut_off_either_way_stop_answering_and_come_back_by_themselves() {
    let plan = Plan { apis: 2, validators: 4, proxied: true, ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("validators that are cut off", &plan) else { return };
    let observer = cluster.observe();

    let disturbed = Instant::now();
    for proxy in 0..2 {
        cluster.proxies[0][proxy].cut(Way::There);
        cluster.proxies[1][proxy].cut(Way::Back);
        cluster.proxies[2][proxy].cut_both();
    }
    let cut = Instant::now();
    let revoked = cluster.revoke(1);
    for number in 0..3 {
        let target = Target::verify(
            &validator(number),
            STAYS,
            cluster.validator(number),
            simple(&cluster.stays.secret),
        );
        eventually("it stops answering", || (target.ask().verdict == Verdict::Unavailable).then_some(()));
    }
    let healed = Instant::now();
    cluster.proxies.iter().flatten().for_each(nexus_tests::Proxy::heal);
    (0..3).for_each(|number| cluster.await_back(&cluster.validator(number)));

    let over = Instant::now();
    let cut_off = [validator(0), validator(1), validator(2)];
    let healthy = [api(0), api(1), validator(3)];
    let all = [&cut_off[..], &healthy[..]].concat();
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &all);
    judge::served(&seen, &healthy, disturbed, over);
    judge::silent(&seen, &cut_off, cut + LEASE, healed);
    assert!(revoked.receipt["lapsed"].as_u64() >= Some(1), "they were waited for: {}", revoked.receipt);
}
