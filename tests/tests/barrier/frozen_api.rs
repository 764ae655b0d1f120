//! An API node to which validating nodes are attached stands still.

use std::time::{Duration, Instant};

use nexus_tests::eventually;

use crate::cluster::{Cluster, Plan, api, validator};
use crate::judge;

/// Two lease times, and a little.
const FROZEN: Duration = Duration::from_millis(6300);

#[test]
fn validators_of_an_api_node_that_stands_still_move_on_and_serve_throughout() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("a frozen API node", &plan) else { return };
    let all_follow = |api: usize| {
        let url = Some(cluster.apis[api].url());
        cluster.validators.iter().all(|validator| validator.follows() == url).then_some(())
    };
    eventually("the first API node is followed", || all_follow(0));
    let frozen = cluster.admin(0);
    let mut observer = cluster.observe();

    let disturbed = Instant::now();
    cluster.apis[0].freeze();
    let revoked = std::thread::scope(|scope| {
        let revoking = scope.spawn(|| cluster.revoke(1));
        cluster.ask_aside(&mut observer, &api(0), &frozen, FROZEN);
        revoking.join().expect("the revocation")
    });
    all_follow(1).expect("the second API node is followed by then");
    cluster.apis[0].thaw();
    cluster.await_back(&frozen);

    let over = Instant::now();
    let all = [api(0), api(1), validator(0), validator(1)];
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &all);
    judge::served(&seen, &[api(1), validator(0), validator(1)], disturbed, over);
}

#[test]
fn an_api_node_and_its_validator_that_go_on_as_soon_as_the_revocation_is_answered_accept_nothing() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("an API node that goes on at once", &plan) else { return };
    assert_eq!(cluster.validators[0].follows(), Some(cluster.apis[0].url()));
    let mut observer = cluster.observe();
    cluster.apis[0].freeze();
    cluster.validators[0].freeze();
    let revoked = cluster.revoke(1);
    let both = [(api(0), cluster.admin(0)), (validator(0), cluster.validator(0))];
    for (name, client) in &both {
        cluster.ask_aside(&mut observer, name, client, Duration::from_millis(1));
    }
    cluster.apis[0].thaw();
    cluster.validators[0].thaw();
    both.iter().for_each(|(_, client)| cluster.await_back(client));
    let all = [api(0), api(1), validator(0), validator(1)];
    let seen = judge::finish(observer, revoked.answered, &all);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &all);
}
