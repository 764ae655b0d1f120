//! A node's table against an oracle: whatever snapshot, stream and bus bring, in whatever order, what the table shows of a key or
//! tenant is what the log says of it at the position that the node claims, or later; and no right to answer begins before its
//! tail is there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_domain::credential::Digest;
use nexus_domain::dialect::{Dialect, Dialects, KeyType};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::{Entry, KeyEntry, SecretEntry, TenantEntry};
use nexus_domain::verification::SecretStatus;
use nexus_validator::Validator;
use nexus_validator::control::follower::{Follower, Identity};
use nexus_validator::control::message::{Delta, FromNode, Grant, Start, ToNode, Welcome};
use nexus_validator::control::observer::Unobserved;
use nexus_validator::lease::{LENGTH, Lease};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use uuid::Uuid;

const KEYS: u64 = 3;

/// What happened at a position of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Revoked(u64),
    Scoped(u64, bool),
    Suspended(bool),
    /// Nothing that concerns validity.
    Used,
}

/// What the log says at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    revoked: [bool; KEYS as usize],
    wide: [bool; KEYS as usize],
    suspended: bool,
}

/// The log, from which everything is known.
#[derive(Debug, Clone)]
struct Log {
    events: Vec<Event>,
}

/// Where the node's stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Closed,
    /// A snapshot of this position is coming, so many pieces of it are still to come.
    Loading(u64, u64),
    /// Everything up to here was sent.
    At(u64),
}

impl Log {
    fn head(&self) -> u64 {
        self.events.len() as u64
    }

    fn facts(&self, position: u64) -> Facts {
        let mut facts =
            Facts { revoked: [false; KEYS as usize], wide: [true; KEYS as usize], suspended: false };
        for event in self.events.iter().take(position as usize) {
            match *event {
                Event::Revoked(key) => facts.revoked[key as usize] = true,
                Event::Scoped(key, wide) => facts.wide[key as usize] = wide,
                Event::Suspended(suspended) => facts.suspended = suspended,
                Event::Used => {}
            }
        }
        facts
    }

    /// The entries of what changed in a stretch, as they are at `as_of`.
    fn entries(&self, from: u64, to: u64, as_of: u64) -> Vec<Entry> {
        let facts = self.facts(as_of);
        let changed = self.events.iter().take(to as usize).skip(from as usize);
        changed
            .filter_map(|event| match *event {
                Event::Revoked(key) | Event::Scoped(key, _) => Some(key_entry(key, &facts)),
                Event::Suspended(_) => Some(tenant_entry(&facts)),
                Event::Used => None,
            })
            .collect()
    }

    /// The last position at or before one that changed validity.
    fn changed_by(&self, position: u64) -> u64 {
        let mut events = self.events.iter().take(position as usize);
        events.rposition(|event| *event != Event::Used).map_or(0, |place| place as u64 + 1)
    }
}

fn digest(key: u64) -> Digest {
    Digest::of(&format!("secret {key}"))
}

fn tenant_id() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn tenant_entry(facts: &Facts) -> Entry {
    let suspended = facts.suspended;
    Entry::Tenant(TenantEntry { tenant_id: tenant_id(), dialect: "nexus".into(), suspended })
}

fn key_entry(key: u64, facts: &Facts) -> Entry {
    let revoked = facts.revoked[key as usize];
    let scopes: &[&str] =
        if facts.wide[key as usize] { &["read:users", "write:users"] } else { &["read:users"] };
    let status = if revoked { SecretStatus::Revoked } else { SecretStatus::Current };
    Entry::Key(Box::new(KeyEntry {
        key_id: KeyId::new(Uuid::from_u128(u128::from(key) + 10)),
        tenant_id: tenant_id(),
        name: format!("key {key}"),
        key_type: KeyType::Secret,
        environment: "live".into(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        ip_allowlist: Vec::new(),
        restrictions: Default::default(),
        client_id: None,
        integration_id: None,
        secrets: vec![SecretEntry { digest: digest(key), version: 1, status, not_after: i64::MAX }],
    }))
}

/// What can happen. An index chooses among the positions that there are.
#[derive(Debug, Clone)]
enum Step {
    Append(Event),
    /// The stream begins with what the node misses, or with a snapshot of some position.
    Open(Option<Index>),
    /// The next piece of a snapshot.
    Piece,
    /// The stream goes on up to some position, with entries as of some later one.
    Stream(Index, Index),
    /// The bus brings some stretch.
    Bus(Index, Index, Index),
    /// The right to answer, as of some position that was read.
    Grant(Index),
    /// The stream breaks.
    Break,
}

impl ReferenceStateMachine for Log {
    type State = Log;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Log> {
        Just(Log { events: Vec::new() }).boxed()
    }

    fn transitions(_: &Log) -> BoxedStrategy<Step> {
        let event = prop_oneof![
            (0..KEYS).prop_map(Event::Revoked),
            (0..KEYS, any::<bool>()).prop_map(|(key, wide)| Event::Scoped(key, wide)),
            any::<bool>().prop_map(Event::Suspended),
            Just(Event::Used),
        ];
        prop_oneof![
            6 => event.prop_map(Step::Append),
            2 => any::<Option<Index>>().prop_map(Step::Open),
            4 => Just(Step::Piece),
            6 => any::<(Index, Index)>().prop_map(|(to, as_of)| Step::Stream(to, as_of)),
            4 => any::<(Index, Index, Index)>().prop_map(|(from, to, as_of)| Step::Bus(from, to, as_of)),
            4 => any::<Index>().prop_map(Step::Grant),
            1 => Just(Step::Break),
        ]
        .boxed()
    }

    fn apply(mut log: Log, step: &Step) -> Log {
        if let Step::Append(event) = step {
            log.events.push(*event);
        }
        log
    }
}

/// One of `least..=most`.
fn between(least: u64, most: u64, index: &Index) -> u64 {
    least + index.index((most - least) as usize + 1) as u64
}

/// The node, and what was sent to it.
struct Node {
    follower: Follower,
    validator: Arc<Validator>,
    lease: Arc<Lease>,
    now: Duration,
    /// The tail of each right that was granted, by its end.
    tails: HashMap<Duration, u64>,
    stream: Stream,
    /// Whether its table has ever been filled since it was emptied.
    complete: bool,
}

const LOG: Uuid = Uuid::from_u128(42);
const EPOCH: Uuid = Uuid::from_u128(43);

impl Node {
    fn hear(&mut self, message: ToNode) {
        let text = serde_json::to_string(&message).unwrap();
        self.follower.receive(message, &text).expect("nothing out of turn is sent here");
    }

    fn take(&mut self, log: &Log, step: &Step) {
        let head = log.head();
        match (step, self.stream) {
            (Step::Open(snapshot), _) => {
                let FromNode::Hello(hello) = self.follower.begin() else { panic!("no hello") };
                assert_eq!(hello.have.is_some(), self.complete);
                let (start, stream) = match (snapshot, hello.have) {
                    (Some(position), _) => {
                        (Start::Snapshot, Stream::Loading(position.index(head as usize + 1) as u64, 2))
                    }
                    (None, Some(have)) => (Start::Resume, Stream::At(have.position)),
                    (None, None) => (Start::Snapshot, Stream::Loading(head, 2)),
                };
                self.complete &= start == Start::Resume;
                self.hear(ToNode::Welcome(Welcome {
                    log: LOG,
                    epoch: EPOCH,
                    start,
                    bus: None,
                    secrets: Default::default(),
                }));
                self.stream = stream;
            }
            (Step::Piece, Stream::Loading(position, left)) => {
                let facts = log.facts(position);
                let (entries, complete) = match left {
                    2 => (vec![tenant_entry(&facts)], None),
                    1 => ((0..KEYS).map(|key| key_entry(key, &facts)).collect(), None),
                    _ => (Vec::new(), Some(position)),
                };
                self.hear(ToNode::Snapshot { entries, complete });
                self.stream = match left {
                    0 => {
                        self.complete = true;
                        Stream::At(position)
                    }
                    left => Stream::Loading(position, left - 1),
                };
            }
            (Step::Stream(to, as_of), Stream::At(place)) => {
                let to = between(place, head, to);
                let entries = log.entries(place, to, between(to, head, as_of));
                self.hear(ToNode::Delta(Delta { from: place, to, entries }));
                self.stream = Stream::At(to);
            }
            (Step::Bus(from, to, as_of), _) => {
                let from = between(0, head, from);
                let to = between(from, head, to);
                let entries = log.entries(from, to, between(to, head, as_of));
                self.follower.overhear(LOG, Delta { from, to, entries });
            }
            (Step::Grant(read), Stream::At(place)) => {
                self.now += Duration::from_millis(1);
                let Some(FromNode::Renew { t0, .. }) = self.follower.renew(self.now) else {
                    panic!("a node that follows asks")
                };
                // The stream may yet have to bring what the tail needs.
                let tail = between(0, head, read);
                let from = log.changed_by(tail).max(place.min(tail));
                self.tails.insert(Duration::from_nanos(t0) + LENGTH, tail);
                self.hear(ToNode::Grant(Grant { t0, epoch: EPOCH, from, tail }));
            }
            (Step::Break, _) => self.stream = Stream::Closed,
            _ => {}
        }
    }
}

impl StateMachineTest for Node {
    type SystemUnderTest = Node;
    type Reference = Log;

    fn init_test(_: &Log) -> Node {
        let text = include_str!("../../dialects/nexus.toml");
        let dialects = Dialects::new([Dialect::parse("nexus.toml", text).unwrap()]).unwrap();
        let validator = Arc::new(Validator::new(Arc::new(dialects)));
        let lease = Arc::new(Lease::new());
        let identity = Identity { node: Uuid::nil(), incarnation: Uuid::nil(), program: String::new() };
        let follower =
            Follower::new(identity, Arc::clone(&validator), Arc::clone(&lease), None, Box::new(Unobserved));
        let now = Duration::from_secs(1);
        let tails = HashMap::new();
        Node { follower, validator, lease, now, tails, stream: Stream::Closed, complete: false }
    }

    fn apply(mut node: Node, log: &Log, step: Step) -> Node {
        node.take(log, &step);
        node
    }

    fn check_invariants(node: &Node, log: &Log) {
        if !node.complete {
            assert!(node.lease.until().is_none(), "a right to answer from half a table");
            return;
        }
        let applied = node.validator.applied();
        assert!(applied <= log.head());
        if let Some(until) = node.lease.until() {
            assert!(node.tails.get(&until).is_some_and(|tail| *tail <= applied), "a right before its tail");
        }
        let later: Vec<Facts> = (applied..=log.head()).map(|position| log.facts(position)).collect();
        for key in 0..KEYS {
            let subject = node.validator.key_of(&digest(key)).expect("the table has every key");
            let revoked = subject.status() == SecretStatus::Revoked;
            let wide = subject.rights().scopes.allow("write:users");
            let place = key as usize;
            assert!(
                later.iter().any(|facts| (facts.revoked[place], facts.wide[place]) == (revoked, wide)),
                "key {key} is as it never was from {applied} on"
            );
            assert!(later.iter().any(|facts| facts.suspended == subject.tenant_suspended()));
        }
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 1500, max_shrink_iters: 20_000, ..ProptestConfig::default() })]
    #[test]
    fn a_table_is_never_behind_what_it_claims(sequential 1..60 => Node);
}
