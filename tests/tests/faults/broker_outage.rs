//! The broker is stopped, frozen and killed, while commands and verification go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nexus_tests::broker::Broker;
use nexus_tests::{Client, Node, Options, Store, Tenant};
use serde_json::json;

use crate::commands::Command;
use crate::consumer::Consumer;
use crate::{load, log};

/// How long the broker stands still: longer than the relay waits for a confirm.
const FROZEN: Duration = Duration::from_secs(13);
/// Longest answers. Whatever waited for a frozen broker would take longer.
const COMMAND: Duration = Duration::from_secs(4);
const VERIFICATION: Duration = Duration::from_secs(1);
/// How long the relay may take to catch up once the broker is back.
const CAUGHT_UP: Duration = Duration::from_secs(40);

#[test]
fn a_broker_that_stops_freezes_and_dies_delays_no_request_and_loses_no_event() {
    const TEST: &str = "a broker that stops, freezes and dies";
    let Some(mut broker) = Broker::start(TEST) else { return };
    let Some(consumer) = Consumer::start(TEST, &broker.url()) else { return };
    let node = Node::serve(&Store::sqlite(), &Options::default().bus(&broker.url()));
    let client = node.admin();
    let tenants = [(); 3].map(|()| Tenant::create(&client, "nexus"));
    let key = tenants[0].keys(&client).create(&json!({"name": "Verified throughout"}));

    let work = |number: usize, over: &AtomicBool| match number {
        0 => verify_throughout(&client, &key.secret, over),
        _ => command_throughout(&client, &tenants[number - 1], over),
    };
    let (longest, ()) = load::during(4, work, || {
        std::thread::sleep(Duration::from_secs(2));
        broker.end("TERM");
        std::thread::sleep(Duration::from_secs(1));
        broker.run();
        std::thread::sleep(Duration::from_secs(2));
        broker.signal("STOP");
        std::thread::sleep(FROZEN);
        broker.signal("CONT");
        std::thread::sleep(Duration::from_secs(2));
        broker.end("KILL");
        broker.run();
        std::thread::sleep(Duration::from_secs(2));
    });
    let events = log::events(&client);
    let copies = consumer.check(&events, CAUGHT_UP);
    eprintln!("{} events, {copies} copies; longest answers {longest:?}", events.len());
    assert!(longest[0] < VERIFICATION, "a verification took {:?}", longest[0]);
    let command = longest[1..].iter().max().expect("commands");
    assert!(*command < COMMAND, "a command took {command:?}");
}

/// The longest time that a verification took.
fn verify_throughout(client: &Client, secret: &str, over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::SeqCst) {
        let began = Instant::now();
        assert_eq!(nexus_tests::verify(client, secret), "VALID");
        longest = longest.max(began.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    longest
}

/// The longest time that a creation or revocation took. Every one succeeds.
fn command_throughout(client: &Client, tenant: &Tenant, over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let created = Command::create(tenant, format!("{}-{number}", tenant.id)).send(client);
        assert!(created.acknowledged(), "{created:?}");
        let key = created.key();
        let revoked = Command::revoke(tenant, &key, format!("revoke-{}", key.id)).send(client);
        assert!(revoked.acknowledged(), "{revoked:?}");
        longest = longest.max(created.took).max(revoked.took);
        std::thread::sleep(Duration::from_millis(60));
    }
    longest
}
