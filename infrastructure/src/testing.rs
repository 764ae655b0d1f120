//! Databases for tests: always a new SQLite file, and a new PostgreSQL database where `NEXUS_TEST_DATABASE_URL` names a server.
#![allow(clippy::expect_used, reason = "a test that cannot have its database should stop there")]

use std::hash::{BuildHasher, RandomState};

use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::database::{Database, DatabaseOptions};

/// Names a PostgreSQL server on which the tests may create databases.
pub const SERVER: &str = "NEXUS_TEST_DATABASE_URL";

/// A migrated database of its own, removed when it is dropped.
pub struct TestDatabase {
    /// The store; [`TestDatabase::reconnect`] opens it once more, as another process would.
    pub database: Database,
    /// Its address.
    pub url: String,
    cleanup: Cleanup,
}

enum Cleanup {
    Folder { _folder: TempDir },
    Server { server: String, name: String },
}

impl TestDatabase {
    /// A new SQLite file.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}/data/nexus.db", folder.path().display());
        Self::open(url, Cleanup::Folder { _folder: folder }).await
    }

    /// A new PostgreSQL database, if there is a server for tests.
    pub async fn postgres() -> Option<Self> {
        let server = std::env::var(SERVER).ok()?;
        let name = format!("nexus_test_{:016x}", RandomState::new().hash_one(std::process::id()));
        let mut connection = PgConnection::connect(&server).await.expect("the test server answers");
        connection.execute(format!("CREATE DATABASE {name}").as_str()).await.expect("a new database");
        let base = server.split('?').next().unwrap_or(&server);
        // postgres://user@host:port/database: the database is what follows the third slash.
        let address: Vec<&str> = base.splitn(4, '/').take(3).collect();
        let url = format!("{}/{name}", address.join("/"));
        Some(Self::open(url, Cleanup::Server { server, name }).await)
    }

    async fn open(url: String, cleanup: Cleanup) -> Self {
        let database =
            Database::connect(&url, &DatabaseOptions::default()).await.expect("the test database opens");
        database.migrate().await.expect("the migrations apply");
        Self { database, url, cleanup }
    }

    /// The same database through connections of its own.
    pub async fn reconnect(&self) -> Database {
        Database::connect(&self.url, &DatabaseOptions::default())
            .await
            .expect("the test database opens again")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Cleanup::Server { server, name } = &self.cleanup else { return };
        let (server, name) = (server.clone(), name.clone());
        // Dropping cannot wait, and the test's runtime may be on its way out: a thread with a runtime of its own can.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await.map_err(std::io::Error::other)?;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                connection.execute(drop.as_str()).await.map_err(std::io::Error::other)
            })?;
            Ok::<(), std::io::Error>(())
        });
        // A database left behind is no reason to fail a test.
        let _ = cleaner.join();
    }
}

/// The databases that a test should pass on.
pub async fn databases() -> Vec<TestDatabase> {
    let mut databases = vec![TestDatabase::sqlite().await];
    databases.extend(TestDatabase::postgres().await);
    databases
}
