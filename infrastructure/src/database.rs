//! One small face over PostgreSQL and SQLite, so that the journal's readers, projections and queries are written once:
//! portable SQL with `$1` placeholders, timestamps as unix microseconds in `BIGINT`, JSON in `TEXT`.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{PgPool, SqlitePool};

mod connect;
mod copy;
mod error;
pub(crate) mod listen;
#[cfg(test)]
mod tests;
mod transaction;
mod value;

pub use connect::SQLITE_DAILY_WORK;
pub(crate) use connect::prepare_session;
pub use error::{Cause, DatabaseError};
pub use transaction::Transaction;
pub use value::{ColumnType, Row, Value};
use value::{postgres_query, sqlite_query};

static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("./migrations/postgres");
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("./migrations/sqlite");

/// How long one statement outside of a transaction, or one append, may take before it counts as [`DatabaseError::Transient`]:
/// a server that stands still must not keep its callers waiting. What takes longer by its nature has no such limit: folds,
/// rebuilds and snapshots run in transactions, and migrations and listeners have ways of their own.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A second in all: migrations of an embedded database are a matter of milliseconds.
const SQLITE_MIGRATION_TRIES: u32 = 20;

/// A store: cheap to clone, shared by all parts of a process.
#[derive(Debug, Clone)]
pub enum Database {
    /// A server, shared with other processes.
    Postgres(PgPool),
    /// A file, for one process.
    Sqlite(SqliteDatabase),
}

/// The connections to a SQLite file (WAL, `synchronous=FULL`, foreign keys on).
#[derive(Debug, Clone)]
pub struct SqliteDatabase {
    /// Connections that may only read; they never wait for the writer.
    pub read: SqlitePool,
    /// The only connection of this process that writes: writers queue for it in order of arrival.
    pub write: SqlitePool,
    /// The file.
    pub path: PathBuf,
}

/// That this process alone serves from a database. It ends with the process, however that ends.
#[derive(Debug)]
pub struct SoleUse(#[expect(dead_code, reason = "open, it is locked")] File);

/// How to connect.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// Most connections open at once. On PostgreSQL five stand beside them: two of the journal's lane, its listener, that
    /// of the registry of API nodes, and that of the relay to the bus.
    pub max_connections: u32,
    /// How long to wait for the server, and for a free connection.
    pub connect_timeout: Duration,
    /// How long a SQLite writer waits for a writer in another process.
    pub busy_timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            connect_timeout: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// How the schema of a database relates to this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// All migrations are applied.
    Current,
    /// Some are not.
    Older {
        /// How many.
        missing: usize,
    },
    /// Migrations are applied that this program does not know.
    Newer {
        /// The highest of them.
        found: i64,
    },
}

impl Database {
    /// Opens the store at `postgres://user:password@host:5432/database` or `sqlite://path/to/file`, creating the file and
    /// its folder. The path is taken as it stands, without decoding or parameters.
    ///
    /// Fails with [`DatabaseError::Address`], [`DatabaseError::Unreachable`] or [`DatabaseError::ReadOnly`].
    pub async fn connect(url: &str, options: &DatabaseOptions) -> Result<Self, DatabaseError> {
        connect::connect(url, options).await
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Makes sure that no other process serves from a file; nothing for PostgreSQL, which many serve from. A lock on a file beside
    /// the database, since SQLite has its own on that.
    ///
    /// Fails with [`DatabaseError::Unreachable`] where another process has it.
    pub fn use_alone(&self) -> Result<Option<SoleUse>, DatabaseError> {
        let Self::Sqlite(sqlite) = self else { return Ok(None) };
        let mut path = sqlite.path.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |error: std::io::Error| DatabaseError::read_only(path.clone(), sqlx::Error::Io(error));
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(SoleUse(file))),
            Err(TryLockError::WouldBlock) => Err(DatabaseError::Unreachable {
                target: sqlite.path.display().to_string(),
                advice: "another process serves from it: end that one first, or give several a PostgreSQL database"
                    .to_owned(),
                source: Arc::new(sqlx::Error::Io(std::io::ErrorKind::ResourceBusy.into())),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Applies the migrations that are missing; several processes may call it at once.
    ///
    /// Fails with [`DatabaseError::NewerSchema`] or [`DatabaseError::ChangedMigration`] without changing anything.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        if let SchemaState::Newer { found } = self.schema_state().await? {
            return Err(DatabaseError::NewerSchema { found, known: self.known_schema() });
        }
        // PostgreSQL has a lock around migrations, SQLite has none: whoever loses that race looks again.
        let mut tries = if self.is_postgres() { 1 } else { SQLITE_MIGRATION_TRIES };
        loop {
            tries -= 1;
            match self.migrate_once().await {
                Err(DatabaseError::Other(_) | DatabaseError::Transient(_)) if tries > 0 => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn migrate_once(&self) -> Result<(), DatabaseError> {
        let outcome = match self {
            Self::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await,
            Self::Sqlite(sqlite) => SQLITE_MIGRATIONS.run(&sqlite.write).await,
        };
        outcome.map_err(|error| match error {
            MigrateError::VersionMismatch(version) => DatabaseError::ChangedMigration { version },
            MigrateError::VersionMissing(found) => {
                DatabaseError::NewerSchema { found, known: self.known_schema() }
            }
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error => DatabaseError::Other(std::sync::Arc::new(error)),
        })
    }

    /// Compares the migrations applied with the ones this program brings.
    pub async fn schema_state(&self) -> Result<SchemaState, DatabaseError> {
        let lookup = match self {
            Self::Postgres(_) => {
                "SELECT 1 FROM pg_tables WHERE tablename = '_sqlx_migrations' AND schemaname = current_schema()"
            }
            Self::Sqlite(_) => "SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'",
        };
        let applied: BTreeSet<i64> = if self.query(lookup, &[]).await?.is_empty() {
            BTreeSet::new()
        } else {
            let rows = self.query("SELECT version FROM _sqlx_migrations ORDER BY version", &[]).await?;
            rows.iter().map(|row| row.int(0)).collect::<Result<_, _>>()?
        };
        let known: BTreeSet<i64> = self.migrator().iter().map(|migration| migration.version).collect();
        Ok(match (applied.difference(&known).max(), known.difference(&applied).count()) {
            (Some(&found), _) => SchemaState::Newer { found },
            (None, 0) => SchemaState::Current,
            (None, missing) => SchemaState::Older { missing },
        })
    }

    /// Fails with [`DatabaseError::OlderSchema`] or [`DatabaseError::NewerSchema`] unless the schema is this program's.
    pub async fn require_current_schema(&self) -> Result<(), DatabaseError> {
        match self.schema_state().await? {
            SchemaState::Current => Ok(()),
            SchemaState::Older { missing } => Err(DatabaseError::OlderSchema { missing }),
            SchemaState::Newer { found } => {
                Err(DatabaseError::NewerSchema { found, known: self.known_schema() })
            }
        }
    }

    /// Runs one statement, for [`ANSWERS_WITHIN`], and returns its rows. On SQLite a statement that begins with SELECT, WITH, VALUES, PRAGMA or
    /// EXPLAIN goes to a connection that may only read.
    pub async fn query(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        match self {
            Self::Postgres(pool) => {
                collect_postgres(in_time(postgres_query(sql, args.to_vec()).fetch_all(pool)).await?)
            }
            Self::Sqlite(sqlite) => {
                let pool = if only_reads(sql) { &sqlite.read } else { &sqlite.write };
                collect_sqlite(in_time(sqlite_query(sql, args.to_vec()).fetch_all(pool)).await?)
            }
        }
    }

    /// Runs one statement in a transaction of its own, for [`ANSWERS_WITHIN`], and returns how many rows it touched.
    pub async fn execute(&self, sql: &str, args: &[Value]) -> Result<u64, DatabaseError> {
        Ok(match self {
            Self::Postgres(pool) => {
                in_time(postgres_query(sql, args.to_vec()).execute(pool)).await?.rows_affected()
            }
            Self::Sqlite(sqlite) => {
                in_time(sqlite_query(sql, args.to_vec()).execute(&sqlite.write)).await?.rows_affected()
            }
        })
    }

    /// Runs several statements without arguments, such as DDL, all or none.
    pub async fn execute_batch(&self, sql: &str) -> Result<(), DatabaseError> {
        let mut transaction = self.begin().await?;
        transaction.execute_batch(sql).await?;
        transaction.commit().await
    }

    /// Begins a write transaction: READ COMMITTED on PostgreSQL, `BEGIN IMMEDIATE` on SQLite, where it waits for its turn.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        Ok(match self {
            Self::Postgres(pool) => Transaction::postgres(pool.begin().await?),
            Self::Sqlite(sqlite) => Transaction::sqlite(sqlite.write.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Closes all connections after the statements that run on them.
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(sqlite) => {
                sqlite.read.close().await;
                sqlite.write.close().await;
            }
        }
    }

    fn migrator(&self) -> &'static Migrator {
        match self {
            Self::Postgres(_) => &POSTGRES_MIGRATIONS,
            Self::Sqlite(_) => &SQLITE_MIGRATIONS,
        }
    }

    fn known_schema(&self) -> i64 {
        self.migrator().iter().map(|migration| migration.version).max().unwrap_or(0)
    }
}

/// Waits for [`ANSWERS_WITHIN`], the wait for a free connection included. A statement that is given up may still take effect.
pub(crate) async fn in_time<T, E: Into<DatabaseError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, DatabaseError> {
    match tokio::time::timeout(ANSWERS_WITHIN, work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(DatabaseError::timed_out()),
    }
}

fn only_reads(sql: &str) -> bool {
    let word: String = sql.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    ["SELECT", "WITH", "VALUES", "PRAGMA", "EXPLAIN"].iter().any(|read| word.eq_ignore_ascii_case(read))
}

fn collect_postgres(rows: Vec<PgRow>) -> Result<Vec<Row>, DatabaseError> {
    rows.iter().map(Row::from_postgres).collect()
}

fn collect_sqlite(rows: Vec<SqliteRow>) -> Result<Vec<Row>, DatabaseError> {
    rows.iter().map(Row::from_sqlite).collect()
}
