//! Broadcasts through brokers that are killed and frozen, and listeners that stand still.

use std::sync::{Arc, Mutex, mpsc};

use nexus_tests::broker::Broker;
use tokio::task::block_in_place;

use super::*;
use crate::bus::broadcast::AHEAD;

/// What a listener heard, and the switch that stops it.
struct Listener {
    heard: Arc<Mutex<Vec<u64>>>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    fn start(url: &str, mut also: impl FnMut() + Send + 'static) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (stop, told) = watch::channel(false);
        let (url, own) = (url.to_owned(), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            let take = |message: &[u8]| {
                // Others may broadcast on the same broker.
                if let Ok(number) = message.try_into() {
                    own.lock().unwrap().push(u64::from_be_bytes(number));
                    also();
                }
            };
            listen(&url, take, told).await;
        });
        Self { heard, stop, task }
    }

    fn last(&self) -> Option<u64> {
        self.heard.lock().unwrap().last().copied()
    }

    async fn hears(&self, number: u64) -> bool {
        let hearing = async {
            while !self.heard.lock().unwrap().contains(&number) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(2), hearing).await.is_ok()
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
    }
}

fn numbered(numbers: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = Vec<u8>> {
    numbers.map(|number| number.to_be_bytes().to_vec())
}

/// Sends the number on new connections until the listener has it.
async fn until_heard(url: &str, listener: &Listener, number: u64) {
    for _ in 0..60 {
        if let Ok(broker) = Broadcaster::connect(url).await {
            let sent = broker.send(numbered(number..=number)).await;
            if sent.is_ok() && listener.hears(number).await {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{number} is not heard; the last was {:?}", listener.last());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_comes_back_after_the_broker_was_killed_and_frozen() {
    let Some(mut broker) = block_in_place(|| Broker::start("a listener that comes back")) else { return };
    let url = broker.url();
    // Before the exchange is there.
    let listener = Listener::start(&url, || {});
    until_heard(&url, &listener, 1).await;
    let old = Broadcaster::connect(&url).await.unwrap();
    block_in_place(|| broker.end("KILL"));
    block_in_place(|| broker.run());
    assert!(old.send(numbered(2..=2)).await.is_err(), "a connection does not come back");
    until_heard(&url, &listener, 3).await;

    let old = Broadcaster::connect(&url).await.unwrap();
    broker.signal("STOP");
    let sent = tokio::time::timeout(Duration::from_secs(25), old.send(numbered(4..=4))).await;
    assert!(sent.expect("no wait is without end").is_err());
    // Longer than the broker may be silent.
    tokio::time::sleep(Duration::from_secs(25)).await;
    broker.signal("CONT");
    until_heard(&url, &listener, 5).await;
    broker.signal("STOP");
    listener.stop().await;
    broker.signal("CONT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_listener_that_stands_still_fills_nothing_and_goes_on_with_the_latest() {
    let Some(url) = amqp_url() else { return };
    let (go, going) = mpsc::channel::<()>();
    let still = Listener::start(&url, {
        let mut first = true;
        // From its first message on it stands still, until the sender is gone.
        move || {
            if std::mem::take(&mut first) {
                while going.recv().is_ok() {}
            }
        }
    });
    let broker = Broadcaster::connect(&url).await.unwrap();
    while still.last().is_none() {
        broker.send(numbered(0..=0)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for start in (1..=12_000).step_by(1_000) {
        broker.send(numbered(start..=start + 999)).await.expect("nobody waits for it");
    }
    drop(go);
    until_heard(&url, &still, 12_001).await;
    let counted = still.heard.lock().unwrap().iter().filter(|number| (1..=12_000).contains(*number)).count();
    println!("{counted} of 12000 were kept for it");
    let most = 10_000 + usize::from(AHEAD) + 2;
    assert!((1..=most).contains(&counted), "{counted} were kept for it");
    assert!(still.heard.lock().unwrap().is_sorted());
    still.stop().await;
}

#[tokio::test]
async fn an_address_that_is_none_is_no_reason_to_tell_the_password() {
    for url in ["amqp://nexus:topsecret@127.0.0.1:1/%2f", "amqp://nexus:topsecret@ /"] {
        let error = Broadcaster::connect(url).await.err().unwrap();
        assert!(!format!("{error:?} {}", in_one_line(&error)).contains("topsecret"));
    }
}
