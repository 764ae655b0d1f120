//! Stores for one measurement: a new database on the PostgreSQL server, or a new SQLite file.

use std::path::Path;

use nexus_infrastructure::database::{Database, DatabaseOptions};
use nexus_infrastructure::journal::{Journal, JournalOptions};
use tempfile::TempDir;

use crate::Failure;

/// Names a PostgreSQL server on which databases may be made.
const SERVER: &str = "NEXUS_TEST_DATABASE_URL";

/// A migrated store of its own. SQLite's file goes with it; a database on PostgreSQL is dropped by [`Store::remove`].
pub(crate) struct Store {
    pub(crate) database: Database,
    pub(crate) url: String,
    _folder: Option<TempDir>,
    name: Option<String>,
}

impl Store {
    pub(crate) async fn sqlite() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("nexus-bench-").tempdir()?;
        let url = sqlite_url(folder.path());
        Ok(Self { database: open(&url).await?, url, _folder: Some(folder), name: None })
    }

    pub(crate) async fn postgres(purpose: &str) -> Result<Self, Failure> {
        let server = server()?;
        let name = format!("nexus_bench_{}_{purpose}", std::process::id());
        administer(&server, &format!("CREATE DATABASE {name}")).await?;
        let url = sibling(&server, &name);
        Ok(Self { database: open(&url).await?, url, _folder: None, name: Some(name) })
    }

    pub(crate) async fn journal(&self) -> Result<Journal, Failure> {
        Ok(Journal::open(self.database.clone(), JournalOptions::default()).await?)
    }

    pub(crate) async fn remove(self) -> Result<(), Failure> {
        self.database.close().await;
        match self.name {
            Some(name) => administer(&server()?, &format!("DROP DATABASE {name} WITH (FORCE)")).await,
            None => Ok(()),
        }
    }
}

/// Whether there is a server to measure on.
pub(crate) fn has_postgres() -> bool {
    server().is_ok()
}

/// The address of the store that `nexus dev --data FOLDER` uses.
pub(crate) fn sqlite_url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("nexus.db").display())
}

/// Opens and migrates a store.
pub(crate) async fn open(url: &str) -> Result<Database, Failure> {
    let database = Database::connect(url, &DatabaseOptions::default()).await?;
    database.migrate().await?;
    Ok(database)
}

fn server() -> Result<String, Failure> {
    std::env::var(SERVER).map_err(|_| format!("{SERVER} names no server; bench/run.sh starts one").into())
}

async fn administer(server: &str, statement: &str) -> Result<(), Failure> {
    let database = Database::connect(server, &DatabaseOptions::default()).await?;
    database.execute(statement, &[]).await?;
    database.close().await;
    Ok(())
}

/// The address of another database on the same server: what follows the third slash is the database.
fn sibling(server: &str, name: &str) -> String {
    let base = server.split('?').next().unwrap_or(server);
    let address: Vec<&str> = base.splitn(4, '/').take(3).collect();
    format!("{}/{name}", address.join("/"))
}
