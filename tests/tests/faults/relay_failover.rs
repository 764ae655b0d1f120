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
    let Some(mut site) = Site::start("a relay that is killed") else { return };
    let mut everything = Vec::new();
    let mut leader = site.leader.take().expect("a leader");
    for round in 0..3 {
        let next = Node::serve(&site.store, &site.options);
        let sent = site.under_load(round, [&leader.admin(), &next.admin()], || {
            leader.kill();
            next.find_in_log(TAKES_OVER_WITHIN, LEADS).expect("the other node takes over");
        });
        everything.extend(sent);
        leader = next;
    }
    site.check(&leader, &everything);
}

#[test]
fn when_the_node_that_relays_is_frozen_the_other_one_goes_on_and_its_awakening_does_no_harm() {
    let Some(mut site) = Site::start("a relay that is frozen") else { return };
    let leader = site.leader.take().expect("a leader");
    let next = Node::serve(&site.store, &site.options);
    let sent = site.under_load(0, [&next.admin(), &next.admin()], || {
        freeze_amid_checkpoint(&leader, &site.store);
        next.find_in_log(TAKES_OVER_WITHIN, LEADS).expect("the other node takes over");
        std::thread::sleep(Duration::from_millis(500));
        leader.thaw();
        std::thread::sleep(Duration::from_secs(1));
    });
    site.check(&next, &sent);
}

/// Freezes a node while it holds the lock on the relay's checkpoint, which is the worst moment.
fn freeze_amid_checkpoint(node: &Node, store: &Store) {
    const HOLDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND state = 'idle in transaction' AND query ~ 'UPDATE subscription_checkpoint|INTO relay_tenant_sequence'";
    for _ in 0..300 {
        node.freeze();
        // What the server has been sent, it has done after this.
        std::thread::sleep(Duration::from_millis(20));
        if store.number(HOLDS) > 0 {
            return;
        }
        node.thaw();
        std::thread::sleep(Duration::from_millis(17));
    }
    eprintln!("the node was never amid a checkpoint; it is frozen elsewhere");
    node.freeze();
}

/// A database, a broker, a consumer and the node that relays.
struct Site {
    store: Store,
    options: Options,
    consumer: Consumer,
    leader: Option<Node>,
}

impl Site {
    fn start(test: &str) -> Option<Self> {
        let store = Store::postgres_or_skip(test)?;
        let Some(url) = std::env::var("NEXUS_TEST_AMQP_URL").ok().filter(|url| !url.is_empty()) else {
            eprintln!("{test}: skipped, NEXUS_TEST_AMQP_URL is not set");
            return None;
        };
        let consumer = Consumer::start(test, &url)?;
        let options = Options::default().bus(&url);
        let leader = Node::serve(&store, &options);
        leader.find_in_log(TAKES_OVER_WITHIN, LEADS).expect("the first node relays");
        Some(Self { store, options, consumer, leader: Some(leader) })
    }

    /// Creates keys on the two nodes while something happens, and gives what was created.
    fn under_load(&self, round: usize, nodes: [&Client; 2], happens: impl FnOnce()) -> Vec<Sent> {
        let tenants = [(); 3].map(|()| Tenant::create(nodes[1], "nexus"));
        let work =
            |number: usize, over: &AtomicBool| create(nodes, &tenants[number % 3], (round, number), over);
        let (sent, ()) = load::during(6, work, || {
            std::thread::sleep(Duration::from_millis(700));
            happens();
            std::thread::sleep(Duration::from_millis(500));
        });
        sent.into_iter().flatten().collect()
    }

    fn check(&self, node: &Node, sent: &[Sent]) {
        log::check_once(&node.admin(), sent);
        let events = log::events(&node.admin());
        let copies = self.consumer.check(&events, Duration::from_secs(30));
        eprintln!("{} events, {copies} copies", events.len());
    }
}

/// Creates keys by turns on both nodes; where the first is gone, on the other.
fn create(nodes: [&Client; 2], tenant: &Tenant, thread: (usize, usize), over: &AtomicBool) -> Vec<Sent> {
    let mut done = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let command = Command::create(tenant, format!("{thread:?}-{}", done.len()).replace(' ', ""));
        let sent = command.send(nodes[done.len() % 2]);
        if sent.acknowledged() {
            done.push(sent);
        } else {
            done.extend(complete(nodes[1], &[command], 1));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    done
}
