//! Uses are counted once, whenever the node is killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nexus_tests::{Client, Issued, Node, Options, Store, Tenant, stores, until};
use serde_json::{Value, json};

use crate::load::{self, Numbers};

const CONNECTIONS: usize = 4;
/// What a kill may lose of what was answered.
const UNWRITTEN: Duration = Duration::from_millis(10);
/// Longer than that: by then everything is in the hands of the operating system.
const WRITTEN: Duration = Duration::from_millis(15);

/// When an answer came; absent: none came.
type Answered = Vec<Option<Instant>>;

#[test]
fn uses_are_counted_exactly_once_when_the_node_is_killed_after_the_last_answer() {
    for store in stores() {
        let mut rounds = Rounds::begin(&store, 1);
        // Batches go to the log once a second from the start on: these kills fall before, into and behind that.
        for round in 0..8 {
            let load = Duration::from_millis(if round < 2 { 150 } else { 850 + rounds.numbers.below(400) });
            rounds.run(load, true);
        }
        rounds.check();
    }
}

#[test]
fn a_kill_under_load_loses_at_most_the_last_ten_milliseconds_and_doubles_nothing() {
    let mut rounds = Rounds::begin(&Store::sqlite(), 2);
    for _ in 0..8 {
        let load = Duration::from_millis(300 + rounds.numbers.below(1100));
        rounds.run(load, false);
    }
    rounds.check();
}

/// Rounds of load and SIGKILL on one node, each with a key of its own.
struct Rounds {
    node: Option<Node>,
    tenant: Tenant,
    numbers: Numbers,
    done: Vec<Round>,
}

/// A key, and between how many and how many of its uses must be counted.
struct Round {
    key: Issued,
    least: u64,
    most: u64,
}

impl Rounds {
    fn begin(store: &Store, seed: u64) -> Self {
        let node = Node::serve(store, &Options::default().set("usage.window", "\"1s\""));
        let tenant = Tenant::create(&node.admin(), "nexus");
        Self { node: Some(node), tenant, numbers: Numbers::seeded(seed), done: Vec::new() }
    }

    fn run(&mut self, load: Duration, wait_for_answers: bool) {
        let mut node = self.node.take().expect("a node");
        let client = node.admin();
        let key = self.tenant.keys(&client).create(&json!({"name": format!("Round {}", self.done.len())}));
        let use_it = |_: usize, over: &AtomicBool| use_until(&client, &key.secret, over);
        let (answered, killed) = if wait_for_answers {
            let (answered, ()) = load::during(CONNECTIONS, use_it, || std::thread::sleep(load));
            std::thread::sleep(WRITTEN);
            let killed = Instant::now();
            node.kill();
            (answered, killed)
        } else {
            load::during(CONNECTIONS, use_it, || {
                std::thread::sleep(load);
                let killed = Instant::now();
                node.kill();
                killed
            })
        };
        let all = answered.concat();
        assert!(!wait_for_answers || all.iter().all(Option::is_some), "nothing disturbed the node");
        let in_time = killed - UNWRITTEN;
        let least = all.iter().flatten().filter(|at| **at <= in_time).count() as u64;
        self.done.push(Round { key, least, most: all.len() as u64 });
        self.node = Some(node.start_again());
    }

    fn check(&self) {
        let client = self.node.as_ref().expect("a node").admin();
        let keys = self.tenant.keys(&client);
        let counted = |round: &Round| keys.usage(&round.key.id)["VALID"].as_u64().unwrap_or(0);
        let all_there = || self.done.iter().all(|round| counted(round) >= round.least);
        until(Duration::from_secs(15), all_there);
        // Whatever would be counted twice comes with a later batch.
        std::thread::sleep(Duration::from_millis(2500));
        for (number, round) in self.done.iter().enumerate() {
            let (count, Round { least, most, .. }) = (counted(round), round);
            eprintln!("round {number}: {least} to {most} uses, {count} counted");
            assert!(
                (*least..=*most).contains(&count),
                "round {number}: {count} of {least} to {most} are counted"
            );
        }
    }
}

/// Verifies a secret until it is over or nobody answers.
fn use_until(client: &Client, secret: &str, over: &AtomicBool) -> Answered {
    let question: Value =
        json!({"credential": secret, "method": "GET", "path": "/v1/users", "ip": "192.0.2.1"});
    let mut answered = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let answer = client.try_send("POST", "/v1/verify", Some(question.to_string().as_bytes())).ok();
        if let Some(answer) = &answer {
            assert_eq!((answer.status, &answer.json()["code"]), (200, &json!("VALID")), "{answer:?}");
        }
        let came = answer.map(|_| Instant::now());
        answered.push(came);
        if came.is_none() {
            break;
        }
    }
    answered
}
