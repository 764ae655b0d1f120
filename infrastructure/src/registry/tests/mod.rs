//! The registry's contract, on both stores.

mod view;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::entropy::SystemEntropy;
use crate::journal::{Append, Expected, Journal, JournalOptions, NewEvent, StreamAppend};
use crate::testing::{TestDatabase, databases};

/// A time for tests, in unix microseconds.
const NOW: i64 = 1_700_000_000_000_000;
/// Far longer than anything here takes unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

fn registration() -> Registration {
    Registration {
        id: SystemEntropy::shared().uuid_v7_at(NOW),
        address: "http://10.0.0.7:8080".to_owned(),
        version: "0.1.0".to_owned(),
        started_at: NOW,
        confirmed: 3,
    }
}

async fn registered(registry: &Registry) -> Uuid {
    let registration = registration();
    registry.register(&registration).await.unwrap();
    registration.id
}

fn report(confirmed: u64) -> Report {
    Report { confirmed, read: confirmed, nodes: 5, lapsed: 1 }
}

async fn open(database: Database) -> Journal {
    Journal::open(database, JournalOptions::default()).await.unwrap()
}

/// Appends an event and answers with its position.
async fn append(journal: &Journal, stream: &str) -> u64 {
    let event = NewEvent {
        event_type: "KeyRevoked".to_owned(),
        event_version: "1.0".to_owned(),
        payload: json!({ "KeyRevoked": {} }).into(),
        metadata: json!({}).into(),
    };
    let stream = StreamAppend {
        aggregate_type: "key".to_owned(),
        aggregate_id: stream.to_owned(),
        expected: Expected::Exactly(0),
        events: vec![event],
    };
    journal.append(Append { streams: vec![stream], now: NOW, ..Append::default() }).await.unwrap().last
}

#[tokio::test]
async fn a_registration_stands_until_it_is_suspended_and_goes_when_it_is_evicted() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        let journal = open(test.database.clone()).await;
        let stranger = registration().id;
        assert_eq!(registry.standing(stranger).await.unwrap(), Standing { head: 0, may_grant: false });

        let (one, other) = (registration(), registered(&registry).await);
        registry.register(&one).await.unwrap();
        append(&journal, "a").await;
        append(&journal, "b").await;
        assert_eq!(registry.standing(one.id).await.unwrap(), Standing { head: 2, may_grant: true });
        assert_eq!(registry.standing(stranger).await.unwrap(), Standing { head: 2, may_grant: false });

        assert!(!registry.evict(one.id).await.unwrap(), "it may still grant");
        assert!(registry.suspend(one.id).await.unwrap());
        assert!(!registry.suspend(one.id).await.unwrap(), "it was suspended");
        assert!(!registry.suspend(stranger).await.unwrap());
        assert_eq!(registry.standing(one.id).await.unwrap(), Standing { head: 2, may_grant: false });
        assert_eq!(registry.standing(other).await.unwrap(), Standing { head: 2, may_grant: true });
        assert!(registry.report(one.id, &report(9)).await.unwrap(), "whoever is suspended may catch up");
        let node = registry.list().await.unwrap().into_iter().find(|node| node.id == one.id).unwrap();
        let expected = ApiNode {
            id: one.id,
            address: one.address,
            version: one.version,
            started_at: NOW,
            suspended: true,
            confirmed: 9,
            read: 9,
            nodes: 5,
            lapsed: 1,
            beat: 0,
        };
        assert_eq!(node, expected);

        assert!(registry.evict(one.id).await.unwrap());
        assert!(!registry.evict(one.id).await.unwrap());
        assert_eq!(registry.standing(one.id).await.unwrap(), Standing { head: 2, may_grant: false });
        assert!(!registry.report(one.id, &report(9)).await.unwrap());
        assert!(!registry.beat(one.id, Some("{}")).await.unwrap());

        assert!(!registry.evict(other).await.unwrap(), "it is not suspended");
        assert!(registry.suspend(other).await.unwrap());
        assert!(registry.evict(other).await.unwrap());
        assert!(registry.list().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_id_that_is_registered_is_refused() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        let one = registration();
        registry.register(&one).await.unwrap();
        registry.suspend(one.id).await.unwrap();
        let error = registry.register(&one).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Other(_)) && error.is_refusal(), "{error:?}");
        assert!(!registry.standing(one.id).await.unwrap().may_grant, "it is as suspended as before");
    }
}

#[tokio::test]
async fn a_report_never_lowers_what_is_confirmed() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        let (id, other) = (registered(&registry).await, registered(&registry).await);
        let reported = async |reported: Report| {
            assert!(registry.report(id, &reported).await.unwrap());
            let nodes = registry.list().await.unwrap();
            let untouched = nodes.iter().find(|node| node.id == other).unwrap();
            assert_eq!((untouched.confirmed, untouched.nodes, untouched.lapsed), (3, 0, 0));
            let node = nodes.into_iter().find(|node| node.id == id).unwrap();
            (node.confirmed, node.read, node.nodes, node.lapsed)
        };
        assert_eq!(reported(Report { confirmed: 7, read: 9, nodes: 2, lapsed: 1 }).await, (7, 9, 2, 1));
        assert_eq!(reported(Report { confirmed: 6, read: 8, nodes: 4, lapsed: 0 }).await, (7, 9, 4, 0));
        let most = Report { confirmed: u64::MAX, read: u64::MAX, nodes: u32::MAX, lapsed: u32::MAX };
        let held = i32::MAX.unsigned_abs();
        assert_eq!(reported(most).await, (i64::MAX.unsigned_abs(), i64::MAX.unsigned_abs(), held, held));
    }
}

#[tokio::test]
async fn a_beat_counts_and_keeps_the_last_status() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        let (id, silent) = (registered(&registry).await, registered(&registry).await);
        assert!(registry.statuses().await.unwrap().is_empty());
        for (status, kept) in [
            (Some(r#"{"nodes":[]}"#), r#"{"nodes":[]}"#),
            (None, r#"{"nodes":[]}"#),
            (Some("[\"größer\"]"), "[\"größer\"]"),
        ] {
            assert!(registry.beat(id, status).await.unwrap());
            assert_eq!(registry.statuses().await.unwrap(), [(id, kept.to_owned())]);
        }
        assert!(registry.beat(silent, None).await.unwrap());
        let beats: Vec<_> =
            registry.list().await.unwrap().iter().map(|node| (node.id == id, node.beat)).collect();
        assert!(beats.contains(&(true, 3)) && beats.contains(&(false, 1)), "{beats:?}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_not_passed_over() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        registered(&registry).await;
        let id = registered(&registry).await.to_string();
        test.database
            .execute("UPDATE api_node SET id = 'x', status = '{}' WHERE id = $1", &[id.into()])
            .await
            .unwrap();
        let error = registry.list().await.unwrap_err();
        assert!(matches!(error, DatabaseError::Malformed(_)), "{error:?}");
        assert!(matches!(registry.statuses().await, Err(DatabaseError::Malformed(_))));
    }
}

/// A deferred trigger runs at the commit and sees the setting that the commit follows.
#[tokio::test]
async fn only_what_may_be_lost_does_not_wait_for_the_disk() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let record = "CREATE TABLE commits (what TEXT, waits TEXT); \
        CREATE FUNCTION record_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            INSERT INTO commits VALUES (TG_OP, current_setting('synchronous_commit')); RETURN NULL; END $$; \
        CREATE CONSTRAINT TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON api_node DEFERRABLE INITIALLY DEFERRED \
            FOR EACH ROW EXECUTE FUNCTION record_commit()";
    test.database.execute_batch(record).await.unwrap();
    let registry = Registry::new(test.database.clone());
    let id = registered(&registry).await;
    registry.report(id, &report(4)).await.unwrap();
    registry.beat(id, Some("{}")).await.unwrap();
    registry.suspend(id).await.unwrap();
    registry.evict(id).await.unwrap();
    let rows = test.database.query("SELECT what, waits FROM commits", &[]).await.unwrap();
    let commits: Vec<_> = rows.iter().map(|row| (row.text(0).unwrap(), row.text(1).unwrap())).collect();
    let expected =
        [("INSERT", "on"), ("UPDATE", "off"), ("UPDATE", "off"), ("UPDATE", "on"), ("DELETE", "on")];
    assert_eq!(commits, expected);
}

/// The argument of `standing`: whoever revokes behind the head that was read with a registration sees this registration.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_revokes_behind_a_grants_head_sees_the_registration() {
    for test in databases().await {
        let (grants, revokes) =
            (Registry::new(test.reconnect().await), Registry::new(test.reconnect().await));
        let journal = open(test.database.clone()).await;
        for round in 0..100 {
            let registration = registration();
            let id = registration.id;
            // Asks before its registration is through, as one does who took it for failed.
            let granted = async {
                loop {
                    let standing = grants.standing(id).await.unwrap();
                    if standing.may_grant {
                        break standing.head;
                    }
                }
            };
            let revoked = async {
                let position = append(&journal, &format!("{round}")).await;
                let seen = revokes.list().await.unwrap();
                (position, seen.iter().any(|node| node.id == id))
            };
            let (registered, head, (position, seen)) =
                tokio::join!(revokes.register(&registration), granted, revoked);
            registered.unwrap();
            assert!(seen || head >= position, "granted at {head}, revoked unseen at {position}");
        }
    }
}
