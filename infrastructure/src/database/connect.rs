//! Opening a store from its address, with an answer that an operator can act on when it does not open.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, SqlitePool};

use super::{Database, DatabaseError, DatabaseOptions, SqliteDatabase};

pub(super) async fn connect(url: &str, options: &DatabaseOptions) -> Result<Database, DatabaseError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        postgres(url, options).await
    } else if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
        sqlite(path, options).await
    } else {
        Err(DatabaseError::Address("it must start with postgres:// or sqlite://".to_owned()))
    }
}

async fn postgres(url: &str, options: &DatabaseOptions) -> Result<Database, DatabaseError> {
    // The parser's own message could repeat parts of the address, and with them the password.
    let connect = PgConnectOptions::from_str(url)
        .map_err(|_| {
            DatabaseError::Address("it should read postgres://user:password@host:5432/database".to_owned())
        })?
        .application_name("nexus")
        .disable_statement_logging();
    // One plain connection first: a pool would retry in silence and then say only that it had timed out.
    let attempt = tokio::time::timeout(options.connect_timeout, PgConnection::connect_with(&connect)).await;
    let probe = attempt.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
    match probe {
        Ok(connection) => drop(connection.close().await),
        Err(error) => return Err(explain_postgres(&connect, error)),
    }
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.max(2))
        .acquire_timeout(options.connect_timeout)
        .after_connect(|connection, _| Box::pin(prepare_session(connection)))
        .connect_lazy_with(connect);
    Ok(Database::Postgres(pool))
}

/// A process that is frozen or cut off in the middle of a transaction holds its locks until the server ends its session.
/// Without a limit of ours that takes hours, and meanwhile no other process relays events or moves the projections.
const END_WHEN_FROZEN: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// The journal's checks read what the last holder of its lock committed, which only READ COMMITTED shows, and an answered
/// append must survive a crash: a server with other defaults would break both in silence.
pub(crate) async fn prepare_session(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute("SET default_transaction_isolation = 'read committed'").await?;
    connection.execute(END_WHEN_FROZEN).await?;
    let durable = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
    connection.execute(durable).await?;
    Ok(())
}

fn explain_postgres(options: &PgConnectOptions, error: sqlx::Error) -> DatabaseError {
    let name = options.get_database().unwrap_or("postgres").to_owned();
    let target = format!("postgres://{}:{}/{name}", options.get_host(), options.get_port());
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
    let advice = match (code.as_str(), &error) {
        ("28P01" | "28000", _) => "the server refused the user name or password".to_owned(),
        ("3D000", _) => format!("the server has no database named {name}: create it with `createdb {name}`"),
        ("53300", _) => "the server has no connection left: raise its max_connections".to_owned(),
        ("57P03", _) => "the server is still starting: try again in a moment".to_owned(),
        (_, sqlx::Error::Io(error)) => {
            format!("no server answered ({}): start PostgreSQL or correct the address", error.kind())
        }
        (_, sqlx::Error::Tls(_)) => {
            "the encrypted connection failed: check sslmode and the certificate".to_owned()
        }
        _ => "the server turned the connection down".to_owned(),
    };
    DatabaseError::Unreachable { target, advice, source: std::sync::Arc::new(error) }
}

/// How SQLite's connections are set up, as pragmas with their values. A cache of 16 MiB holds the upper pages of the indexes
/// that every command touches; and the write-ahead log is copied back after 16 MiB (4096 pages), since a page that is written
/// often is then copied the more seldom. A load may set the writing connection otherwise, and back.
pub const SQLITE_DAILY_WORK: [(&str, &str); 3] =
    [("cache_size", "-16384"), ("wal_autocheckpoint", "4096"), ("threads", "0")];

async fn sqlite(path: &str, options: &DatabaseOptions) -> Result<Database, DatabaseError> {
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(DatabaseError::Address("it should read sqlite://folder/nexus.db".to_owned()));
    }
    let path = PathBuf::from(path);
    create_folder(&path)?;
    keep_from_others(&path);
    let connect = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last commits in a power cut, and with them revocations that were confirmed.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging();
    let connect =
        SQLITE_DAILY_WORK.iter().fold(connect, |connect, (name, value)| connect.pragma(*name, *value));
    let write = patiently(options.busy_timeout.saturating_mul(2), || sqlite_writer(&connect, options))
        .await
        .map_err(|error| explain_sqlite(&path, error))?;
    let read = SqlitePoolOptions::new()
        .max_connections(options.max_connections.clamp(1, 16))
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(options.connect_timeout)
        .connect_lazy_with(connect.pragma("query_only", "ON"));
    Ok(Database::Sqlite(SqliteDatabase { read, write, path }))
}

/// Makes the file where there is none, for this user alone; SQLite gives the files beside it the same mode. What stands in the
/// way of that, SQLite tells better.
fn keep_from_others(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _there_already = options.open(path);
}

async fn sqlite_writer(
    connect: &SqliteConnectOptions,
    options: &DatabaseOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(options.busy_timeout.saturating_mul(6))
        .connect_with(connect.clone())
        .await?;
    // A file in a folder without write permission is found out here and not at the first append.
    sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&write).await?;
    Ok(write)
}

/// SQLite answers busy at once, and not after its busy timeout, while another process turns the new file to WAL.
async fn patiently<F>(limit: Duration, open: impl Fn() -> F) -> Result<SqlitePool, sqlx::Error>
where
    F: Future<Output = Result<SqlitePool, sqlx::Error>>,
{
    let mut busy = sqlx::Error::PoolTimedOut;
    let work = async {
        loop {
            match open().await {
                Err(error) if matches!(sqlite_code(&error), Some(5 | 6)) => busy = error,
                outcome => return outcome,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(busy),
    }
}

/// SQLite's primary result code.
fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    Some(code & 0xff)
}

fn create_folder(path: &Path) -> Result<(), DatabaseError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    // The file holds digests of secrets and personal data: nobody else on the machine needs to read it.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| DatabaseError::read_only(folder.to_owned(), error))
}

fn explain_sqlite(path: &Path, error: sqlx::Error) -> DatabaseError {
    match sqlite_code(&error) {
        Some(8 | 14) => DatabaseError::read_only(path.to_owned(), error),
        // NOTADB, CORRUPT
        Some(26 | 11) => DatabaseError::Unreachable {
            target: path.display().to_string(),
            advice: "the file is not an intact SQLite database: restore it from a backup or choose another"
                .to_owned(),
            source: std::sync::Arc::new(error),
        },
        Some(5 | 6) => DatabaseError::Unreachable {
            target: path.display().to_string(),
            advice: "another process holds it locked: stop that one first".to_owned(),
            source: std::sync::Arc::new(error),
        },
        _ => error.into(),
    }
}
