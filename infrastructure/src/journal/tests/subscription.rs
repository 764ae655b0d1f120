//! Following the log.

use std::time::Duration;

use nexus_domain::ids::TenantId;
use nexus_domain::tenant::TenantState;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_event_is_seen_once_in_order_while_others_append() {
    for test in databases().await {
        let reader = open(test.reconnect().await).await;
        let mut subscription = Subscription::from(reader, 0);
        let writers = (0..4).map(|writer| {
            let database = test.reconnect();
            async move {
                let journal = open(database.await).await;
                for number in 0..50 {
                    journal
                        .append(append(&format!("{writer}-{number}"), Expected::Exactly(0), 2))
                        .await
                        .unwrap();
                }
            }
        });
        let writing = async { futures::future::join_all(writers).await };
        let reading = async {
            let mut seen = 0;
            while seen < 400 {
                for event in subscription.next(37).await.unwrap() {
                    seen += 1;
                    assert_eq!(event.position, seen);
                }
            }
        };
        tokio::join!(writing, reading);
        assert_eq!(subscription.position(), 400);
    }
}

#[tokio::test]
async fn an_append_wakes_the_readers_of_its_process_at_once() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let mut subscription = Subscription::from(journal.clone(), 0);
        for number in 1..=20 {
            let (events, _) = tokio::join!(subscription.next(10), async {
                journal.append(new(&format!("{number}"))).await.unwrap()
            });
            assert_eq!(events.unwrap()[0].position, number);
        }
        // Twenty polls would have taken twenty seconds.
        let quiet = tokio::time::timeout(Duration::from_millis(200), subscription.next(10)).await;
        assert!(quiet.is_err(), "there is nothing more");
    }
}

#[tokio::test]
async fn another_process_is_noticed() {
    for test in databases().await {
        let (one, other) = (open(test.database.clone()).await, open(test.reconnect().await).await);
        let mut head = one.watch();
        other.append(new("a")).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), head.wait_for(|head| *head == 1))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn notifications_are_faster_than_the_poll() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let (one, other) = (open(test.database.clone()).await, open(test.reconnect().await).await);
    other.append(new("first")).await.unwrap();
    let mut head = one.watch();
    head.wait_for(|head| *head == 1).await.unwrap();
    // By now it listens; ten polls would take ten seconds.
    let ten = async {
        for number in 2..=11 {
            other.append(new(&format!("{number}"))).await.unwrap();
            head.wait_for(|head| *head == number).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ten).await.unwrap();
}

#[tokio::test]
async fn a_gap_is_an_error() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        journal.append(append("a", Expected::Exactly(0), 3)).await.unwrap();
        let table = if test.database.is_postgres() { "events" } else { "event_log" };
        test.database.execute(&format!("DELETE FROM {table} WHERE position = 2"), &[]).await.unwrap();
        let mut subscription = Subscription::from(journal, 0);
        for _ in 0..2 {
            let outcome = subscription.next(10).await;
            assert!(matches!(outcome, Err(DatabaseError::Gap { expected: 2, found: 3 })), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_subscription_outlives_the_connections() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let (reader, writer) = (open(test.reconnect().await).await, open(test.reconnect().await).await);
    let mut subscription = Subscription::from(reader, 0);
    writer.append(new("a")).await.unwrap();
    assert_eq!(subscription.next(10).await.unwrap().len(), 1);
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    test.database.query(kill, &[]).await.unwrap();
    while writer.append(new("b")).await.is_err() {}
    let mut errors = 0;
    let events = loop {
        match subscription.next(10).await {
            Ok(events) => break events,
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                errors += 1;
                assert!(errors < 10);
            }
        }
    };
    assert_eq!((events[0].position, events[0].aggregate_id.as_str()), (2, "b"));
}

fn entry() -> Arc<DialectEntry> {
    let state = TenantState {
        name: "Acme".to_owned(),
        dialect: "nexus".to_owned(),
        created_at: chrono::DateTime::UNIX_EPOCH,
        suspended: false,
    };
    Arc::new(DialectEntry::of_tenant(TenantId::new(Uuid::nil()), &state))
}

/// A change as the store has it.
fn stored(change: &Change) -> Change {
    Change { shows: None, ..change.clone() }
}

#[tokio::test]
async fn what_the_process_appended_itself_comes_from_memory_with_what_it_shows() {
    for test in databases().await {
        let journal = open(test.database.clone()).await;
        let conditions = [stream("a", Expected::Exactly(2), 0), stream("b", Expected::Any, 1)];
        journal
            .append(Append { shows: Some(entry()), ..append("a", Expected::Exactly(0), 2) })
            .await
            .unwrap();
        let mut both = Append { shows: Some(entry()), ..append("c", Expected::Exactly(0), 1) };
        both.streams.extend(conditions);
        journal.append(both).await.unwrap();
        let any = Append { shows: Some(entry()), ..append("a", Expected::Any, 1) };
        journal.append(any).await.unwrap();

        let recent = journal.recent_changes(0, 10);
        let shown = |change: &Change| (change.aggregate_id.clone(), change.shows.is_some());
        let expected = [("a", false), ("a", true), ("c", true), ("b", false), ("a", false)];
        let expected = expected.map(|(id, shows)| (id.to_owned(), shows));
        assert_eq!(
            recent.iter().map(shown).collect::<Vec<_>>(),
            expected,
            "who does not know how the stream stood shows nothing"
        );
        let kept: Vec<Change> = recent.iter().filter(|change| change.sequence > 0).map(stored).collect();
        let mut in_store = journal.changes(0, 10).await.unwrap();
        in_store.retain(|change| kept.iter().any(|kept| kept.position == change.position));
        assert_eq!(kept, in_store);
        assert_eq!(journal.recent_changes(3, 1), recent[3..4]);
        assert_eq!(journal.recent_changes(5, 10), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn own_changes_and_those_of_others_come_in_the_order_of_the_log() {
    for test in databases().await {
        let own = open(test.database.clone()).await;
        let other = open(test.reconnect().await).await;
        let mut subscription = Subscription::from(own.clone(), 0);
        let writers = (0..4).map(|writer| {
            let journal = if writer == 3 { other.clone() } else { own.clone() };
            async move {
                for number in 0..50 {
                    let id = format!("{writer}-{number}");
                    let append = Append { shows: Some(entry()), ..append(&id, Expected::Exactly(0), 2) };
                    journal.append(append).await.unwrap();
                }
            }
        });
        let reading = async {
            let mut changes = Vec::new();
            while changes.len() < 400 {
                changes.extend(subscription.next_or_recent(7).await.unwrap());
            }
            changes
        };
        let (_, changes) = tokio::join!(futures::future::join_all(writers), reading);
        let stored: Vec<Change> = changes.iter().map(stored).collect();
        assert_eq!(stored, own.changes(0, 400).await.unwrap());
        let foreign = |change: &&Change| change.aggregate_id.starts_with("3-") && change.shows.is_some();
        assert_eq!(changes.iter().filter(foreign).count(), 0, "nobody knows what others showed");
        assert!(changes.iter().any(|change| change.shows.is_some()), "and memory was of use");
    }
}
