//! The relay against real brokers. A test that needs one says so and passes where there is none: `NEXUS_TEST_AMQP_URL` names a
//! broker that may be filled with test data, `NEXUS_TEST_RABBITMQ_SERVER` the program to start private ones with.

mod asyncapi;
mod broadcast;
mod cloud_event;
mod failover;
mod inbox;
mod outage;
mod publishing;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::database::Database;
use crate::entropy::{Entropy, SystemEntropy};
use crate::journal::{Append, Expected, Journal, JournalOptions, NewEvent, StreamAppend};

/// A time for tests, in unix microseconds.
const NOW: i64 = 1_700_000_000_000_000;
const PUBLIC_URL: &str = "https://auth.example";

fn amqp_url() -> Option<String> {
    let url = std::env::var("NEXUS_TEST_AMQP_URL").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        println!("skipped: NEXUS_TEST_AMQP_URL names no broker");
    }
    url
}

/// A tenant that no other test has, so that tests can share a broker.
fn new_tenant() -> String {
    let now = chrono::DateTime::from_timestamp_micros(NOW).unwrap();
    SystemEntropy.uuid_v7(now).to_string()
}

async fn open(database: Database) -> Journal {
    Journal::open(database, JournalOptions::default()).await.unwrap()
}

/// A relay and the switch that stops it.
struct Running {
    handle: RelayHandle,
    stop: watch::Sender<bool>,
}

impl Running {
    fn start(journal: &Journal, url: &str) -> Self {
        let (stop, told) = watch::channel(false);
        Self { handle: Relay::spawn(journal.clone(), RelayOptions::new(url, PUBLIC_URL), told), stop }
    }

    async fn status(&self, wanted: impl Fn(&RelayStatus) -> bool) -> RelayStatus {
        let mut status = self.handle.status.clone();
        let seen =
            tokio::time::timeout(Duration::from_secs(60), status.wait_for(|status| wanted(status))).await;
        seen.expect("the status is reached in time").unwrap().clone()
    }

    async fn position(&self, wanted: u64) {
        let mut position = self.handle.position.clone();
        let seen = tokio::time::timeout(Duration::from_secs(60), position.wait_for(|at| *at >= wanted)).await;
        assert!(
            seen.is_ok(),
            "stays at {}, {:?}",
            *self.handle.position.borrow(),
            *self.handle.status.borrow()
        );
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        let stopped = tokio::time::timeout(Duration::from_secs(10), self.handle.stopped()).await;
        stopped.expect("a relay stops within seconds");
    }
}

fn revoked(tenant: &str, number: u64) -> NewEvent {
    NewEvent {
        event_type: "KeyRevoked".to_owned(),
        event_version: "1.0".to_owned(),
        payload:
            json!({ "KeyRevoked": { "tenant_id": tenant, "reason": "unused", "note": format!("{number}"),
            "revoked_at": "2026-03-01T11:30:00Z" } })
            .into(),
        metadata: json!({ "event_id": format!("{tenant}/{number}"), "tenant_id": tenant, "actor": "tester",
            "request_id": "r-1", "ip": "key_1:sealed" })
        .into(),
    }
}

/// Appends events `from..=to` of a tenant, `at_once` in each append.
async fn append(journal: &Journal, tenant: &str, from: u64, to: u64, at_once: u64) {
    let mut number = from;
    while number <= to {
        let last = to.min(number + at_once - 1);
        let stream = StreamAppend {
            aggregate_type: "key".to_owned(),
            aggregate_id: format!("key_{tenant}"),
            expected: Expected::Any,
            events: (number..=last).map(|n| revoked(tenant, n)).collect(),
        };
        journal.append(Append { streams: vec![stream], now: NOW, ..Append::default() }).await.unwrap();
        number = last + 1;
    }
}

fn note(body: &Value) -> u64 {
    body["data"]["note"].as_str().unwrap().parse().unwrap()
}
