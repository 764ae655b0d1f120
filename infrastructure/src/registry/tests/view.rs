//! Watching the registry.

use std::collections::BTreeSet;

use futures::future::join_all;
use tokio::time::timeout;

use super::*;

/// A watch, and what stops it.
fn watch(registry: &Registry) -> (RegistryWatch, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    (RegistryWatch::start(registry.clone(), stopped), stop)
}

fn confirmed(view: &View, id: Uuid) -> Option<u64> {
    view.nodes.iter().find(|node| node.id == id).map(|node| node.confirmed)
}

/// Waits until the view shows that `id` has confirmed `position`.
async fn until_confirmed(watch: &RegistryWatch, id: Uuid, position: u64) {
    let waiting = async {
        let mut view = watch.fresh().await.unwrap();
        while confirmed(&view, id) != Some(position) {
            view = watch.changed_after(view.read).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("the report is seen");
}

/// Waits until PostgreSQL finds something for this condition on its activity in this database.
async fn until_active(database: &Database, condition: &str) {
    let sql = format!("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND {condition}");
    let waiting = async {
        while database.query(&sql, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect(condition);
}

const LISTENS: &str = "query ILIKE 'LISTEN%nexus_registry%'";

#[tokio::test]
async fn two_processes_see_each_others_reports() {
    for test in databases().await {
        let (one, other) = (Registry::new(test.database.clone()), Registry::new(test.reconnect().await));
        let ((of_one, _stop), (of_other, _stop_other)) = (watch(&one), watch(&other));
        let (first, second) = (registered(&one).await, registered(&other).await);
        for position in 4..8 {
            let (seen, seen_too) =
                (until_confirmed(&of_other, first, position), until_confirmed(&of_one, second, position));
            let both = async {
                one.report(first, &report(position)).await.unwrap();
                other.report(second, &report(position)).await.unwrap();
            };
            tokio::join!(seen, seen_too, both);
        }
    }
}

#[tokio::test]
async fn an_announcement_is_faster_than_the_poll() {
    for test in databases().await {
        // Two processes on PostgreSQL; SQLite has one.
        let registry = Registry::new(test.database.clone());
        let reporter = if test.database.is_postgres() {
            Registry::new(test.reconnect().await)
        } else {
            registry.clone()
        };
        let (watch, _stop) = watch(&registry);
        let id = registered(&registry).await;
        if test.database.is_postgres() {
            until_active(&test.database, LISTENS).await;
        }
        // The poll would take fifteen seconds.
        let sixty = async {
            for position in 4..64 {
                let (view, report) = (watch.fresh().await.unwrap(), report(position));
                let (_, outcome) = tokio::join!(watch.changed_after(view.read), reporter.report(id, &report));
                assert!(outcome.unwrap());
                until_confirmed(&watch, id, position).await;
            }
        };
        timeout(Duration::from_secs(8), sixty).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fresh_view_shows_what_was_committed_before_it_was_asked_for() {
    for test in databases().await {
        let (here, elsewhere) = (Registry::new(test.database.clone()), Registry::new(test.reconnect().await));
        let (watch, _stop) = watch(&here);
        let callers = (0..40).map(|number| {
            let (registry, watch) =
                (if number % 2 == 0 { here.clone() } else { elsewhere.clone() }, watch.clone());
            tokio::spawn(async move {
                for _ in 0..5 {
                    let id = registered(&registry).await;
                    assert!(confirmed(&watch.fresh().await.unwrap(), id).is_some(), "registered before");
                    assert!(registry.suspend(id).await.unwrap() && registry.evict(id).await.unwrap());
                    assert!(confirmed(&watch.fresh().await.unwrap(), id).is_none(), "removed before");
                }
            })
        });
        for caller in join_all(callers).await {
            caller.unwrap();
        }
    }
}

#[tokio::test]
async fn those_who_ask_together_share_a_read() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        let (watch, _stop) = watch(&registry);
        let views = join_all((0..200).map(|_| watch.fresh())).await;
        let reads: BTreeSet<u64> = views.into_iter().map(|view| view.unwrap().read).collect();
        assert!(reads.len() <= 2, "{reads:?}");
    }
}

#[tokio::test]
async fn who_asks_during_a_read_shares_the_next() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let registry = Registry::new(test.reconnect().await);
    let (watch, _stop) = watch(&registry);
    let before = watch.fresh().await.unwrap();
    let mut lock = test.database.begin().await.unwrap();
    lock.execute_batch("LOCK TABLE api_node IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waits = "wait_event_type = 'Lock' AND query LIKE '%FROM api_node%'";
    // A read that is under way, by itself or for those who wait.
    until_active(&test.database, waits).await;
    let id = registration().id.to_string();
    let insert = "INSERT INTO api_node (id, address, version, started_at, confirmed, read) VALUES ($1, '', '', 0, 0, 0)";
    lock.execute(insert, &[id.as_str().into()]).await.unwrap();
    let (views, ()) = tokio::join!(join_all((0..50).map(|_| watch.fresh())), async {
        lock.commit().await.unwrap();
    });
    let reads: BTreeSet<u64> = views
        .into_iter()
        .map(|view| {
            let view = view.unwrap();
            assert!(view.nodes.iter().any(|node| node.id.to_string() == id));
            view.read
        })
        .collect();
    assert_eq!(reads.len(), 1, "{reads:?}");
    assert!(reads.iter().all(|read| *read > before.read + 1), "{reads:?} after {before:?}");
}

#[tokio::test]
async fn the_watch_outlives_its_connection() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let (watched, reporter) = (Registry::new(test.database.clone()), Registry::new(test.reconnect().await));
    let (watch, _stop) = watch(&watched);
    let id = registered(&reporter).await;
    until_active(&test.database, LISTENS).await;
    let kill = format!(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND {LISTENS}"
    );
    let killed = test.database.query(&kill, &[]).await.unwrap();
    assert_eq!(killed.len(), 1);
    reporter.report(id, &report(8)).await.unwrap();
    until_confirmed(&watch, id, 8).await;
    until_active(&test.database, &format!("{LISTENS} AND pid <> {}", killed[0].int(0).unwrap())).await;
    reporter.report(id, &report(9)).await.unwrap();
    until_confirmed(&watch, id, 9).await;
}

#[tokio::test]
async fn a_store_that_fails_is_told_and_waited_for() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        let (watch, _stop) = watch(&registry);
        let id = registered(&registry).await;
        let view = watch.fresh().await.unwrap();
        assert_eq!(confirmed(&view, id), Some(3));

        test.database.execute_batch("ALTER TABLE api_node RENAME TO elsewhere").await.unwrap();
        let error = watch.fresh().await.unwrap_err();
        assert!(matches!(error, DatabaseError::Other(_)), "{error:?}");
        let newest = watch.changed_after(0).await;
        let still = timeout(Duration::from_millis(600), watch.changed_after(newest.read)).await;
        assert!(still.is_err(), "there is nothing newer");
        test.database.execute_batch("ALTER TABLE elsewhere RENAME TO api_node").await.unwrap();
        let again = timeout(PATIENCE, watch.changed_after(newest.read)).await.unwrap();
        assert_eq!(confirmed(&again, id), Some(3));
    }
}

#[tokio::test]
async fn a_watch_that_is_stopped_still_answers() {
    for test in databases().await {
        let registry = Registry::new(test.database.clone());
        let (watch, stop) = watch(&registry);
        let before = watch.fresh().await.unwrap();
        stop.send_replace(true);
        timeout(PATIENCE, stop.closed()).await.expect("the task ends");
        let id = registered(&registry).await;
        let view = watch.fresh().await.unwrap();
        assert_eq!(confirmed(&view, id), Some(3));
        assert!(view.read > before.read);
        registry.report(id, &report(4)).await.unwrap();
        let later = timeout(PATIENCE, watch.changed_after(view.read)).await.unwrap();
        assert_eq!(confirmed(&later, id), Some(4));
    }
}

#[tokio::test]
async fn a_watch_ends_with_its_last_clone() {
    let test = TestDatabase::sqlite().await;
    let (watch, stop) = watch(&Registry::new(test.database.clone()));
    let clone = watch.clone();
    drop(watch);
    clone.fresh().await.unwrap();
    assert!(!stop.is_closed());
    drop(clone);
    timeout(PATIENCE, stop.closed()).await.expect("the task ends");
}
