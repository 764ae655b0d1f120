//! Rebuilds: equal to what is live, while the log goes on, resumed, and under questions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nexus_domain::verification::Code;
use nexus_infrastructure::testing::databases;

use super::*;
use crate::builds;
use crate::key_list::StatusFilter;
use crate::projection::Build;

const NAMES: [&str; 5] = ["credential_lookup", "tenant_list", "key_list", "audit_trail", "usage"];

async fn builds_of(database: &Database, name: &str) -> Vec<i64> {
    let rows = database
        .query("SELECT version FROM projection WHERE name = $1 ORDER BY 1", &[name.into()])
        .await
        .unwrap();
    rows.iter().map(|row| row.int(0).unwrap()).collect()
}

async fn is_loading(database: &Database, build: crate::Build) -> bool {
    let mut transaction = database.begin().await.unwrap();
    builds::is_loading(&mut transaction, &crate::usage::Fold, build).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_equals_the_live_tables_row_by_row() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let projections = Projections::start(log.journal.clone());
        let head = log.script().await;
        level(&projections, head).await;
        let mut before = Vec::new();
        for name in NAMES {
            before.push(dump(&database.database, name).await);
        }
        let rebuild = projections.rebuild_several(&NAMES).await.unwrap();
        let progress = rebuild.progress();
        rebuild.wait().await.unwrap();
        assert!(progress.borrow().done);
        for (name, before) in NAMES.iter().zip(before) {
            assert_eq!(
                builds_of(&database.database, name).await,
                [build_of(name, 2)],
                "the old build is gone"
            );
            assert_eq!(dump(&database.database, name).await, before, "{name}");
        }
        level(&projections, head).await;
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_keeps_up_with_the_log_and_with_questions() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let projections = Projections::start(log.journal.clone());
        let head = log.script().await;
        level(&projections, head).await;
        let ended = Arc::new(AtomicBool::new(false));
        let asking = {
            let (projections, ended) = (projections.clone(), ended.clone());
            tokio::spawn(async move {
                let mut asked = 0;
                while !ended.load(Ordering::SeqCst) {
                    let keys = projections.key_list();
                    assert_eq!(
                        keys.list(tenant(2), StatusFilter::All, None, 10, at(500)).await.unwrap().data.len(),
                        4
                    );
                    let totals = totals(&projections).await;
                    assert_eq!(totals[&Code::Expired], 12);
                    asked += 1;
                }
                asked
            })
        };
        let mut position = head;
        for round in 0..4u32 {
            let mut rebuilds = Vec::new();
            for name in NAMES {
                rebuilds.push(projections.rebuild(name).await.unwrap());
            }
            for number in 0..40u32 {
                let id = key(u128::from(1000 + round * 100 + number));
                log.key(id, issued(tenant(1), "k", 1000)).await;
                position = log.usage(used(tenant(1), id, 1000, &[(Code::Valid, 1)], Vec::new())).await;
            }
            for rebuild in rebuilds {
                rebuild.wait().await.unwrap();
            }
        }
        level(&projections, position).await;
        ended.store(true, Ordering::SeqCst);
        assert!(asking.await.unwrap() > 0);
        assert_eq!(totals(&projections).await[&Code::Valid], 60);
        for number in (0..4u32).flat_map(|round| (0..40).map(move |number| 1000 + round * 100 + number)) {
            let counts = projections.usage().key_totals(key(number.into())).await.unwrap();
            assert_eq!(counts, [(Code::Valid, 1)].into(), "{number}");
        }
        let mut live = Vec::new();
        for name in NAMES {
            live.push(dump(&database.database, name).await);
        }
        projections.rebuild_several(&NAMES).await.unwrap().wait().await.unwrap();
        for (name, live) in NAMES.iter().zip(live) {
            assert_eq!(dump(&database.database, name).await, live, "{name}");
        }
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_rebuild_is_resumed_at_the_next_start() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let projections = Projections::start(log.journal.clone());
        let head = log.script().await;
        level(&projections, head).await;
        let before = dump(&database.database, "key_list").await;
        projections.stop().await;
        // A build that somebody began and left.
        let begun = builds::open(&database.database, &crate::key_list::Fold).await.unwrap();
        assert_eq!(begun.build.number(), build_of("key_list", 2));
        let again = Projections::start(log.journal.clone());
        let mut rounds = 0;
        while builds_of(&database.database, "key_list").await != [build_of("key_list", 2)] {
            tokio::time::sleep(Duration::from_millis(20)).await;
            rounds += 1;
            assert!(rounds < 500, "{:?}", again.status().await);
        }
        assert_eq!(dump(&database.database, "key_list").await, before);
        let head = log.key(key(77), issued(tenant(1), "k", 0)).await;
        level(&again, head).await;
        assert!(again.key_list().get(tenant(1), key(77), at(1)).await.unwrap().is_some());
        again.stop().await;
    }
}

/// What usage looked like when a build of it was begun, and that build.
async fn begun(database: &Database, log: &mut Log) -> (Vec<(&'static str, Vec<Row>)>, Build) {
    let projections = Projections::start(log.journal.clone());
    let head = log.script().await;
    level(&projections, head).await;
    let before = dump(database, "usage").await;
    projections.stop().await;
    (before, builds::open(database, &crate::usage::Fold).await.unwrap().build)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_was_loaded_and_not_switched_is_finished() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let (before, begun) = begun(&database.database, &mut log).await;
        assert!(is_loading(&database.database, begun).await);
        // As if it had been brought together at the beginning of the log: the rest adds up in the table itself.
        database.database.execute(&format!("DROP TABLE usage_minute_load_{begun}"), &[]).await.unwrap();
        Projections::attach(log.journal.clone()).rebuild("usage").await.unwrap().wait().await.unwrap();
        assert_eq!(builds_of(&database.database, "usage").await, [begun.number()]);
        assert_eq!(dump(&database.database, "usage").await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_could_not_read_the_log_to_its_end_goes_on_as_a_load() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let (before, begun) = begun(&database.database, &mut log).await;
        log.lose(9).await;
        let command = Projections::attach(log.journal.clone());
        let error = command.rebuild("usage").await.unwrap().wait().await.unwrap_err();
        assert!(matches!(error, crate::RebuildError::Log(_)), "{error:?}");
        assert!(is_loading(&database.database, begun).await, "nothing was brought together");
        log.find(9).await;
        command.rebuild("usage").await.unwrap().wait().await.unwrap();
        assert_eq!(builds_of(&database.database, "usage").await, [begun.number()]);
        assert_eq!(dump(&database.database, "usage").await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_beside_the_nodes_can_rebuild() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let head = log.script().await;
        let node = Projections::start(log.journal.clone());
        level(&node, head).await;
        let other = Log::open(&database.reconnect().await).await;
        let command = Projections::attach(other.journal.clone());
        command.rebuild("usage").await.unwrap().wait().await.unwrap();
        assert!(matches!(command.rebuild("nothing").await, Err(crate::RebuildError::UnknownProjection(_))));
        let status = command.status().await.unwrap();
        let usage = status.iter().find(|status| status.name == "usage").unwrap();
        assert_eq!((usage.build, usage.lag, &usage.rebuilding), (Some(build_of("usage", 2)), 0, &None));
        let head = log.usage(used(tenant(1), key(1), 0, &[(Code::Valid, 1)], Vec::new())).await;
        level(&node, head).await;
        assert_eq!(totals(&node).await[&Code::Valid], 61);
        assert_eq!(totals(&command).await[&Code::Valid], 61);
        node.stop().await;
    }
}
