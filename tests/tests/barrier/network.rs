//! The kernel's network between validating nodes and API nodes drops packets, in one direction or in both.

use std::time::Instant;

use nexus_tests::observer::simple;
use nexus_tests::{Target, Validator, Verdict, eventually, node_credential};

use crate::cluster::{Cluster, Plan, STAYS, api, validator};
use crate::judge::{self, LEASE};
use crate::namespace::Namespace;

#[test]
fn validators_behind_a_network_that_drops_packets_stop_answering_and_come_back() {
    const TEST: &str = "a network that drops packets";
    let mut networks = Vec::new();
    for number in 0..3 {
        let Some(network) = Namespace::start(TEST, number) else { return };
        networks.push(network);
    }
    let plan = Plan { apis: 2, validators: 1, everywhere: true, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip(TEST, &plan) else { return };
    for (number, network) in networks.iter().enumerate() {
        let urls =
            cluster.apis.iter().map(|api| format!("http://{}:{}", network.machine(), api.address().port()));
        let urls: Vec<String> = urls.collect();
        let credential = node_credential(&cluster.admin(0)).secret;
        let folder = cluster.store.folder().join(format!("network-{number}"));
        cluster.validators.push(Validator::begin_in(network.surroundings(), &folder, &credential, &urls));
    }
    cluster.validators.iter().for_each(Validator::await_ready);
    let observer = cluster.observe();

    let disturbed = Instant::now();
    networks[0].cut_there();
    networks[1].cut_back();
    networks[2].cut_there();
    networks[2].cut_back();
    let cut = Instant::now();
    let revoked = cluster.revoke(1);
    for number in 1..4 {
        let target = Target::verify(
            &validator(number),
            STAYS,
            cluster.validator(number),
            simple(&cluster.stays.secret),
        );
        eventually("it stops answering", || (target.ask().verdict == Verdict::Unavailable).then_some(()));
    }
    let healed = Instant::now();
    networks[0].heal_there();
    networks[1].heal_back();
    networks[2].heal_there();
    networks[2].heal_back();
    (1..4).for_each(|number| cluster.await_back(&cluster.validator(number)));

    let over = Instant::now();
    let cut_off = [validator(1), validator(2), validator(3)];
    let healthy = [api(0), api(1), validator(0)];
    let all = [&cut_off[..], &healthy[..]].concat();
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &all);
    judge::served(&seen, &healthy, disturbed, over);
    judge::silent(&seen, &cut_off, cut + LEASE, healed);
    assert!(revoked.receipt["lapsed"].as_u64() >= Some(1), "they were waited for: {}", revoked.receipt);
}
