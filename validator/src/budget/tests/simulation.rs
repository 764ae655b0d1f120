//! Nodes, the ledger and the network between them in simulated time, all from one seed. Real time is
//! in microseconds; every node and the ledger have clocks of their own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nexus_domain::rate_limit::{Ask, Holder, Ledger, Shares};

use super::*;

pub(super) const SECOND: u64 = 1_000_000;

/// What happens in a simulation.
pub(super) struct World<'d> {
    pub(super) seed: u64,
    pub(super) limits: Vec<RateLimit>,
    pub(super) nodes: usize,
    /// How many requests a second reach a node at a time.
    pub(super) demand: &'d dyn Fn(usize, u64) -> f64,
    /// The longest that a message is on its way.
    pub(super) delay: u64,
    /// How many of a thousand messages are lost, and how many arrive twice.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// How many millionths the clocks are wrong by at the most.
    pub(super) drift: i64,
    /// How far the ledger's clock steps back and forth, in milliseconds.
    pub(super) steps_back: u64,
    /// The mean life of a node in seconds; 0: for ever.
    pub(super) life: u64,
    /// How long a node is cut off from the ledger at a time, in seconds, a third of its life; 0: never.
    pub(super) cut_off: u64,
    pub(super) seconds: u64,
}

impl<'d> World<'d> {
    /// Four nodes and a ledger that always reach each other within 20 ms.
    pub(super) fn healthy(limits: Vec<RateLimit>, demand: &'d dyn Fn(usize, u64) -> f64) -> Self {
        Self {
            seed: 1,
            limits,
            nodes: 4,
            demand,
            delay: 20_000,
            lost: 0,
            doubled: 0,
            drift: 1_000,
            steps_back: 0,
            life: 0,
            cut_off: 0,
            seconds: 1,
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A look at a node's demand, with a request or without.
    Request {
        node: usize,
        comes: bool,
    },
    Tick {
        node: usize,
    },
    Crash {
        node: usize,
    },
    Start {
        node: usize,
    },
    Ask {
        node: usize,
        life: u64,
        at: usize,
    },
    Answer {
        node: usize,
        life: u64,
        at: usize,
    },
}

struct Node {
    budgets: Budgets,
    up: bool,
    life: u64,
    /// What the clock shows at 0, and by how many millionths it is wrong.
    origin: u64,
    drift: i64,
}

impl Node {
    fn clock(&self, now: u64) -> Duration {
        Duration::from_micros(self.origin + skewed(now, self.drift))
    }
}

fn skewed(now: u64, drift: i64) -> u64 {
    (i128::from(now) * i128::from(1_000_000 + drift) / 1_000_000) as u64
}

/// What came of it.
pub(super) struct Outcome {
    /// When requests were admitted, on whichever node, in order.
    pub(super) admitted: Vec<u64>,
    /// The same node by node.
    pub(super) by_node: Vec<u64>,
    pub(super) tried: u64,
    pub(super) asks: u64,
}

/// xorshift64*
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn drift(&mut self, most: i64) -> i64 {
        self.below(2 * most as u64 + 1) as i64 - most
    }

    fn waiting(&mut self, mean: f64) -> u64 {
        let uniform = (self.next() as f64 + 1.0) / (1u64 << 53) as f64;
        (-uniform.ln() * mean) as u64
    }
}

struct Run<'w> {
    world: &'w World<'w>,
    random: Random,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    scheduled: u64,
    nodes: Vec<Node>,
    ledger: Ledger,
    ledger_drift: i64,
    asks: Vec<Ask>,
    answers: Vec<Shares>,
    outcome: Outcome,
}

pub(super) fn run(world: &World<'_>) -> Outcome {
    let mut random = Random(world.seed.wrapping_mul(2_654_435_761).max(1));
    let nodes = (0..world.nodes)
        .map(|_| Node {
            budgets: Budgets::new(),
            up: true,
            life: 0,
            origin: random.below(1_000_000 * SECOND),
            drift: random.drift(world.drift),
        })
        .collect();
    let ledger_drift = random.drift(world.drift);
    let outcome = Outcome { admitted: Vec::new(), by_node: vec![0; world.nodes], tried: 0, asks: 0 };
    let mut run = Run {
        world,
        random,
        events: BinaryHeap::new(),
        scheduled: 0,
        nodes,
        ledger: Ledger::default(),
        ledger_drift,
        asks: Vec::new(),
        answers: Vec::new(),
        outcome,
    };
    for node in 0..world.nodes {
        run.schedule(0, Event::Request { node, comes: false });
        let first = run.random.below(25_000);
        run.schedule(first, Event::Tick { node });
        if world.life > 0 {
            let at = run.random.waiting((world.life * SECOND) as f64);
            run.schedule(at, Event::Crash { node });
        }
    }
    while let Some(Reverse((now, _, event))) = run.events.pop() {
        if now >= world.seconds * SECOND {
            break;
        }
        run.step(event, now);
    }
    run.outcome
}

impl Run<'_> {
    fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    fn step(&mut self, event: Event, now: u64) {
        match event {
            Event::Request { node, comes } => self.request(node, comes, now),
            Event::Tick { node } => {
                self.send_asks(node, now);
                self.schedule(now + TICK.as_micros() as u64, Event::Tick { node });
            }
            Event::Crash { node } => {
                self.nodes[node].up = false;
                let down = self.random.below(5 * SECOND);
                self.schedule(now + down, Event::Start { node });
            }
            Event::Start { node } => {
                let life = self.nodes[node].life + 1;
                let origin = self.random.below(1_000_000 * SECOND);
                let drift = self.random.drift(self.world.drift);
                self.nodes[node] = Node { budgets: Budgets::new(), up: true, life, origin, drift };
                let crash = self.random.waiting((self.world.life * SECOND) as f64);
                self.schedule(now + crash, Event::Crash { node });
            }
            Event::Ask { node, life, at } => self.ask(node, life, at, now),
            Event::Answer { node, life, at } => {
                let node = &self.nodes[node];
                if node.up && node.life == life {
                    node.budgets.granted(tenant(0), &self.answers[at], node.clock(now));
                }
            }
        }
    }

    fn request(&mut self, node: usize, comes: bool, now: u64) {
        let rate = (self.world.demand)(node, now);
        // Short steps, each with a request or not, so that a rate that changes is noticed.
        let step = if rate > 0.0 { self.random.waiting(SECOND as f64 / rate) } else { u64::MAX };
        let longest = SECOND / 20;
        self.schedule(now + step.clamp(1, longest), Event::Request { node, comes: step < longest });
        let Node { budgets, up: true, .. } = &self.nodes[node] else { return };
        if !comes {
            return;
        }
        self.outcome.tried += 1;
        if budgets.admit(tenant(0), &self.world.limits, 1, self.nodes[node].clock(now)).is_ok() {
            self.outcome.admitted.push(now);
            self.outcome.by_node[node] += 1;
        }
        let due = pin!(budgets.due()).poll(&mut Context::from_waker(Waker::noop()));
        if due == Poll::Ready(()) {
            self.send_asks(node, now);
        }
    }

    fn send_asks(&mut self, node: usize, now: u64) {
        let sender = &self.nodes[node];
        if !sender.up {
            return;
        }
        let life = sender.life;
        for (_, ask) in sender.budgets.requests(sender.clock(now)) {
            self.asks.push(ask);
            let at = self.asks.len() - 1;
            self.outcome.asks += 1;
            self.post(node, now, || Event::Ask { node, life, at });
        }
    }

    fn ask(&mut self, node: usize, life: u64, at: usize, now: u64) {
        let stepped = self.random.below(self.world.steps_back + 1);
        let now_ms = (1_000_000_000 + skewed(now, self.ledger_drift) / 1_000) - stepped;
        let holder = Holder::new(&node.to_string(), life);
        let Ok(shares) = self.ledger.ask(&holder, &self.asks[at], now_ms) else { return };
        self.answers.push(shares);
        let at = self.answers.len() - 1;
        self.post(node, now, || Event::Answer { node, life, at });
    }

    fn post(&mut self, node: usize, now: u64, message: impl Fn() -> Event) {
        // What is on its way already arrives.
        let period = self.world.cut_off * SECOND;
        if period > 0 && (now / period + node as u64).is_multiple_of(3) {
            return;
        }
        let copies = match self.random.below(1_000) {
            roll if roll < self.world.lost => 0,
            roll if roll < self.world.lost + self.world.doubled => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = 1 + self.random.below(self.world.delay);
            self.schedule(now + delay, message());
        }
    }
}

/// The most requests in any window of a length, and where it begins.
pub(super) fn fullest(admitted: &[u64], window: Duration) -> (u64, u64) {
    let window = window.as_micros() as u64;
    let mut most = (0, 0);
    let mut end = 0;
    for (begin, at) in admitted.iter().enumerate() {
        while admitted.get(end).is_some_and(|last| *last < at + window) {
            end += 1;
        }
        most = most.max(((end - begin) as u64, *at));
    }
    most
}

/// No window holds more than its limit.
pub(super) fn check(world: &World<'_>, outcome: &Outcome) -> Result<(), String> {
    assert!(outcome.admitted.is_sorted());
    for limit in &world.limits {
        let (count, begin) = fullest(&outcome.admitted, limit.window());
        if count > u64::from(limit.limit()) {
            return Err(format!("{count} instead of {limit:?} from {begin} on, seed {}", world.seed));
        }
    }
    Ok(())
}

/// How much of what the limits allow was admitted between two times in seconds, in ten-thousandths.
pub(super) fn used(world: &World<'_>, outcome: &Outcome, from: u64, to: u64) -> u64 {
    let admitted =
        outcome.admitted.iter().filter(|at| (from * SECOND..to * SECOND).contains(at)).count() as u64;
    let allowed = world
        .limits
        .iter()
        .map(|limit| u64::from(limit.limit()) * (to - from) * 1_000 / u64::from(limit.window_ms()));
    admitted * 10_000 / allowed.min().unwrap().max(1)
}
