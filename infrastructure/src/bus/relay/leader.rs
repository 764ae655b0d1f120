//! One process publishes at a time: on PostgreSQL the one that holds an advisory lock, on a connection of its own. A SQLite
//! file belongs to one process anyway.
//!
//! The lock keeps messages from being sent twice as a rule; it does not carry the promise that none is lost or numbered
//! differently. A process that has not noticed yet that it lost the lock does no more harm than sending twice.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinHandle;

use crate::database::{Database, DatabaseError};

const TAKE: &str = "SELECT pg_try_advisory_lock(hashtextextended('nexus/relay', 0))";

/// How long any answer of the server may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the holder makes sure that its connection stands.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Lets the server end the session of a process that is frozen or cut off, within about 10 s instead of the hours that its
/// usual settings take, so that another process gets the lead.
const END_WHEN_SILENT: [&str; 3] = [
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3",
    // Servers before PostgreSQL 14 do not know it.
    "SET idle_session_timeout = '10s'",
    "SET tcp_user_timeout = '10s'",
];

pub(super) enum Leadership {
    /// There is nobody else.
    Sole,
    /// Held as long as the task runs, which owns the connection.
    Held(JoinHandle<()>),
}

impl Leadership {
    /// The lead, unless another process has it.
    pub(super) async fn take(database: &Database) -> Result<Option<Self>, DatabaseError> {
        let Database::Postgres(pool) = database else {
            return Ok(Some(Self::Sole));
        };
        let options = pool.connect_options();
        let attempt = tokio::time::timeout(PATIENCE, async {
            let mut connection = PgConnection::connect_with(&options).await?;
            for setting in END_WHEN_SILENT {
                // Without it the lock is as good, only slower to be passed on.
                let _ = connection.execute(setting).await;
            }
            let taken: bool = sqlx::query_scalar(TAKE).fetch_one(&mut connection).await?;
            if taken {
                return Ok(Some(connection));
            }
            connection.close().await?;
            Ok(None)
        });
        let timed_out = || sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        let connection: Option<PgConnection> = attempt.await.unwrap_or_else(|_| Err(timed_out()))?;
        Ok(connection.map(|connection| Self::Held(tokio::spawn(hold(connection)))))
    }

    /// Returns when the lead is lost.
    pub(super) async fn lost(&mut self) {
        match self {
            Self::Sole => std::future::pending().await,
            Self::Held(task) => {
                // However it ended, the connection is gone.
                let _ = task.await;
            }
        }
    }

    /// Gives the lead away; the server notices the closed connection at once.
    pub(super) async fn release(mut self) {
        if let Self::Held(task) = &mut self
            && !task.is_finished()
        {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        if let Self::Held(task) = self {
            task.abort();
        }
    }
}

async fn hold(mut connection: PgConnection) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let alive = tokio::time::timeout(PATIENCE, connection.execute("SELECT 1")).await;
        if !matches!(alive, Ok(Ok(_))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;

    #[tokio::test]
    async fn a_holder_that_is_frozen_loses_the_lead() {
        let Some(test) = TestDatabase::postgres().await else {
            println!("skipped: NEXUS_TEST_DATABASE_URL names no server");
            return;
        };
        let (held, holds) = std::sync::mpsc::channel();
        let url = test.url.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let database =
                    Database::connect(&url, &crate::database::DatabaseOptions::default()).await.unwrap();
                let lead = Leadership::take(&database).await.unwrap();
                held.send(lead.is_some()).unwrap();
                // The thread stands still, as the whole process would after SIGSTOP; its socket stays open.
                std::thread::sleep(Duration::from_secs(30));
            });
        });
        assert!(holds.recv().unwrap());
        assert!(Leadership::take(&test.database).await.unwrap().is_none());
        let takeover = async {
            while Leadership::take(&test.database).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(15), takeover).await.expect("the lead becomes free");
    }
}
