//! The database and the broker die in the middle of a revocation.

use std::time::Instant;

use nexus_tests::broker::Broker;
use nexus_tests::observer::simple;
use nexus_tests::postgres::Server;
use nexus_tests::{Options, Store, Target, Verdict, eventually};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Plan, Revoked, STAYS};
use crate::judge::{self, LEASE};

#[test]
fn without_their_database_nodes_stop_answering_and_with_it_they_come_back() {
    if let Some(server) = Server::start("a database that dies in mid-revocation") {
        take_away(server, Server::stop_immediately, Server::run);
    }
}

#[test]
fn while_their_database_stands_still_nodes_stop_answering_and_with_it_they_go_on() {
    if let Some(server) = Server::start("a database that stands still in mid-revocation") {
        take_away(server, |server| server.signal_all("STOP"), |server| server.signal_all("CONT"));
    }
}

fn take_away(mut server: Server, away: impl FnOnce(&mut Server), returns: impl FnOnce(&mut Server)) {
    let options = Options::default().set("database.url", &Value::from(server.url()).to_string());
    let plan = Plan { apis: 2, validators: 2, options, ..Plan::default() };
    let cluster = Cluster::on(Store::sqlite(), &plan);
    let observer = cluster.observe();
    cluster.validators[0].freeze();
    let first = {
        let (keys, key) = (cluster.keys(0), cluster.doomed.id.clone());
        std::thread::spawn(move || {
            let called = Instant::now();
            let answer = keys.revoke(&key);
            (called, Instant::now(), answer)
        })
    };
    let keys = cluster.keys(1);
    eventually("it is in the log", || (keys.show(&cluster.doomed.id)["status"] == "revoked").then_some(()));
    away(&mut server);
    let gone = Instant::now();
    cluster.validators[0].thaw();
    for (name, client) in cluster.nodes() {
        let target = Target::verify(&name, STAYS, client, simple(&cluster.stays.secret));
        eventually("it stops answering", || (target.ask().verdict == Verdict::Unavailable).then_some(()));
    }
    let back = Instant::now();
    returns(&mut server);
    let (called, answered, answer) = first.join().expect("the request");
    eprintln!("the revocation that lost its database: {answer:?} after {:?}", answered - called);
    assert!(matches!(answer.status, 200 | 503), "{answer:?}");
    let repeated = eventually("it can be repeated", || {
        let called = Instant::now();
        let answer = cluster.keys(1).revoke(&cluster.doomed.id);
        let receipt = (answer.status == 200).then(|| answer.json()["receipt"].clone())?;
        Some(Revoked { called, answered: Instant::now(), receipt })
    });
    for (_, client) in cluster.nodes() {
        cluster.await_back(&client);
    }
    let names: Vec<String> = cluster.nodes().into_iter().map(|(name, _)| name).collect();
    let seen = judge::finish(observer, repeated.answered, &names);
    judge::never_accepted(&seen, repeated.answered, &names);
    if answer.status == 200 {
        judge::never_accepted(&seen, answered, &names);
    }
    judge::silent(&seen, &names, gone + LEASE, back);
}

#[test]
fn a_broker_that_dies_delays_no_revocation_and_silences_nobody() {
    let Some(mut broker) = Broker::start("a broker that dies in mid-revocation") else { return };
    let plan =
        Plan { apis: 2, validators: 2, options: Options::default().bus(&broker.url()), ..Plan::default() };
    let Some(cluster) = Cluster::postgres_or_skip("a broker that dies in mid-revocation", &plan) else {
        return;
    };
    let observer = cluster.observe();
    let disturbed = Instant::now();
    cluster.validators[0].freeze();
    let revoked = std::thread::scope(|scope| {
        let revoking = scope.spawn(|| cluster.revoke(0));
        let keys = cluster.keys(1);
        eventually("it is in the log", || {
            (keys.show(&cluster.doomed.id)["status"] == "revoked").then_some(())
        });
        broker.end("KILL");
        revoking.join().expect("the revocation")
    });
    cluster.validators[0].thaw();
    cluster.await_back(&cluster.validator(0));
    let quick = cluster.keys(0).create(&json!({"name": "Without a broker"}));
    assert_eq!(cluster.keys(0).revoke(&quick.id).status, 200);

    let over = Instant::now();
    let names: Vec<String> = cluster.nodes().into_iter().map(|(name, _)| name).collect();
    let seen = judge::finish(observer, revoked.answered, &names);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &names);
    let healthy: Vec<String> =
        names.into_iter().filter(|name| *name != crate::cluster::validator(0)).collect();
    judge::served(&seen, &healthy, disturbed, over);
}
