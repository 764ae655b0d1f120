//! The list of agents of a tenant.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::{Agent, AgentState};
use nexus_domain::client::Client;
use nexus_domain::grant::Grant;
use nexus_domain::ids::{AgentId, TenantId};
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::Key;
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::Token;
use nexus_domain::usage::Usage;
use nexus_infrastructure::database::ColumnType::{self, Int, Text};
use nexus_infrastructure::database::Row;
use serde::Serialize;

use crate::credential_lookup::agent_steps;
use crate::cursor::Page;
use crate::documents;
use crate::error::{FoldError, QueryError};
use crate::event::Event;
use crate::newest_first::{NewestFirst, Part};
use crate::projection::{Projection, Rows, Stored, Table};
use crate::reader::Reader;

/// The projection's name.
pub const NAME: &str = "agent_list";

const COLUMNS: &[(&str, ColumnType)] =
    &[("agent_id", Text), ("tenant_id", Text), ("created_at", Int), ("state", Text)];
const REPLACE: &str = "ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state";

const NEWEST_FIRST: NewestFirst = NewestFirst { name: "agents", at: "created_at", id: "agent_id" };

/// The fold.
pub(crate) struct Fold;

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentItem {
    /// The agent.
    pub id: AgentId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Whether the keys of its integrations are refused for now.
    pub restricted: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[Table {
                name: NAME,
                columns: "agent_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, created_at BIGINT NOT NULL, \
                          state TEXT NOT NULL",
                indexes: &[("tenant", "(tenant_id, created_at, agent_id)")],
                sums: None,
            }]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Agent::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            Key::TYPE,
            Tenant::TYPE,
            Integration::TYPE,
            Client::TYPE,
            Grant::TYPE,
            Token::TYPE,
            Member::TYPE,
            Session::TYPE,
            JwtSecret::TYPE,
            SigningKeys::TYPE,
            Usage::TYPE,
        ]
    }

    fn fold<'a>(
        &'a self,
        stored: Stored<'a>,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        async move {
            let steps = agent_steps(events);
            let agents = documents::fold::<Agent>(stored, NAME, "agent_id", "state", steps).await?;
            let rows = agents.rows(NAME, COLUMNS, REPLACE, |id, agent| {
                let state = agent.state();
                Ok(vec![
                    id.to_string().into(),
                    state.map(|state| state.tenant_id.to_string()).into(),
                    state.map(|state| state.created_at.timestamp_micros()).into(),
                    serde_json::to_string(agent)?.into(),
                ])
            })?;
            Ok(rows.into())
        }
        .boxed()
    }
}

/// Asks for agents.
#[derive(Clone)]
pub struct AgentList {
    reader: Reader,
}

impl AgentList {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A page of a tenant's agents, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn list(
        &self,
        tenant: TenantId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AgentItem>, QueryError> {
        let part = Part { cursor, limit };
        let select = |build| format!("SELECT agent_id, state FROM agent_list_{build}");
        let args = vec![tenant.to_string().into()];
        let rows = NEWEST_FIRST.rows(&self.reader, select, "tenant_id = $1", args, part).await?;
        let items = rows.iter().map(item).collect::<Result<_, _>>()?;
        Ok(NEWEST_FIRST.page(items, part, |last: &AgentItem| (last.created_at, last.id.to_string())))
    }

    /// A tenant's agent; nothing where it is another tenant's.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn get(&self, tenant: TenantId, agent: AgentId) -> Result<Option<AgentItem>, QueryError> {
        let sql = |build| {
            format!("SELECT agent_id, state FROM agent_list_{build} WHERE agent_id = $1 AND tenant_id = $2")
        };
        let rows = self.reader.query(sql, &[agent.to_string().into(), tenant.to_string().into()]).await?;
        rows.first().map(item).transpose()
    }
}

fn item(row: &Row) -> Result<AgentItem, QueryError> {
    let state: AgentState = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
    Ok(AgentItem {
        id: row.text(0)?.parse().map_err(QueryError::row)?,
        tenant_id: state.tenant_id,
        name: state.name,
        restricted: state.restricted,
        created_at: state.created_at,
    })
}
