//! Stores: always a new SQLite file; a new PostgreSQL database where `NEXUS_TEST_DATABASE_URL` names a server.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// Names a PostgreSQL server on which the tests may create databases.
pub const SERVER: &str = "NEXUS_TEST_DATABASE_URL";

/// A store of its own with the folder of its nodes; gone with its last clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    url: String,
    folder: TempDir,
    server: Option<(String, String)>,
    nodes: AtomicU32,
    admin_token: Mutex<Option<String>>,
}

/// The stores that a property must hold on.
#[must_use]
pub fn stores() -> Vec<Store> {
    std::iter::once(Store::sqlite()).chain(Store::postgres()).collect()
}

impl Store {
    /// A new SQLite file. One node at a time.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("nexus.db").display());
        Self::new(url, folder, None)
    }

    /// A new PostgreSQL database, if there is a server for tests. Any number of nodes.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        let server = std::env::var(SERVER).ok().filter(|server| !server.is_empty())?;
        let name = format!("nexus_test_{:016x}", RandomState::new().hash_one(std::process::id()));
        let statement = format!("CREATE DATABASE {name}");
        block_on(async {
            let mut connection = PgConnection::connect(&server).await.expect("the test server answers");
            connection.execute(statement.as_str()).await.expect("databases can be created");
        });
        let url = with_database(&server, &name);
        Some(Self::new(url, tempfile::tempdir().unwrap(), Some((server, name))))
    }

    /// As [`Store::postgres`], for tests that make no sense elsewhere: without a server they say so and pass.
    #[must_use]
    pub fn postgres_or_skip(test: &str) -> Option<Self> {
        let store = Self::postgres();
        if store.is_none() {
            eprintln!("{test}: skipped, {SERVER} is not set");
        }
        store
    }

    fn new(url: String, folder: TempDir, server: Option<(String, String)>) -> Self {
        let (nodes, admin_token) = (AtomicU32::new(0), Mutex::new(None));
        Self(Arc::new(Inner { url, folder, server, nodes, admin_token }))
    }

    /// Its address for `database.url`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The folder that holds the master key and the nodes' data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    /// Whether it is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.0.server.is_some()
    }

    pub(crate) fn next_node(&self) -> u32 {
        self.0.nodes.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn admin_token(&self) -> &Mutex<Option<String>> {
        &self.0.admin_token
    }

    /// Runs an SQL statement behind the nodes' back.
    ///
    /// # Panics
    /// When the store refuses it.
    pub fn execute(&self, statement: &str) {
        block_on(async {
            if self.is_postgres() {
                PgConnection::connect(self.url()).await.unwrap().execute(statement).await.unwrap();
            } else {
                SqliteConnection::connect(self.url()).await.unwrap().execute(statement).await.unwrap();
            }
        });
    }

    /// Asks the store for one number behind the nodes' back.
    ///
    /// # Panics
    /// When the store refuses the question.
    #[must_use]
    pub fn number(&self, query: &str) -> i64 {
        block_on(async {
            if self.is_postgres() {
                let mut connection = PgConnection::connect(self.url()).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            } else {
                let mut connection = SqliteConnection::connect(self.url()).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            }
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_postgres() { "PostgreSQL" } else { "SQLite" })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some((server, name)) = &self.server else { return };
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        block_on(async {
            match PgConnection::connect(server).await {
                Ok(mut connection) => {
                    if let Err(error) = connection.execute(statement.as_str()).await {
                        eprintln!("{name} stays behind: {error}");
                    }
                }
                Err(error) => eprintln!("{name} stays behind: {error}"),
            }
        });
    }
}

/// The server's address with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, None), |(url, rest)| (url, Some(rest)));
    let start = address.find("://").map_or(0, |at| at + 3);
    let address = address[start..].find('/').map_or(address, |at| &address[..start + at]);
    options.map_or_else(|| format!("{address}/{name}"), |options| format!("{address}/{name}?{options}"))
}

/// On a thread of its own, so that it works within an async test as well.
fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
            })
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
