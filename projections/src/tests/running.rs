//! Runners: transactions, several processes, poison, waiting, status.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::verification::Code;
use nexus_infrastructure::database::ColumnType;
use nexus_infrastructure::testing::{TestDatabase, databases};

use super::*;
use crate::{Event, FoldError, Projection, Rows, Stored, Table};

/// Writes one row per event, and can be told to write one of them twice, which its table refuses.
#[derive(Default)]
struct Fragile {
    broken: AtomicBool,
    newer: bool,
}

impl Projection for Fragile {
    fn name(&self) -> &'static str {
        "fragile"
    }

    fn schema_version(&self) -> u32 {
        if self.newer { 2 } else { 1 }
    }

    fn tables(&self) -> &'static [Table] {
        &[Table { name: "fragile", columns: "position BIGINT PRIMARY KEY", indexes: &[], sums: None }]
    }

    fn consumes(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &["tenant"]
    }

    fn fold<'a>(&'a self, _: Stored<'a>, events: &'a [Event]) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        let table = |events: &[Event]| Rows {
            table: "fragile",
            columns: &[("position", ColumnType::Int)],
            rows: events.iter().map(|event| vec![event.position.into()]).collect(),
            on_conflict: "",
        };
        let mut rows = vec![table(events)];
        if self.broken.load(Ordering::SeqCst) {
            rows.push(table(&events[..1]));
        }
        std::future::ready(Ok(rows)).boxed()
    }
}

async fn rows(database: &Database, build: i64) -> u64 {
    let rows = database.query(&format!("SELECT count(*) FROM fragile_v{build}"), &[]).await.unwrap();
    rows[0].uint(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fold_that_fails_in_the_middle_leaves_nothing() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let fragile = Arc::new(Fragile::default());
        let projections = Projections::start_with(log.journal.clone(), vec![fragile.clone()]);
        projections.await_built(PATIENCE).await.unwrap();
        fragile.broken.store(true, Ordering::SeqCst);
        let mut head = 0;
        for number in 1..=10 {
            head = log.key(key(number), issued(tenant(1), "k", 0)).await;
        }
        let lagging =
            projections.await_position("fragile", head, Duration::from_millis(300)).await.unwrap_err();
        assert_eq!((lagging.wanted, lagging.checkpoint), (head, 0));
        assert_eq!(rows(&database.database, 1_000_001).await, 0);
        let status = projections.status().await.unwrap().remove(0);
        assert_eq!((status.checkpoint, status.lag), (0, head));
        assert!(status.error.unwrap().contains("refused the statement"));

        fragile.broken.store(false, Ordering::SeqCst);
        projections.await_position("fragile", head, PATIENCE).await.unwrap();
        assert_eq!(rows(&database.database, 1_000_001).await, head);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(projections.status().await.unwrap()[0].error, None);
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folds_that_a_crash_took_away_come_back() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let projections = Projections::start_with(log.journal.clone(), vec![Arc::new(Fragile::default())]);
        let mut head = 0;
        for number in 1..=10 {
            head = log.key(key(number), issued(tenant(1), "k", 0)).await;
        }
        projections.await_position("fragile", head, PATIENCE).await.unwrap();
        // Rows and checkpoint are committed together, so a crash of the database takes both.
        let lost = "UPDATE projection SET checkpoint = 4; DELETE FROM fragile_v1000001 WHERE position > 4";
        database.database.execute_batch(lost).await.unwrap();
        let mut rounds = 0;
        while rows(&database.database, 1_000_001).await < head {
            tokio::time::sleep(Duration::from_millis(50)).await;
            rounds += 1;
            assert!(rounds < 200, "{:?}", projections.status().await);
        }
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_program_builds_its_tables_beside_those_of_the_older_one() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let older = Projections::start_with(log.journal.clone(), vec![Arc::new(Fragile::default())]);
        log.key(key(1), issued(tenant(1), "k", 0)).await;
        let head = log.key(key(2), issued(tenant(1), "k", 0)).await;
        older.await_position("fragile", head, PATIENCE).await.unwrap();
        let fold = Fragile { newer: true, ..Fragile::default() };
        let newer = Projections::start_with(log.journal.clone(), vec![Arc::new(fold)]);
        newer.await_position("fragile", head, PATIENCE).await.unwrap();
        let head = log.key(key(3), issued(tenant(1), "k", 0)).await;
        for (projections, build) in [(older, 1_000_001), (newer, 2_000_001)] {
            projections.await_position("fragile", head, PATIENCE).await.unwrap();
            assert_eq!(rows(&database.database, build).await, head);
            assert_eq!(projections.status().await.unwrap()[0].build, Some(build));
            projections.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_stops_those_who_need_it_and_nobody_else() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let projections = Projections::start(log.journal.clone());
        log.tenant(tenant(1), created("Acme", 0)).await;
        let before = log.key(key(1), issued(tenant(1), "k", 0)).await;
        let poison = log.raw("key", key(1).to_string(), "KeyShared", "1.0", json!({ "KeyShared": {} })).await;
        let after = log.tenant(tenant(2), created("Umbrella", 1)).await;
        projections.await_position("tenant_list", after, PATIENCE).await.unwrap();
        projections.await_position("usage", after, PATIENCE).await.unwrap();
        for name in ["credential_lookup", "key_list", "audit_trail"] {
            projections.await_position(name, before, PATIENCE).await.unwrap();
            assert!(projections.await_position(name, poison, Duration::from_millis(100)).await.is_err());
            let all = projections.status().await.unwrap();
            let status = all.iter().find(|status| status.name == name).unwrap();
            assert_eq!(status.checkpoint, before, "{name} stands right in front of it");
            let error = status.error.clone().unwrap();
            assert!(error.contains(&format!("event {poison} (KeyShared)")), "{error}");
        }
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_aggregate_or_version_is_not_passed_over() {
    for (kind, version) in [("webhook", "1.0"), ("key", "2.0")] {
        let database = TestDatabase::sqlite().await;
        let mut log = Log::open(&database.database).await;
        let payload = serde_json::to_value(issued(tenant(1), "k", 0)).unwrap();
        let position = log.raw(kind, key(1).to_string(), "KeyIssued", version, payload).await;
        let projections = Projections::start(log.journal.clone());
        assert!(
            projections.await_position("audit_trail", position, Duration::from_millis(500)).await.is_err()
        );
        let all = projections.status().await.unwrap();
        let status = all.iter().find(|status| status.name == "audit_trail").unwrap();
        let error = status.error.clone().unwrap();
        assert!(error.contains(if kind == "key" { "version 2.0" } else { "`webhook`" }), "{error}");
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_fold_each_event_once() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let mut log = Log::open(&database.database).await;
    let other = Log::open(&database.reconnect().await).await;
    let first = Projections::start(log.journal.clone());
    let second = Projections::start(other.journal.clone());
    let mut head = 0;
    for number in 1..=150u32 {
        log.key(key(number.into()), issued(tenant(1), "k", 0)).await;
        head = log.usage(used(tenant(1), key(number.into()), 0, &[(Code::Valid, 1)], Vec::new())).await;
    }
    level(&first, head).await;
    level(&second, head).await;
    for projections in [&first, &second] {
        assert_eq!(totals(projections).await, [(Code::Valid, 150)].into());
        let export = projections.audit_trail();
        let page = export.list(&crate::audit_trail::AuditFilter::default(), None, 200).await.unwrap();
        assert_eq!(page.data[0].position, head);
        assert!(projections.status().await.unwrap().iter().all(|status| status.error.is_none()));
    }
    first.stop().await;
    // The one that is left goes on alone.
    let head = log.usage(used(tenant(1), key(1), 0, &[(Code::Valid, 1)], Vec::new())).await;
    level(&second, head).await;
    assert_eq!(totals(&second).await, [(Code::Valid, 151)].into());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_written_can_read_it() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let running = Projections::start(log.journal.clone());
        let beside = Projections::attach(log.journal.clone());
        for number in 1..=30u32 {
            let id = key(number.into());
            log.key(id, issued(tenant(1), "k", 0)).await;
            let head = log.journal.head().await.unwrap();
            let projections = if number.is_multiple_of(2) { &running } else { &beside };
            projections.await_position("key_list", head, PATIENCE).await.unwrap();
            assert!(projections.key_list().get(tenant(1), id, at(1)).await.unwrap().is_some());
        }
        assert!(running.await_position("no such", 0, PATIENCE).await.is_err());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_goes_on_where_it_was() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let head = log.script().await;
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        projections.stop().await;
        log.usage(used(tenant(1), key(1), 400, &[(Code::Valid, 1)], Vec::new())).await;
        let head = log.key(key(50), issued(tenant(1), "later", 400)).await;
        let again = Projections::start(log.journal.clone());
        level(&again, head).await;
        assert_eq!(totals(&again).await[&Code::Valid], 61);
        let status = again.status().await.unwrap();
        assert!(
            status.iter().all(|status| status.build == Some(build_of(status.name, 1))),
            "nothing was built anew"
        );
        assert!(status.iter().all(|status| status.lag == 0 && status.rebuilding.is_none()));
        again.stop().await;
    }
}
