//! Brokers that are away, stop, freeze and die.

use nexus_tests::broker::Broker;
use tokio::task::block_in_place;

use super::inbox::Inbox;
use super::*;
use crate::testing::TestDatabase;

fn waiting(status: &RelayStatus) -> bool {
    matches!(status, RelayStatus::Waiting { reason } if reason != "starting")
}

#[tokio::test]
async fn a_broker_that_is_away_is_waited_for_and_its_password_not_told() {
    let test = TestDatabase::sqlite().await;
    let journal = open(test.database.clone()).await;
    for url in
        ["amqp://nexus:topsecret@127.0.0.1:1/%2f", "amqp://nexus:topsecret@ /", "http://nexus:topsecret@mq"]
    {
        let relay = Running::start(&journal, url);
        let status = relay.status(waiting).await;
        append(&journal, &new_tenant(), 1, 1, 1).await;
        assert!(!format!("{status:?} {:?}", RelayOptions::new(url, PUBLIC_URL)).contains("topsecret"));
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_restarts_and_one_that_is_killed_lose_nothing() {
    let Some(mut broker) = block_in_place(|| Broker::start("a broker that restarts")) else { return };
    let test = TestDatabase::sqlite().await;
    let journal = open(test.database.clone()).await;
    let tenant = new_tenant();
    let mut inbox = Inbox::open(&broker.url(), &tenant).await;
    let relay = Running::start(&journal, &broker.url());
    append(&journal, &tenant, 1, 300, 10).await;
    let mut last = 300;
    for signal in ["TERM", "KILL"] {
        let ending = async {
            append(&journal, &tenant, last + 1, last + 400, 1).await;
            relay.status(waiting).await;
            append(&journal, &tenant, last + 401, last + 500, 10).await;
        };
        let ended = async {
            relay.position(last + 20).await;
            broker.signal(signal);
        };
        tokio::join!(ending, ended);
        last += 500;
        block_in_place(|| broker.end(signal));
        block_in_place(|| broker.run());
        relay.status(|status| *status == RelayStatus::Connected).await;
        relay.position(last).await;
    }
    inbox.receive_all(1300).await;
    println!("{} copies", inbox.check(1300));
    // It is noticed without anything to send as well.
    block_in_place(|| broker.end("KILL"));
    relay.status(waiting).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_hangs_nothing_and_goes_on_when_it_thaws() {
    let Some(broker) = block_in_place(|| Broker::start("a frozen broker")) else { return };
    let test = TestDatabase::sqlite().await;
    let journal = open(test.database.clone()).await;
    let tenant = new_tenant();
    let mut inbox = Inbox::open(&broker.url(), &tenant).await;
    let relay = Running::start(&journal, &broker.url());
    append(&journal, &tenant, 1, 300, 10).await;
    relay.position(300).await;

    broker.signal("STOP");
    let frozen =
        tokio::time::timeout(Duration::from_secs(10), append(&journal, &tenant, 301, 2300, 10)).await;
    assert!(frozen.is_ok(), "appending is not held up");
    tokio::time::timeout(Duration::from_secs(14), relay.status(waiting)).await.expect("it is noticed");
    // Several attempts fall into this time; each must take its connection, and the thread behind it, along.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let left = open_connections(broker.port());
    assert!(left <= 1, "{left} connections are left of dead attempts");
    broker.signal("CONT");
    relay.position(2300).await;
    inbox.receive_all(2300).await;
    println!("{} copies", inbox.check(2300));

    broker.signal("STOP");
    append(&journal, &tenant, 2301, 2310, 10).await;
    relay.stop().await;
    broker.signal("CONT");
    let relay = Running::start(&journal, &broker.url());
    relay.position(2310).await;
    inbox.receive_all(2310).await;
    inbox.check(2310);
    relay.stop().await;
}

/// Connections to a port of this machine that nobody has closed.
fn open_connections(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let established = |line: &&str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns[2].ends_with(&format!(":{port:04X}")) && columns[3] == "01"
    };
    table.lines().skip(1).filter(established).count()
}
