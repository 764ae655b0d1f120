//! Connecting, migrating, and the same statements on both stores.

use super::*;
use crate::testing::{SERVER, TestDatabase, databases};

async fn refused(url: &str) -> DatabaseError {
    let options = DatabaseOptions { connect_timeout: Duration::from_secs(2), ..DatabaseOptions::default() };
    Database::connect(url, &options).await.expect_err("it cannot be opened")
}

#[tokio::test]
async fn an_address_that_does_not_open_is_explained() {
    for url in ["mysql://x", "postgres://a b:c/d", "sqlite://", "sqlite::memory:"] {
        let error = refused(url).await;
        assert!(matches!(error, DatabaseError::Address(_)), "{url}: {error:?}");
    }
    let error = refused("postgres://user:topsecret@127.0.0.1:1/nexus").await;
    assert!(matches!(error, DatabaseError::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("postgres://127.0.0.1:1/nexus") && text.contains("start PostgreSQL"), "{text}");
    assert!(!text.contains("topsecret"), "{text}");
    assert!(error.is_transient());

    let error = refused("sqlite:///proc/nexus/nexus.db").await;
    assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text.db");
    std::fs::write(
        &file,
        "this is a text and no database, and it is long enough to have a header".repeat(20),
    )
    .unwrap();
    let error = refused(&format!("sqlite://{}", file.display())).await;
    assert!(error.to_string().contains("not an intact SQLite database"), "{error:?}");

    if let Ok(server) = std::env::var(SERVER) {
        let address: Vec<&str> = server.splitn(4, '/').take(3).collect();
        let error = refused(&format!("{}/no_such_database", address.join("/"))).await;
        assert!(error.to_string().contains("`createdb no_such_database`"), "{error:?}");
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_a_newer_schema_is_refused() {
    for test in databases().await {
        let database = &test.database;
        database.migrate().await.unwrap();
        assert_eq!(database.schema_state().await.unwrap(), SchemaState::Current);

        database
            .execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = $1", &[1i64.into()])
            .await
            .unwrap();
        assert_eq!(database.schema_state().await.unwrap(), SchemaState::Newer { found: 9999 });
        let error = database.migrate().await.unwrap_err();
        let known = database.known_schema();
        assert!(
            matches!(error, DatabaseError::NewerSchema { found: 9999, known: k } if k == known),
            "{error:?}"
        );

        database.execute("DELETE FROM _sqlx_migrations", &[]).await.unwrap();
        let error = database.require_current_schema().await.unwrap_err();
        assert!(matches!(error, DatabaseError::OlderSchema { missing } if missing >= 1), "{error:?}");
    }
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    for test in databases().await {
        let args = [Value::from(vec![0u8; 48])];
        test.database
            .execute("UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 1", &args)
            .await
            .unwrap();
        let error = test.database.migrate().await.unwrap_err();
        assert!(matches!(error, DatabaseError::ChangedMigration { version: 1 }), "{error:?}");
    }
}

#[tokio::test]
async fn several_processes_may_migrate_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/nexus.db", folder.path().display());
    let migrations = (0..4).map(|_| async {
        let database = Database::connect(&url, &DatabaseOptions::default()).await?;
        database.migrate().await
    });
    for outcome in futures::future::join_all(migrations).await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    for test in databases().await {
        let database = &test.database;
        let blob = if database.is_postgres() { "BYTEA" } else { "BLOB" };
        database
            .execute_batch(&format!(
                "CREATE TABLE t (i BIGINT, s TEXT, b {blob}); CREATE TABLE u (i BIGINT);"
            ))
            .await
            .unwrap();
        let full = [Value::from(-5i64), "ü".into(), vec![0u8, 255].into()];
        let empty = [Value::Int(None), Value::Text(None), Value::Blob(None)];
        for row in [&full, &empty] {
            assert_eq!(database.execute("INSERT INTO t VALUES ($1, $2, $3)", row).await.unwrap(), 1);
        }
        let rows = database.query("SELECT i, s, b, i IS NULL FROM t ORDER BY i IS NULL", &[]).await.unwrap();
        assert_eq!(
            (rows[0].int(0).unwrap(), rows[0].text(1).unwrap(), rows[0].blob(2).unwrap()),
            (-5, "ü", &[0u8, 255][..])
        );
        assert_eq!((rows[0].int(3).unwrap(), rows[1].int(3).unwrap()), (0, 1));
        assert_eq!(
            (rows[1].opt_int(0).unwrap(), rows[1].opt_text(1).unwrap(), rows[1].opt_blob(2).unwrap()),
            (None, None, None)
        );
        for outcome in [
            rows[0].int(1).map(drop),
            rows[0].text(9).map(drop),
            rows[1].int(0).map(drop),
            rows[0].uint(0).map(drop),
        ] {
            assert!(matches!(outcome, Err(DatabaseError::Column { .. })), "{outcome:?}");
        }
        let sums = "SELECT sum(x), min(x), sum(x) * 0 FROM (SELECT CAST($1 AS BIGINT) AS x UNION ALL SELECT $2) AS v";
        for (a, b) in [(1, 2), (-70_000_000_000i64, 1), (100_000_000, 0), (i64::MAX - 7, 7)] {
            let rows = database.query(sums, &[a.into(), b.into()]).await.unwrap();
            assert_eq!(
                (rows[0].int(0).unwrap(), rows[0].int(1).unwrap(), rows[0].int(2).unwrap()),
                (a + b, a.min(b), 0)
            );
        }
    }
}

#[tokio::test]
async fn postgres_types_are_read_as_portable_ones() {
    let Some(test) = TestDatabase::postgres().await else { return };
    let sql = "SELECT 1::int2, 2::int4, true, 'n'::name, 'v'::varchar, '{\"a\": 1}'::jsonb, '[1]'::json";
    let row = test.database.query(sql, &[]).await.unwrap().remove(0);
    assert_eq!((row.int(0).unwrap(), row.int(1).unwrap(), row.int(2).unwrap()), (1, 2, 1));
    let texts: Vec<&str> = (3..7).map(|column| row.text(column).unwrap()).collect();
    assert_eq!(texts, ["n", "v", "{\"a\":1}", "[1]"]);
    for sql in ["SELECT now()", "SELECT 1.5::numeric", "SELECT 'NaN'::numeric", "SELECT 1e30::numeric"] {
        let error = test.database.query(sql, &[]).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Column { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn a_transaction_is_whole_and_bulk_upserts() {
    for test in databases().await {
        let database = &test.database;
        database.execute_batch("CREATE TABLE t (a TEXT PRIMARY KEY, b BIGINT)").await.unwrap();
        let columns = [ColumnType::Text, ColumnType::Int];
        let rows = |offset: i64| {
            (0..500i64).map(|n| vec![n.to_string().into(), (n + offset).into()]).collect::<Vec<_>>()
        };
        let tail = "ON CONFLICT (a) DO UPDATE SET b = excluded.b";
        for offset in [0, 1000] {
            let mut transaction = database.begin().await.unwrap();
            transaction.lock("t").await.unwrap();
            assert_eq!(
                transaction.bulk("INSERT INTO t (a, b)", &columns, rows(offset), tail).await.unwrap(),
                500
            );
            transaction.commit().await.unwrap();
        }
        let mut dropped = database.begin().await.unwrap();
        dropped.execute("DELETE FROM t", &[]).await.unwrap();
        drop(dropped);
        let mut transaction = database.begin().await.unwrap();
        let null = vec![vec![Value::Text(Some("x".to_owned())), Value::Int(None)]];
        transaction.bulk("INSERT INTO t (a, b)", &columns, null, "").await.unwrap();
        let wrong = vec![vec![Value::Int(Some(1)), Value::Int(None)]];
        assert!(transaction.bulk("INSERT INTO t (a, b)", &columns, wrong, "").await.is_err());
        assert_eq!(transaction.query("SELECT count(*) FROM t", &[]).await.unwrap()[0].int(0).unwrap(), 501);
        transaction.rollback().await.unwrap();
        let row = database.query("SELECT count(*), min(b) FROM t", &[]).await.unwrap().remove(0);
        assert_eq!((row.int(0).unwrap(), row.int(1).unwrap()), (500, 1000));
    }
}

#[tokio::test]
async fn few_rows_and_many_are_loaded_alike() {
    for test in databases().await {
        let database = &test.database;
        database.execute_batch("CREATE TABLE t (a BIGINT, b TEXT, c TEXT)").await.unwrap();
        let columns = [("a", ColumnType::Int), ("b", ColumnType::Text), ("c", ColumnType::Text)];
        // The last takes more than is handed over at once.
        for (count, text) in [(0, "-"), (3, "ü\t\\N\n"), (2000, "x"), (600, &"long".repeat(500))] {
            let mut transaction = database.begin().await.unwrap();
            transaction.execute("DELETE FROM t", &[]).await.unwrap();
            let rows = (0..count).map(|n: i64| vec![n.into(), text.into(), Value::Text(None)]).collect();
            assert_eq!(transaction.load("t", &columns, rows).await.unwrap(), count.unsigned_abs());
            transaction.commit().await.unwrap();
            let sql = "SELECT count(*), count(DISTINCT a), count(c) FROM t WHERE b = $1";
            let row = database.query(sql, &[text.into()]).await.unwrap().remove(0);
            assert_eq!([row.int(0), row.int(1), row.int(2)].map(Result::unwrap), [count, count, 0]);
        }
        let mut transaction = database.begin().await.unwrap();
        let wrong =
            (0..1000).map(|_| vec![Value::Int(Some(1)), Value::Int(None), Value::Text(None)]).collect();
        assert!(transaction.load("t", &columns, wrong).await.is_err());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_sqlite_stores_is_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/nexus.db", folder.path().display());
    let database = Database::connect(&url, &DatabaseOptions::default()).await.unwrap();
    database.migrate().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()).collect();
    assert!(files.len() > 1, "the log that is written ahead stands beside it");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
    }
}

#[tokio::test]
async fn sqlite_is_durable_and_its_readers_cannot_write() {
    let test = TestDatabase::sqlite().await;
    let Database::Sqlite(sqlite) = &test.database else { panic!("SQLite") };
    for (pragma, expected) in [("synchronous", "2"), ("journal_mode", "wal"), ("foreign_keys", "1")] {
        let mut transaction = test.database.begin().await.unwrap();
        let row = transaction.query(&format!("PRAGMA {pragma}"), &[]).await.unwrap().remove(0);
        let found =
            row.text(0).map(str::to_owned).or_else(|_| row.int(0).map(|value| value.to_string())).unwrap();
        assert_eq!(found, expected, "{pragma}");
    }
    let error: DatabaseError =
        sqlx::query("INSERT INTO claim VALUES ('a', 'b')").execute(&sqlite.read).await.unwrap_err().into();
    assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error:?}");
    let rows = test.database.query("INSERT INTO claim VALUES ('a', 'b') RETURNING name", &[]).await.unwrap();
    assert_eq!(rows[0].text(0).unwrap(), "a");
}

#[tokio::test]
async fn one_process_at_a_time_serves_from_a_file() {
    let test = TestDatabase::sqlite().await;
    let other = test.reconnect().await;
    let alone = test.database.use_alone().unwrap().expect("nobody else has it");
    let refusal = other.use_alone().unwrap_err().to_string();
    assert!(refusal.contains("another process serves from it"), "{refusal}");
    drop(alone);
    assert!(other.use_alone().unwrap().is_some(), "it ends with whoever had it");
    let Some(test) = TestDatabase::postgres().await else { return };
    assert!(test.database.use_alone().unwrap().is_none(), "many serve from PostgreSQL");
}
