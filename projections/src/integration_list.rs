//! The list of integrations of a tenant.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::Agent;
use nexus_domain::client::Client;
use nexus_domain::grant::Grant;
use nexus_domain::ids::{AgentId, IntegrationId, TenantId};
use nexus_domain::integration::{Integration, IntegrationState, IntegrationType};
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

use crate::credential_lookup::integration_steps;
use crate::cursor::Page;
use crate::documents;
use crate::error::{FoldError, QueryError};
use crate::event::Event;
use crate::newest_first::{NewestFirst, Part};
use crate::projection::{Projection, Rows, Stored, Table};
use crate::reader::Reader;

/// The projection's name.
pub const NAME: &str = "integration_list";

const COLUMNS: &[(&str, ColumnType)] =
    &[("integration_id", Text), ("tenant_id", Text), ("created_at", Int), ("state", Text)];
const REPLACE: &str = "ON CONFLICT (integration_id) DO UPDATE SET state = excluded.state";

const NEWEST_FIRST: NewestFirst =
    NewestFirst { name: "integrations", at: "created_at", id: "integration_id" };

/// The fold.
pub(crate) struct Fold;

/// An integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IntegrationItem {
    /// The integration.
    pub id: IntegrationId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Through what it is used.
    #[serde(rename = "type")]
    pub integration_type: IntegrationType,
    /// The agent that it is connected to.
    pub agent_id: Option<AgentId>,
    /// Whether its keys are accepted.
    pub enabled: bool,
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
                columns: "integration_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, created_at BIGINT NOT NULL, \
                          state TEXT NOT NULL",
                indexes: &[("tenant", "(tenant_id, created_at, integration_id)")],
                sums: None,
            }]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Integration::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            Key::TYPE,
            Tenant::TYPE,
            Agent::TYPE,
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
            let steps = integration_steps(events);
            let integrations =
                documents::fold::<Integration>(stored, NAME, "integration_id", "state", steps).await?;
            let rows = integrations.rows(NAME, COLUMNS, REPLACE, |id, integration| {
                let state = integration.state();
                Ok(vec![
                    id.to_string().into(),
                    state.map(|state| state.tenant_id.to_string()).into(),
                    state.map(|state| state.created_at.timestamp_micros()).into(),
                    serde_json::to_string(integration)?.into(),
                ])
            })?;
            Ok(rows.into())
        }
        .boxed()
    }
}

/// Asks for integrations.
#[derive(Clone)]
pub struct IntegrationList {
    reader: Reader,
}

impl IntegrationList {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A page of a tenant's integrations, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn list(
        &self,
        tenant: TenantId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<IntegrationItem>, QueryError> {
        let part = Part { cursor, limit };
        let select = |build| format!("SELECT integration_id, state FROM integration_list_{build}");
        let args = vec![tenant.to_string().into()];
        let rows = NEWEST_FIRST.rows(&self.reader, select, "tenant_id = $1", args, part).await?;
        let items = rows.iter().map(item).collect::<Result<_, _>>()?;
        Ok(NEWEST_FIRST.page(items, part, |last: &IntegrationItem| (last.created_at, last.id.to_string())))
    }

    /// A tenant's integration; nothing where it is another tenant's.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn get(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
    ) -> Result<Option<IntegrationItem>, QueryError> {
        let sql = |build| {
            format!(
                "SELECT integration_id, state FROM integration_list_{build} WHERE integration_id = $1 AND tenant_id = $2"
            )
        };
        let rows =
            self.reader.query(sql, &[integration.to_string().into(), tenant.to_string().into()]).await?;
        rows.first().map(item).transpose()
    }
}

fn item(row: &Row) -> Result<IntegrationItem, QueryError> {
    let state: IntegrationState = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
    Ok(IntegrationItem {
        id: row.text(0)?.parse().map_err(QueryError::row)?,
        tenant_id: state.tenant_id,
        name: state.name,
        integration_type: state.integration_type,
        agent_id: state.agent_id,
        enabled: state.enabled,
        created_at: state.created_at,
    })
}
