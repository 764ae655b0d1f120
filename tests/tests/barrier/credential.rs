//! A validating node's own credential is revoked.

use std::time::Instant;

use nexus_tests::observer::simple;
use nexus_tests::validator::PLATFORM;
use nexus_tests::{Client, Target, Verdict, eventually, patience};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan, STAYS, api, validator};
use crate::judge::{self, LEASE};

#[test]
fn a_node_whose_credential_is_revoked_answers_nothing_within_the_lease_time() {
    let plan = Plan { apis: 2, validators: 2, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip("a node's credential", &plan) else { return };
    let target = Target::verify(&validator(0), STAYS, cluster.validator(0), simple(&cluster.stays.secret));
    eventually("it asks for single credentials, on a stream that it keeps", || {
        cluster.validators[0].kill();
        cluster.validators[0].run_again();
        eventually("it is accepted", || (target.ask().verdict == Verdict::Accepted).then_some(()));
        reads_through(&cluster.validators[0].client()).then_some(())
    });
    cluster.validators[0].await_ready();

    let observer = cluster.observe();
    let disturbed = Instant::now();
    let path = format!("/v1/tenants/{PLATFORM}/keys/{}/revoke", cluster.credentials[0].id);
    let _revoked = cluster.admin(1).post(&path, &json!({})).expect(200);
    let lapsed = Instant::now() + LEASE;
    eventually("it stops answering", || (target.ask().verdict == Verdict::Unavailable).then_some(()));
    let revoked = cluster.revoke(0);
    let refused = cluster.validators[0].find_in_log(patience(), "answers 401");
    assert!(refused.is_some(), "the API nodes do not know it any more");
    let log = |text: &str| cluster.validators[0].find_in_log(patience(), text);
    assert!(log("every API node refuses this node").is_some_and(|line| line.contains("ERROR")));
    assert!(log("has lost the right to answer from memory").is_some_and(|line| line.contains("WARN")));
    eventually("it is asked behind its lease", || (Instant::now() > lapsed + LEASE).then_some(()));
    let over = Instant::now();
    let seen = judge::finish(observer, over, &[api(0), api(1), validator(0), validator(1)]);
    judge::silent(&seen, &[validator(0)], lapsed, over);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &[api(0), api(1), validator(0), validator(1)]);
    judge::served(&seen, &[api(0), api(1), validator(1)], disturbed, over);
    let refused =
        seen.about(DOOMED).filter(|sight| sight.node == validator(1) && sight.began > revoked.answered);
    assert!(refused.count() > 0);
}

/// Whether a node has asked API nodes for single credentials since its start.
fn reads_through(client: &Client) -> bool {
    let metrics = client.get("/metrics").expect(200).text();
    metrics.lines().any(|line| line.starts_with("nexus_read_throughs_total") && !line.ends_with(" 0"))
}
