//! Two API nodes, one relay: the leader is killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nexus_tests::{Client, Node, Options, Store, Tenant};

use crate::commands::{Command, Sent, complete};
use crate::consumer::Consumer;
use crate::{load, log};

/// The line of the node that publishes.
const LEADS: &str = "relaying events to the broker";
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn when_the_node_that_relays_is_killed_the_other_one_goes_on_without_a_gap() {
    const TEST: &str = "a relay that is killed";
    let Some(store) = Store::postgres_or_skip(TEST) else { return };
    let Some(url) = std::env::var("NEXUS_TEST_AMQP_URL").ok().filter(|url| !url.is_empty()) else {
        eprintln!("{TEST}: skipped, NEXUS_TEST_AMQP_URL is not set");
        return;
    };
    let Some(consumer) = Consumer::start(TEST, &url) else { return };
    let options = Options::default().bus(&url);
    let mut leader = Node::serve(&store, &options);
    leader.find_in_log(TAKES_OVER_WITHIN, LEADS).expect("the first node relays");
    let mut everything = Vec::new();
    for round in 0..3 {
        let next = Node::serve(&store, &options);
        let tenants = [(); 3].map(|()| Tenant::create(&next.admin(), "nexus"));
        let (old, new) = (leader.admin(), next.admin());
        let work = |number: usize, over: &AtomicBool| create(&old, &new, &tenants[number % 3], (round, number), over);
        let (sent, ()) = load::during(6, work, || {
            std::thread::sleep(Duration::from_millis(700));
            leader.kill();
            next.find_in_log(TAKES_OVER_WITHIN, LEADS).expect("the other node takes over");
            std::thread::sleep(Duration::from_millis(500));
        });
        everything.extend(sent.into_iter().flatten());
        leader = next;
    }
    log::check_once(&leader.admin(), &everything);
    let events = log::events(&leader.admin());
    let copies = consumer.check(&events, Duration::from_secs(30));
    eprintln!("{} events, {copies} copies", events.len());
}

/// Creates keys by turns on both nodes; where one is gone, on the other.
fn create(old: &Client, new: &Client, tenant: &Tenant, thread: (usize, usize), over: &AtomicBool) -> Vec<Sent> {
    let mut done = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let command = Command::create(tenant, format!("{thread:?}-{}", done.len()).replace(' ', ""));
        let sent = command.send(if done.len() % 2 == 0 { old } else { new });
        if sent.acknowledged() {
            done.push(sent);
        } else {
            done.extend(complete(new, &[command], 1));
        }
    }
    done
}
