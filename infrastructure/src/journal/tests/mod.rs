//! The journal's contract, on both stores.

mod compatibility;
mod conditions;
mod lane;
mod patience;
mod subscription;

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::database::Database;
use crate::testing::{TestDatabase, databases};

/// A time for tests, in unix microseconds.
const NOW: i64 = 1_700_000_000_000_000;

async fn open(database: Database) -> Journal {
    Journal::open(database, JournalOptions::default()).await.unwrap()
}

fn event(number: u64) -> NewEvent {
    NewEvent {
        event_type: "Counted".to_owned(),
        event_version: "1.0".to_owned(),
        payload: json!({ "Counted": { "number": number, "text": "größer ≥ \"quoted\" \\u0000" } }).into(),
        metadata: json!({ "actor": "tester" }).into(),
    }
}

fn stream(id: &str, expected: Expected, events: u64) -> StreamAppend {
    StreamAppend {
        aggregate_type: "counter".to_owned(),
        aggregate_id: id.to_owned(),
        expected,
        events: (1..=events).map(event).collect(),
    }
}

fn append(id: &str, expected: Expected, events: u64) -> Append {
    Append { streams: vec![stream(id, expected, events)], now: NOW, ..Append::default() }
}

fn new(id: &str) -> Append {
    append(id, Expected::Exactly(0), 1)
}

/// Reads the whole log and checks that positions and the sequences of every stream are dense.
async fn read_dense(journal: &Journal) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let more = journal.read(events.len() as u64, 500).await.unwrap();
        if more.is_empty() {
            break;
        }
        events.extend(more);
    }
    let mut sequences: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event.position, position, "positions are dense");
        let last = sequences.entry((event.aggregate_type.clone(), event.aggregate_id.clone())).or_default();
        *last += 1;
        assert_eq!(event.sequence, *last, "sequences are dense");
    }
    assert_eq!(journal.head().await.unwrap(), events.len() as u64);
    events
}
