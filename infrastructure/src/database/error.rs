//! What can go wrong with a store, in the classes that callers treat differently: say it to an operator, retry, give up.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Shared, because one lost connection fails every append of a batch.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// A failure of the store. The text names what to do where somebody can do something; it never holds a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// The address in the configuration is none, or of an unknown kind.
    #[error("the database address is not usable: {0}")]
    Address(String),
    /// Nobody answers at the address, or the server turned the login down.
    #[error("cannot use the database at {target}: {advice}")]
    Unreachable {
        /// Host, port and database name, or the file.
        target: String,
        /// What is wrong and what to do about it.
        advice: String,
        /// The driver's own words.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A newer program has migrated this database; this one would misread it.
    #[error("the database has schema {found} and this program knows only {known}: run a newer nexus")]
    NewerSchema {
        /// The highest migration applied.
        found: i64,
        /// The highest migration this program brings.
        known: i64,
    },
    /// Migrations of this program have not been applied.
    #[error("the database lacks {missing} migration(s): run `nexus db migrate`")]
    OlderSchema {
        /// How many.
        missing: usize,
    },
    /// A migration was changed after it had been applied.
    #[error(
        "migration {version} in the database is not the one this program brings: \
         restore the database or run the nexus that made it"
    )]
    ChangedMigration {
        /// The migration's number.
        version: i64,
    },
    /// The file, its folder or the server accepts no writes.
    #[error("cannot write to {target}: check its owner, its permissions and that the server is the primary")]
    ReadOnly {
        /// The file or folder, or a description of the server.
        target: String,
        /// The driver's own words.
        #[source]
        source: Cause,
    },
    /// The connection broke, the server restarts, or two writers met: the same call may succeed in a moment. Whether a
    /// write has happened is unknown.
    #[error("the database did not complete the statement: it may succeed when tried again")]
    Transient(#[source] Cause),
    /// The log does not continue where it should: rows were removed by hand, or a backup mixed two databases.
    #[error("the log has a gap: position {expected} is missing, the next one is {found}")]
    Gap {
        /// The position that should follow.
        expected: u64,
        /// The position that was found.
        found: u64,
    },
    /// A row does not have the shape its reader expects: a mistake in the program.
    #[error("column {column} should hold {wanted} and holds {found}")]
    Column {
        /// Counted from 0.
        column: usize,
        /// What the reader asked for.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// Stored data cannot be read back as what it should be.
    #[error("stored data is malformed")]
    Malformed(#[source] Cause),
    /// The statement was refused: a constraint, a syntax error, a full disk.
    #[error("the database refused the statement")]
    Other(#[source] Cause),
}

impl DatabaseError {
    /// Whether the same call may succeed in a moment.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_) | Self::Unreachable { .. })
    }

    /// Whether the data in the statement was refused (a constraint, a type, a size), so that it certainly had no effect and
    /// other data may pass.
    pub fn is_refusal(&self) -> bool {
        let Self::Other(cause) = self else { return false };
        let Some(sqlx::Error::Database(error)) = cause.downcast_ref::<sqlx::Error>() else { return false };
        let code = error.code().unwrap_or_default();
        if code.len() == 5 {
            // data exception, integrity constraint violation, program limit exceeded, raised by a trigger
            matches!(code.get(..2), Some("22" | "23" | "54" | "P0"))
        } else {
            // TOOBIG, CONSTRAINT, MISMATCH
            matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(18..=20))
        }
    }

    /// Nobody answered in time.
    pub(crate) fn timed_out() -> Self {
        sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()
    }

    pub(super) fn read_only(path: PathBuf, source: impl Error + Send + Sync + 'static) -> Self {
        Self::ReadOnly { target: path.display().to_string(), source: Arc::new(source) }
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match Class::of(&error) {
            Class::Transient => Self::Transient(Arc::new(error)),
            Class::ReadOnly => Self::ReadOnly { target: "the database".to_owned(), source: Arc::new(error) },
            Class::Malformed => Self::Malformed(Arc::new(error)),
            Class::Refused => Self::Other(Arc::new(error)),
        }
    }
}

enum Class {
    Transient,
    ReadOnly,
    Malformed,
    Refused,
}

impl Class {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Transient,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Malformed,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                // SQLSTATE codes are five characters, SQLite's extended result codes are shorter numbers.
                if code.len() == 5 { Self::of_sqlstate(&code) } else { Self::of_sqlite(&code) }
            }
            _ => Self::Refused,
        }
    }

    fn of_sqlstate(code: &str) -> Self {
        match code {
            // read_only_sql_transaction: a standby, or a primary that was set read-only.
            "25006" => Self::ReadOnly,
            // lock_not_available, query_canceled (a statement timeout)
            "55P03" | "57014" => Self::Transient,
            _ => match code.get(..2) {
                // connection exception, transaction rollback, insufficient resources, operator intervention, system error
                Some("08" | "40" | "53" | "57" | "58") => Self::Transient,
                _ => Self::Refused,
            },
        }
    }

    fn of_sqlite(code: &str) -> Self {
        // The low byte is the primary code.
        match code.parse::<u32>().map(|code| code & 0xff) {
            // BUSY, LOCKED, IOERR, PROTOCOL
            Ok(5 | 6 | 10 | 15) => Self::Transient,
            // READONLY, CANTOPEN
            Ok(8 | 14) => Self::ReadOnly,
            _ => Self::Refused,
        }
    }
}
