//! Everything as of one position.

use std::collections::HashMap;

use nexus_domain::validity::DialectEntry;
use nexus_infrastructure::database::{Database, DatabaseError};
use sqlx::{Postgres, Sqlite};

use super::NAME;
use super::entries::{
    agent_entry, client_entry, integration_entry, jwt_secret_entry, key_entry, revoked_entry,
    signing_keys_entry, tenant_entry,
};
use super::tables::{AGENTS, CLIENTS, INTEGRATIONS, JWT_SECRETS, KEYS, REVOKED, SIGNING_KEYS, TENANTS};
use crate::error::QueryError;
use crate::projection::Build;

/// Keys that are read at once while a snapshot is taken.
const PAGE: i64 = 2000;

const PATIENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '5min'";

/// All entries as of one position. Holds a connection until it is dropped.
pub struct Snapshot {
    transaction: ReadTransaction,
    build: Build,
    position: u64,
    /// The store's time of day when it began, in Unix microseconds.
    now: i64,
    /// The last id handed out of the table that is being read.
    after: String,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Tenants,
    Agents,
    Integrations,
    SigningKeys,
    Keys,
    JwtSecrets,
    Clients,
    Revoked,
    End,
}

enum ReadTransaction {
    Postgres(sqlx::Transaction<'static, Postgres>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Snapshot {
    /// Nothing where the build is not live, as the transaction sees it.
    pub(super) async fn begin(database: &Database, build: Build) -> Result<Option<Self>, DatabaseError> {
        let mut transaction = match database {
            Database::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                let mut transaction = pool.begin_with(begin).await?;
                // Whoever reads the pages may take its time between two of them.
                sqlx::query(PATIENCE).execute(&mut *transaction).await?;
                ReadTransaction::Postgres(transaction)
            }
            Database::Sqlite(sqlite) => ReadTransaction::Sqlite(sqlite.read.begin().await?),
        };
        let now = transaction.now();
        let sql =
            format!("SELECT checkpoint, {now} FROM projection WHERE name = $1 AND version = $2 AND live = 1");
        let begun: Option<(i64, i64)> = match &mut transaction {
            ReadTransaction::Postgres(tx) => {
                sqlx::query_as(&sql).bind(NAME).bind(build.number()).fetch_optional(&mut **tx).await?
            }
            ReadTransaction::Sqlite(tx) => {
                sqlx::query_as(&sql).bind(NAME).bind(build.number()).fetch_optional(&mut **tx).await?
            }
        };
        let Some((position, now)) = begun else { return Ok(None) };
        let mut snapshot = Self {
            transaction,
            build,
            position: position.unsigned_abs(),
            now,
            after: String::new(),
            stage: Stage::Tenants,
        };
        // Holds the tables, so that they are not dropped before their turn comes.
        for table in [TENANTS, AGENTS, INTEGRATIONS, SIGNING_KEYS, KEYS, JWT_SECRETS, CLIENTS, REVOKED] {
            snapshot.rows(&format!("SELECT '', '' FROM {table}_{build} WHERE $1 = $1 LIMIT $2"), 0).await?;
        }
        Ok(Some(snapshot))
    }

    /// The position of the log for which the entries are exact.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The next page, never an empty one; nothing at the end.
    ///
    /// # Errors
    /// [`QueryError`]; the snapshot is of no more use.
    pub async fn next(&mut self) -> Result<Option<Vec<DialectEntry>>, QueryError> {
        loop {
            let (table, id, following) = match self.stage {
                Stage::Tenants => (TENANTS, "tenant_id", Stage::Agents),
                Stage::Agents => (AGENTS, "agent_id", Stage::Integrations),
                Stage::Integrations => (INTEGRATIONS, "integration_id", Stage::SigningKeys),
                Stage::SigningKeys => (SIGNING_KEYS, "kid", Stage::Keys),
                Stage::Keys => (KEYS, "key_id", Stage::JwtSecrets),
                Stage::JwtSecrets => (JWT_SECRETS, "secret_id", Stage::Clients),
                Stage::Clients => (CLIENTS, "key_id", Stage::Revoked),
                Stage::Revoked => (REVOKED, "id", Stage::End),
                Stage::End => return Ok(None),
            };
            let build = self.build;
            let lasts = match self.stage {
                // What nobody would accept anyway need not be remembered.
                Stage::Revoked => format!(" AND until > {}", self.now),
                _ => String::new(),
            };
            let sql = format!(
                "SELECT {id}, state FROM {table}_{build} WHERE {id} > $1{lasts} ORDER BY {id} LIMIT $2"
            );
            // Of signing keys, all that there are make one entry.
            let limit = if matches!(self.stage, Stage::SigningKeys) { i64::MAX } else { PAGE };
            let rows = self.rows(&sql, limit).await?;
            let read: Result<Vec<DialectEntry>, QueryError> = match self.stage {
                Stage::Tenants => rows.iter().map(|(id, state)| tenant_entry(id, state)).collect(),
                Stage::Agents => rows.iter().map(|(id, state)| agent_entry(id, state)).collect(),
                Stage::Integrations => rows.iter().map(|(id, state)| integration_entry(id, state)).collect(),
                Stage::SigningKeys if rows.is_empty() => Ok(Vec::new()),
                Stage::SigningKeys => signing_keys_entry(&rows).map(|entry| vec![entry]),
                Stage::JwtSecrets => self.jwt_secret_entries(&rows).await,
                Stage::Clients => rows.iter().map(|(id, state)| client_entry(id, state)).collect(),
                Stage::Revoked => rows.iter().map(|(_, state)| revoked_entry(state)).collect(),
                Stage::Keys | Stage::End => rows.iter().map(|(id, state)| key_entry(id, state)).collect(),
            };
            if let Some((last, _)) = rows.into_iter().next_back() {
                self.after = last;
                return read.map(Some);
            }
            self.after = String::new();
            self.stage = following;
        }
    }

    /// With what the store keeps sealed for nodes.
    async fn jwt_secret_entries(
        &mut self,
        rows: &[(String, String)],
    ) -> Result<Vec<DialectEntry>, QueryError> {
        let mut entries: Vec<DialectEntry> =
            rows.iter().map(|(id, state)| jwt_secret_entry(id, state)).collect::<Result<_, _>>()?;
        let now = self.now;
        entries = entries.into_iter().map(|entry| entry.lasting(now)).collect();
        for entry in &mut entries {
            let mut sealed = HashMap::new();
            for context in entry.sealed_contexts() {
                self.after = context;
                // Of the two arguments of all statements here, the first is `after`.
                let sql = "SELECT context, sealed FROM sealed_secret WHERE context = $1 LIMIT $2";
                sealed.extend(self.rows(sql, 1).await?);
            }
            entry.fill(&sealed);
        }
        Ok(entries)
    }

    async fn rows(&mut self, sql: &str, limit: i64) -> Result<Vec<(String, String)>, DatabaseError> {
        let after = self.after.as_str();
        Ok(match &mut self.transaction {
            ReadTransaction::Postgres(tx) => {
                sqlx::query_as(sql).bind(after).bind(limit).fetch_all(&mut **tx).await?
            }
            ReadTransaction::Sqlite(tx) => {
                sqlx::query_as(sql).bind(after).bind(limit).fetch_all(&mut **tx).await?
            }
        })
    }
}

impl ReadTransaction {
    /// The store's time of day in SQL, in Unix microseconds.
    const fn now(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "unix_microseconds()",
            Self::Sqlite(_) => "CAST(unixepoch('subsec') * 1000000 AS integer)",
        }
    }
}
