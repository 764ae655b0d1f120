//! The credential lookup: the folded state of everything that nodes know, from which a validating node is filled.
//!
//! [`CredentialLookup::snapshot`] hands out everything as of one position of the log; the node then applies what the log
//! says behind it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::{Agent, AgentEvent, AgentState};
use nexus_domain::client::{Client, ClientEvent};
use nexus_domain::grant::Grant;
use nexus_domain::ids::{AgentId, IntegrationId, JwtSecretId, KeyId, SigningKeyId, TenantId};
use nexus_domain::integration::{Integration, IntegrationEvent, IntegrationState};
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretEvent, JwtSecretState};
use nexus_domain::key::{Key, KeyEvent, KeyState};
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeys};
use nexus_domain::tenant::{Tenant, TenantEvent, TenantState};
use nexus_domain::token::Token;
use nexus_domain::usage::Usage;
use nexus_domain::validity::{DialectEntry, Entry, RevokedTokenEntry, Shown};
use nexus_infrastructure::database::ColumnType::{self, Int, Text};
use nexus_infrastructure::database::{Database, DatabaseError};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, Sqlite};

use crate::cursor::{self, Page};
use crate::documents::{self, Document, Step};
use crate::error::{FoldError, QueryError};
use crate::event::{Body, Event};
use crate::oauth::client_steps;
use crate::projection::{Build, Projection, Rows, Stored, Table};
use crate::reader::{Reader, is_missing_table};

/// The projection's name.
pub const NAME: &str = "credential_lookup";

/// Keys that are read at once while a snapshot is taken.
const PAGE: i64 = 2000;

/// Revoked tokens that are forgotten at once.
const AT_ONCE: i64 = 1000;

const PATIENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '5min'";

const TENANTS: &str = "credential_lookup_tenant";
const TENANT_COLUMNS: &[(&str, ColumnType)] = &[("tenant_id", Text), ("state", Text)];
const REPLACE_TENANT: &str = "ON CONFLICT (tenant_id) DO UPDATE SET state = excluded.state";
const AGENTS: &str = "credential_lookup_agent";
const AGENT_COLUMNS: &[(&str, ColumnType)] = &[("agent_id", Text), ("state", Text)];
const REPLACE_AGENT: &str = "ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state";
const INTEGRATIONS: &str = "credential_lookup_integration";
const INTEGRATION_COLUMNS: &[(&str, ColumnType)] = &[("integration_id", Text), ("state", Text)];
const REPLACE_INTEGRATION: &str = "ON CONFLICT (integration_id) DO UPDATE SET state = excluded.state";
const KEYS: &str = "credential_lookup_key";
const KEY_COLUMNS: &[(&str, ColumnType)] = &[("key_id", Text), ("state", Text)];
const REPLACE_KEY: &str = "ON CONFLICT (key_id) DO UPDATE SET state = excluded.state";

const SIGNING_KEYS: &str = "credential_lookup_signing_key";
const SIGNING_KEY_COLUMNS: &[(&str, ColumnType)] = &[("kid", Text), ("state", Text)];
const REPLACE_SIGNING_KEY: &str = "ON CONFLICT (kid) DO UPDATE SET state = excluded.state";
const JWT_SECRETS: &str = "credential_lookup_jwt_secret";
const JWT_SECRET_COLUMNS: &[(&str, ColumnType)] =
    &[("secret_id", Text), ("tenant_id", Text), ("state", Text)];
const REPLACE_JWT_SECRET: &str = "ON CONFLICT (secret_id) DO UPDATE SET state = excluded.state";

const CLIENTS: &str = "credential_lookup_client";
const CLIENT_COLUMNS: &[(&str, ColumnType)] = &[("key_id", Text), ("state", Text)];
const REPLACE_CLIENT: &str = "ON CONFLICT (key_id) DO UPDATE SET state = excluded.state";
/// Access tokens and grants that were revoked.
const REVOKED: &str = "credential_lookup_revoked";
const REVOKED_COLUMNS: &[(&str, ColumnType)] = &[("id", Text), ("until", Int), ("state", Text)];
const REPLACE_REVOKED: &str = "ON CONFLICT (id) DO UPDATE SET until = excluded.until, state = excluded.state";

/// The fold.
pub(crate) struct Fold;

impl Document for Client {
    type Id = KeyId;
    type Change = ClientEvent;

    fn apply(&mut self, _: &Event, change: &ClientEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Key {
    type Id = KeyId;
    type Change = KeyEvent;

    fn apply(&mut self, _: &Event, change: &KeyEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Tenant {
    type Id = TenantId;
    type Change = TenantEvent;

    fn apply(&mut self, _: &Event, change: &TenantEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Agent {
    type Id = AgentId;
    type Change = AgentEvent;

    fn apply(&mut self, _: &Event, change: &AgentEvent) {
        Aggregate::apply(self, change.clone());
    }
}

/// One signing key: a list of it alone.
impl Document for SigningKeys {
    type Id = SigningKeyId;
    type Change = SigningKeyEvent;

    fn apply(&mut self, _: &Event, change: &SigningKeyEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Integration {
    type Id = IntegrationId;
    type Change = IntegrationEvent;

    fn apply(&mut self, _: &Event, change: &IntegrationEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for JwtSecret {
    type Id = JwtSecretId;
    type Change = JwtSecretEvent;

    fn apply(&mut self, _: &Event, change: &JwtSecretEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        4
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[
                Table {
                    name: KEYS,
                    columns: "key_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
                    indexes: &[],
                    sums: None,
                },
                Table {
                    name: TENANTS,
                    columns: "tenant_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
                    indexes: &[],
                    sums: None,
                },
                Table {
                    name: AGENTS,
                    columns: "agent_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
                    indexes: &[],
                    sums: None,
                },
                Table {
                    name: SIGNING_KEYS,
                    columns: "kid TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
                    indexes: &[],
                    sums: None,
                },
                Table {
                    name: INTEGRATIONS,
                    columns: "integration_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
                    indexes: &[],
                    sums: None,
                },
                Table {
                    name: JWT_SECRETS,
                    columns: "secret_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, state TEXT NOT NULL",
                    indexes: &[("tenant", "(tenant_id, secret_id)")],
                    sums: None,
                },
                Table {
                    name: CLIENTS,
                    columns: "key_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL",
                    indexes: &[],
                    sums: None,
                },
                Table {
                    name: REVOKED,
                    columns: "id TEXT NOT NULL PRIMARY KEY, until BIGINT NOT NULL, state TEXT NOT NULL",
                    indexes: &[("until", "(until)")],
                    sums: None,
                },
            ]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[
            Key::TYPE,
            Tenant::TYPE,
            Agent::TYPE,
            Integration::TYPE,
            SigningKeys::TYPE,
            JwtSecret::TYPE,
            Client::TYPE,
            Grant::TYPE,
            Token::TYPE,
        ]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[Usage::TYPE, Member::TYPE, Session::TYPE]
    }

    fn fold<'a>(
        &'a self,
        stored: Stored<'a>,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        async move {
            let tenants =
                documents::fold::<Tenant>(stored, TENANTS, "tenant_id", "state", tenant_steps(events))
                    .await?;
            let agents =
                documents::fold::<Agent>(stored, AGENTS, "agent_id", "state", agent_steps(events)).await?;
            let integrations = documents::fold::<Integration>(
                stored,
                INTEGRATIONS,
                "integration_id",
                "state",
                integration_steps(events),
            )
            .await?;
            let keys = documents::fold::<Key>(stored, KEYS, "key_id", "state", key_steps(events)).await?;
            let tenants = tenants.rows(TENANTS, TENANT_COLUMNS, REPLACE_TENANT, |id, tenant| {
                Ok(vec![id.to_string().into(), serde_json::to_string(tenant)?.into()])
            })?;
            let keys = keys.rows(KEYS, KEY_COLUMNS, REPLACE_KEY, |id, key| {
                Ok(vec![id.to_string().into(), serde_json::to_string(key)?.into()])
            })?;
            let agents = agents.rows(AGENTS, AGENT_COLUMNS, REPLACE_AGENT, |id, agent| {
                Ok(vec![id.to_string().into(), serde_json::to_string(agent)?.into()])
            })?;
            let integrations =
                integrations.rows(INTEGRATIONS, INTEGRATION_COLUMNS, REPLACE_INTEGRATION, |id, state| {
                    Ok(vec![id.to_string().into(), serde_json::to_string(state)?.into()])
                })?;
            let steps = signing_key_steps(events);
            let signing = documents::fold::<SigningKeys>(stored, SIGNING_KEYS, "kid", "state", steps).await?;
            let signing =
                signing.rows(SIGNING_KEYS, SIGNING_KEY_COLUMNS, REPLACE_SIGNING_KEY, |kid, key| {
                    Ok(vec![kid.to_string().into(), serde_json::to_string(key)?.into()])
                })?;
            let steps = jwt_secret_steps(events);
            let secrets =
                documents::fold::<JwtSecret>(stored, JWT_SECRETS, "secret_id", "state", steps).await?;
            let secrets =
                secrets.rows(JWT_SECRETS, JWT_SECRET_COLUMNS, REPLACE_JWT_SECRET, |id, secret| {
                    let tenant = secret.state().map(|state| state.tenant_id.to_string()).unwrap_or_default();
                    Ok(vec![id.to_string().into(), tenant.into(), serde_json::to_string(secret)?.into()])
                })?;
            let steps = client_steps(events);
            let clients = documents::fold::<Client>(stored, CLIENTS, "key_id", "state", steps).await?;
            let clients = clients.rows(CLIENTS, CLIENT_COLUMNS, REPLACE_CLIENT, |id, client| {
                Ok(vec![id.to_string().into(), serde_json::to_string(client)?.into()])
            })?;
            let rows = [tenants, agents, integrations, keys, signing, secrets, clients].into_iter().flatten();
            Ok(rows.chain([revoked(events)?]).collect())
        }
        .boxed()
    }
}

/// The tokens and grants that events revoke.
fn revoked(events: &[Event]) -> Result<Rows, FoldError> {
    let mut rows = BTreeMap::new();
    for event in events {
        let shown = match &event.body {
            Body::Grant(id, change) => change.shown(&id.to_string()),
            Body::Token(id, change) => change.shown(&id.to_string()),
            _ => None,
        };
        let Some(DialectEntry { dialect, entry: Entry::RevokedToken(entry) }) = shown else { continue };
        let state = serde_json::to_string(&Revoked { dialect, entry: entry.clone() })?;
        rows.insert(entry.id.clone(), vec![entry.id.into(), entry.until.into(), state.into()]);
    }
    let rows = rows.into_values().collect();
    Ok(Rows { table: REVOKED, columns: REVOKED_COLUMNS, rows, on_conflict: REPLACE_REVOKED })
}

/// What is stored of a revoked token or grant.
#[derive(Serialize, Deserialize)]
struct Revoked {
    dialect: String,
    entry: RevokedTokenEntry,
}

/// The events of keys, in order.
pub(crate) fn key_steps<D: Document<Id = KeyId, Change = KeyEvent>>(events: &[Event]) -> Vec<Step<'_, D>> {
    let steps = events.iter().filter_map(|event| match &event.body {
        Body::Key(key, change) => {
            let first = matches!(change, KeyEvent::KeyIssued(_));
            Some(Step { id: *key, first, event, change })
        }
        Body::Tenant(..)
        | Body::Client(..)
        | Body::Grant(..)
        | Body::Token(..)
        | Body::Member(..)
        | Body::Session(..)
        | Body::Agent(..)
        | Body::Integration(..)
        | Body::JwtSecret(..)
        | Body::SigningKey(_)
        | Body::Usage(_)
        | Body::Foreign
        | Body::Undecodable(_) => None,
    });
    steps.collect()
}

/// The events of signing keys, in order.
fn signing_key_steps(events: &[Event]) -> Vec<Step<'_, SigningKeys>> {
    let steps = events.iter().filter_map(|event| {
        let Body::SigningKey(change) = &event.body else { return None };
        Some(match change {
            SigningKeyEvent::SigningKeyIntroduced(introduced) => {
                Step { id: introduced.kid, first: true, event, change }
            }
            SigningKeyEvent::SigningKeyRetired(retired) => {
                Step { id: retired.kid, first: false, event, change }
            }
        })
    });
    steps.collect()
}

/// The events of secrets for service JWTs, in order.
fn jwt_secret_steps(events: &[Event]) -> Vec<Step<'_, JwtSecret>> {
    let steps = events.iter().filter_map(|event| {
        let Body::JwtSecret(id, change) = &event.body else { return None };
        let first = matches!(change, JwtSecretEvent::JwtSecretIssued(_));
        Some(Step { id: *id, first, event, change })
    });
    steps.collect()
}

/// The events of tenants, in order.
pub(crate) fn tenant_steps(events: &[Event]) -> Vec<Step<'_, Tenant>> {
    let steps = events.iter().filter_map(|event| match &event.body {
        Body::Tenant(tenant, change) => {
            let first = matches!(change, TenantEvent::TenantCreated(_));
            Some(Step { id: *tenant, first, event, change })
        }
        Body::Key(..)
        | Body::Client(..)
        | Body::Grant(..)
        | Body::Token(..)
        | Body::Member(..)
        | Body::Session(..)
        | Body::Agent(..)
        | Body::Integration(..)
        | Body::JwtSecret(..)
        | Body::SigningKey(_)
        | Body::Usage(_)
        | Body::Foreign
        | Body::Undecodable(_) => None,
    });
    steps.collect()
}

/// The events of agents, in order.
pub(crate) fn agent_steps(events: &[Event]) -> Vec<Step<'_, Agent>> {
    let steps = events.iter().filter_map(|event| {
        let Body::Agent(agent, change) = &event.body else { return None };
        let first = matches!(change, AgentEvent::AgentCreated(_));
        Some(Step { id: *agent, first, event, change })
    });
    steps.collect()
}

/// The events of integrations, in order.
pub(crate) fn integration_steps(events: &[Event]) -> Vec<Step<'_, Integration>> {
    let steps = events.iter().filter_map(|event| {
        let Body::Integration(integration, change) = &event.body else { return None };
        let first = matches!(change, IntegrationEvent::IntegrationCreated(_));
        Some(Step { id: *integration, first, event, change })
    });
    steps.collect()
}

/// Asks for the state of keys and of what they belong to.
#[derive(Clone)]
pub struct CredentialLookup {
    reader: Reader,
}

impl CredentialLookup {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// The folded state of a key.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn key(&self, key: KeyId) -> Result<Option<KeyState>, QueryError> {
        let sql = |build| format!("SELECT state FROM credential_lookup_key_{build} WHERE key_id = $1");
        let rows = self.reader.query(sql, &[key.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        serde_json::from_str(row.text(0)?).map_err(QueryError::row)
    }

    /// The folded state of a tenant.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn tenant(&self, tenant: TenantId) -> Result<Option<TenantState>, QueryError> {
        let sql = |build| format!("SELECT state FROM credential_lookup_tenant_{build} WHERE tenant_id = $1");
        let rows = self.reader.query(sql, &[tenant.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        serde_json::from_str(row.text(0)?).map_err(QueryError::row)
    }

    /// A page of a tenant's secrets for service JWTs, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn jwt_secrets(
        &self,
        tenant: TenantId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<(JwtSecretId, JwtSecretState)>, QueryError> {
        let limit = cursor::bounded(limit);
        let before = match cursor {
            Some(cursor) => {
                let [before] = cursor::read("jwt_secrets", cursor)?;
                before
            }
            // Behind every id.
            None => "k".to_owned(),
        };
        let sql = |build| {
            format!(
                "SELECT secret_id, state FROM {JWT_SECRETS}_{build} WHERE tenant_id = $1 AND secret_id < $2 \
                 ORDER BY secret_id DESC LIMIT $3"
            )
        };
        let args = [tenant.to_string().into(), before.into(), (limit + 1).into()];
        let mut found = Vec::new();
        for row in self.reader.query(sql, &args).await? {
            let secret: JwtSecret = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
            let id = row.text(0)?.parse().map_err(QueryError::row)?;
            found.extend(secret.state().cloned().map(|state| (id, state)));
        }
        Ok(Page::of(found, limit, |(last, _)| cursor::write("jwt_secrets", &[last])))
    }

    /// Forgets revoked tokens and grants of which nothing would be accepted at `now` anyway, at most 1000, and returns how many.
    /// Nothing depends on it but the size of the table.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn forget_ended(&self, now: DateTime<Utc>) -> Result<u64, QueryError> {
        let build = self.reader.live().await?.build;
        let database = self.reader.database();
        // A row that a fold is about to replace is skipped, so that neither waits for the other.
        let lock = if database.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "DELETE FROM {REVOKED}_{build} WHERE id IN \
             (SELECT id FROM {REVOKED}_{build} WHERE until <= $1 ORDER BY until LIMIT $2 {lock})"
        );
        Ok(database.execute(&sql, &[now.timestamp_micros().into(), AT_ONCE.into()]).await?)
    }

    /// Everything as of one position, in pages: all tenants first, then all else. It reads within one read-only
    /// transaction, so what is folded meanwhile does not show.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn snapshot(&self) -> Result<Snapshot, QueryError> {
        let live = self.reader.live().await?;
        match Snapshot::begin(self.reader.database(), live.build).await {
            // Replaced meanwhile.
            Ok(None) => {}
            Ok(Some(snapshot)) => return Ok(snapshot),
            Err(error) if is_missing_table(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let live = self.reader.reread().await?;
        Snapshot::begin(self.reader.database(), live.build).await?.ok_or(QueryError::NotBuilt(NAME))
    }
}

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
    async fn begin(database: &Database, build: Build) -> Result<Option<Self>, DatabaseError> {
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

fn client_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let client: Client = serde_json::from_str(state).map_err(QueryError::row)?;
    client.shown(id).ok_or_else(|| QueryError::row(NoClient(id.to_owned())))
}

fn revoked_entry(state: &str) -> Result<DialectEntry, QueryError> {
    let Revoked { dialect, entry } = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry { dialect, entry: Entry::RevokedToken(entry) })
}

#[derive(Debug, thiserror::Error)]
#[error("the state of the client {0} is empty")]
struct NoClient(String);

fn tenant_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let tenant: TenantState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_tenant(id.parse().map_err(QueryError::row)?, &tenant))
}

fn agent_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let agent: AgentState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_agent(id.parse().map_err(QueryError::row)?, &agent))
}

fn integration_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let integration: IntegrationState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_integration(id.parse().map_err(QueryError::row)?, &integration))
}

fn key_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let key: KeyState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_key(id.parse().map_err(QueryError::row)?, &key))
}

fn signing_keys_entry(rows: &[(String, String)]) -> Result<DialectEntry, QueryError> {
    let read = |(_, state): &(String, String)| serde_json::from_str::<SigningKeys>(state);
    let keys = rows.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(QueryError::row)?;
    Ok(DialectEntry::of_signing_keys(&SigningKeys::together(keys)))
}

fn jwt_secret_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let secret: JwtSecretState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_jwt_secret(id.parse().map_err(QueryError::row)?, &secret))
}
