//! The differential test: the unmodified postgres-es and sqlite-es read what we append, append what we read, and recognise
//! our rows as conflicts, as we do theirs.

use std::collections::HashMap;

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, SemanticVersionEventUpcaster, SerializedEvent,
};
use cqrs_es::{Aggregate, AggregateError, DomainEvent, EventStore};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use sqlite_es::SqliteEventRepository;

use super::*;

#[derive(Debug, Default, Serialize, Deserialize, PartialEq)]
struct Counter {
    sum: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
enum CounterEvent {
    Counted { number: u64 },
}

impl DomainEvent for CounterEvent {
    fn event_type(&self) -> String {
        "Counted".to_owned()
    }
    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

impl Aggregate for Counter {
    const TYPE: &'static str = "counter";
    type Command = ();
    type Event = CounterEvent;
    type Error = Refused;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _sink: &EventSink<Self>) -> Result<(), Refused> {
        Err(Refused)
    }

    fn apply(&mut self, event: CounterEvent) {
        match event {
            CounterEvent::Counted { number } => self.sum += number,
        }
    }
}

fn serialized(id: &str, sequence: usize, number: u64) -> SerializedEvent {
    let event = event(number);
    SerializedEvent::new(
        id.to_owned(),
        sequence,
        "counter".to_owned(),
        event.event_type,
        event.event_version,
        event.payload.parse().unwrap(),
        event.metadata.parse().unwrap(),
    )
}

async fn persist(database: &Database, events: &[SerializedEvent]) -> Result<(), PersistenceError> {
    match database {
        Database::Postgres(pool) => {
            PostgresEventRepository::new(pool.clone()).persist::<Counter>(events, None).await
        }
        Database::Sqlite(sqlite) => {
            SqliteEventRepository::new(sqlite.write.clone()).persist::<Counter>(events, None).await
        }
    }
}

async fn get_events(database: &Database, id: &str) -> Vec<SerializedEvent> {
    match database {
        Database::Postgres(pool) => {
            PostgresEventRepository::new(pool.clone()).get_events::<Counter>(id).await.unwrap()
        }
        Database::Sqlite(sqlite) => {
            SqliteEventRepository::new(sqlite.read.clone()).get_events::<Counter>(id).await.unwrap()
        }
    }
}

fn conflicts(outcome: &Result<(), PersistenceError>) -> bool {
    matches!(outcome, Err(PersistenceError::OptimisticLockError))
}

#[tokio::test]
async fn they_read_what_we_append() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(append("a", Expected::Exactly(0), 3)).await.unwrap();
        let read = get_events(&test.database, "a").await;
        assert_eq!(read, (1..=3).map(|n| serialized("a", n as usize, n)).collect::<Vec<_>>());
        assert!(conflicts(&persist(&test.database, &[serialized("a", 3, 9)]).await));
        assert!(conflicts(&persist(&test.database, &[serialized("a", 4, 9), serialized("a", 1, 9)]).await));
        persist(&test.database, &[serialized("a", 4, 9)]).await.unwrap();
        let events = read_dense(&journal).await;
        assert_eq!((events.len(), events[3].sequence), (4, 4));
    }
}

#[tokio::test]
async fn we_read_what_they_append() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        persist(&test.database, &[serialized("a", 1, 1), serialized("a", 2, 2)]).await.unwrap();
        assert!(matches!(journal.append(new("a")).await, Err(AppendError::Conflict)));
        let place = journal.append(append("a", Expected::Exactly(2), 1)).await.unwrap();
        assert_eq!(place, Appended { first: 3, last: 3 });
        let events = read_dense(&journal).await;
        assert_eq!(events[1].payload, event(2).payload);
        assert!(events[0].created_at > NOW, "stamped by the database");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appending_together_leaves_no_gap() {
    for test in databases().await {
        let ours = open(test.reconnect().await).await;
        let theirs = test.reconnect().await;
        let task = tokio::spawn(async move {
            for number in 0..40 {
                let id = format!("theirs-{number}");
                let events: Vec<_> = (1..=3).map(|n| serialized(&id, n, 1)).collect();
                persist(&theirs, &events).await.unwrap();
                let shared = persist(&theirs, &[serialized(&format!("shared-{number}"), 1, 1)]).await;
                assert!(shared.is_ok() || conflicts(&shared), "{shared:?}");
            }
        });
        for number in 0..40 {
            ours.append(append(&format!("ours-{number}"), Expected::Exactly(0), 2)).await.unwrap();
            let shared = ours.append(new(&format!("shared-{number}"))).await;
            assert!(matches!(shared, Ok(_) | Err(AppendError::Conflict)), "{shared:?}");
        }
        task.await.unwrap();
        assert_eq!(read_dense(&ours).await.len(), 40 * (3 + 2 + 1));
    }
}

#[tokio::test]
async fn the_store_loads_upcasts_and_commits() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let store: JournalStore<Counter> = JournalStore::new(journal.clone());
        assert_eq!(store.load("a").await.unwrap(), (Counter::default(), 0));

        let metadata = HashMap::from([("actor".to_owned(), "tester".to_owned())]);
        let context = store.load_aggregate("a").await.unwrap();
        let events = vec![CounterEvent::Counted { number: 2 }, CounterEvent::Counted { number: 3 }];
        let envelopes = store.commit(events, context, metadata.clone()).await.unwrap();
        assert_eq!(envelopes.iter().map(|envelope| envelope.sequence).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(store.load("a").await.unwrap(), (Counter { sum: 5 }, 2));

        let mut stale = store.load_aggregate("a").await.unwrap();
        stale.current_sequence = 1;
        let outcome = store.commit(vec![CounterEvent::Counted { number: 1 }], stale, metadata).await;
        assert!(matches!(outcome, Err(AggregateError::AggregateConflict)));
        assert!(journal.read(0, 1).await.unwrap()[0].created_at > NOW, "stamped by the database");

        let mut old = new("old");
        old.streams[0].events[0].event_version = "0.9".to_owned();
        old.streams[0].events[0].payload = json!({ "Counted": { "amount": 7 } }).into();
        journal.append(old).await.unwrap();
        assert!(matches!(store.load("old").await, Err(DatabaseError::Malformed(_))));
        let upcaster = SemanticVersionEventUpcaster::new(
            "Counted",
            "1.0",
            Box::new(|payload| json!({ "Counted": { "number": payload["Counted"]["amount"] } })),
        );
        let store = store.with_upcasters(vec![Box::new(upcaster)]);
        assert_eq!(store.load("old").await.unwrap(), (Counter { sum: 7 }, 1));
    }
}
