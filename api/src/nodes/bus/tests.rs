//! From the list of an API node over a real broker into a node's table, among messages of others. `NEXUS_TEST_AMQP_URL` names
//! the broker; where it does not, the tests say so and pass.

use std::sync::{Mutex, MutexGuard};

use nexus_domain::ids::TenantId;
use nexus_domain::validity::{DialectEntry, Entry, TenantEntry};
use nexus_infrastructure::bus::listen;
use nexus_infrastructure::clock::SystemClock;
use nexus_infrastructure::dialects::{self, MANAGEMENT};
use nexus_infrastructure::entropy::SystemEntropy;
use nexus_validator::Validator;
use nexus_validator::bus::KEY_BYTES;
use nexus_validator::bus::ear::{Ear, Heard};
use nexus_validator::bus::open::Unopened;
use nexus_validator::clock::SystemClock as NodeClock;
use nexus_validator::control::client::Connection;
use nexus_validator::control::follower::{Follower, Identity};
use nexus_validator::control::message::{Start, ToNode, Welcome};
use nexus_validator::control::observer::Unobserved;
use nexus_validator::lease::Lease;

use super::*;

const LOG: Uuid = Uuid::from_u128(7);

fn keys(master: u8) -> Arc<Sealer> {
    let vault = Vault::from_key([master; KEY_BYTES]);
    Arc::new(sealer(&vault, &dialects::load(None).unwrap()).unwrap())
}

#[test]
fn all_that_have_the_master_key_have_the_same_keys() {
    let all = keys(1).keys(|_| true);
    assert_eq!(all, keys(1).keys(|_| true));
    assert!(all.dialects.contains_key(MANAGEMENT) && all.dialects.contains_key("nexus"));
    let others = keys(2).keys(|_| true);
    assert_ne!(all.verifying, others.verifying);
    assert!(all.dialects.iter().all(|(name, key)| others.dialects[name] != *key));
    let mut different: Vec<&String> = all.dialects.values().collect();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), all.dialects.len());
}

fn tenant(number: u128, dialect: &str) -> DialectEntry {
    let tenant_id = TenantId::new(Uuid::from_u128(number));
    let entry = TenantEntry { tenant_id, dialect: dialect.to_owned(), suspended: false };
    DialectEntry { dialect: dialect.to_owned(), entry: Entry::Tenant(entry) }
}

/// A node of the dialect `nexus` that listens, complete up to position 5.
struct Listener {
    validator: Arc<Validator>,
    heard: Arc<Mutex<Vec<Heard>>>,
    _connection: watch::Sender<Connection>,
    _stop: watch::Sender<bool>,
}

impl Listener {
    async fn start(url: &str, sealer: &Sealer) -> Self {
        let dialects = dialects::load(None).unwrap().only(|dialect| dialect.name == "nexus");
        let validator = Arc::new(Validator::new(Arc::new(dialects)));
        let identity = Identity { node: Uuid::nil(), incarnation: Uuid::nil(), program: "test".to_owned() };
        let (lease, observer) = (Arc::new(Lease::new()), Box::new(Unobserved));
        let mut follower = Follower::new(identity, Arc::clone(&validator), lease, None, observer);
        let _hello = follower.begin();
        let welcome = Welcome {
            log: LOG,
            epoch: Uuid::nil(),
            start: Start::Snapshot,
            bus: None,
            secrets: Default::default(),
        };
        follower.receive(ToNode::Welcome(welcome), "").unwrap();
        follower.receive(ToNode::Snapshot { entries: Vec::new(), complete: Some(5) }, "").unwrap();
        let bus = Some(sealer.keys(|dialect| dialect == "nexus"));
        let connection = watch::Sender::new(Connection { api: None, bus });
        let follower = Arc::new(Mutex::new(follower));
        let mut ear = Ear::new(follower, connection.subscribe(), ["nexus".to_owned()], Arc::new(NodeClock));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (stop, told) = watch::channel(false);
        let (own_url, own_heard) = (url.to_owned(), Arc::clone(&heard));
        tokio::spawn(async move {
            let take = |message: &[u8]| own_heard.lock().unwrap().push(ear.hear(message));
            listen(&own_url, take, told).await;
        });
        let listener = Self { validator, heard, _connection: connection, _stop: stop };
        // What was sent before the queue was there would be missed.
        let broker = Broadcaster::connect(url).await.unwrap();
        while listener.heard().is_empty() {
            broker.send([b"anybody there?".to_vec()]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        broker.close().await;
        listener
    }

    fn heard(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.heard.lock().unwrap()
    }

    async fn applied(&self, position: u64) {
        let applied = async {
            while self.validator.applied() < position {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), applied).await;
        assert!(in_time.is_ok(), "stays at {}: {:?}", self.validator.applied(), self.heard());
    }

    fn knows(&self, tenant: u128) -> bool {
        self.validator.dialect_of_tenant(TenantId::new(Uuid::from_u128(tenant))).is_some()
    }
}

fn road(url: &str, sealer: &Arc<Sealer>, deltas: &Arc<Deltas>) -> BusRoad {
    BusRoad {
        url: url.to_owned(),
        sealer: Arc::clone(sealer),
        deltas: Arc::clone(deltas),
        log: LOG,
        clock: SystemClock::shared(),
        entropy: SystemEntropy::shared(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_shows_what_api_nodes_publish_and_nothing_that_others_do() {
    let Some(url) = std::env::var("NEXUS_TEST_AMQP_URL").ok().filter(|url| !url.is_empty()) else {
        println!("skipped: NEXUS_TEST_AMQP_URL names no broker");
        return;
    };
    let sealer = keys(1);
    let listener = Listener::start(&url, &sealer).await;
    let deltas = Arc::new(Deltas::from(5));
    let (stop, told) = watch::channel(false);
    let publishing = tokio::spawn(road(&url, &sealer, &deltas).publish(told));
    deltas.extend(Some((8, vec![tenant(1, "nexpay"), tenant(2, "nexus")])), 8);
    listener.applied(8).await;
    assert!(listener.knows(2) && !listener.knows(1), "it holds its own dialects alone");

    // Somebody else with the dialects' keys would say that nothing was revoked.
    let forged = Header { log: LOG, from: 8, to: 100, at: SystemClock::shared().unix_micros() };
    let foreign = Header { log: Uuid::from_u128(8), ..forged };
    let gap = Header { from: 9, ..forged };
    let broker = Broadcaster::connect(&url).await.unwrap();
    let sent = [
        keys(2).seal(forged, &[1; KEY_BYTES], []).unwrap(),
        sealer.seal(foreign, &[2; KEY_BYTES], []).unwrap(),
        sealer.seal(gap, &[3; KEY_BYTES], []).unwrap(),
        vec![0; 1 << 20],
    ];
    listener.heard().clear();
    broker.send(sent).await.unwrap();
    deltas.extend(None, 9);
    deltas.extend(Some((10, vec![tenant(3, "nexus")])), 12);
    listener.applied(10).await;
    assert_eq!(listener.validator.applied(), 10);
    assert!(listener.knows(3));
    let heard = listener.heard().clone();
    for (what, count) in [(Heard::Unopened(Unopened::Forged), 2), (Heard::Elsewhere, 2), (Heard::Shown, 1)] {
        // The broker may have other tests' messages.
        let times = heard.iter().filter(|heard| **heard == what).count();
        assert!(times >= count, "{what:?} {times} times in {heard:?}");
    }

    // Many at once, in order.
    for position in 11..=400 {
        deltas.extend(Some((position, vec![tenant(u128::from(position), "nexus")])), position);
    }
    listener.applied(400).await;
    assert!((11..=400).all(|number| listener.knows(number)));
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(5), publishing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_broker_that_is_away_delays_neither_the_list_nor_the_end() {
    let deltas = Arc::new(Deltas::from(5));
    let (stop, told) = watch::channel(false);
    let road = road("amqp://nexus:topsecret@127.0.0.1:1/%2f", &keys(1), &deltas);
    assert!(!format!("{road:?}").contains("topsecret"));
    let publishing = tokio::spawn(road.publish(told));
    for position in 6..=1000 {
        deltas.extend(Some((position, vec![tenant(1, "nexus")])), position);
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(5), publishing).await.unwrap().unwrap();
}
