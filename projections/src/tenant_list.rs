//! The list of tenants.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::Agent;
use nexus_domain::client::Client;
use nexus_domain::grant::Grant;
use nexus_domain::ids::TenantId;
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::Key;
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::{Tenant, TenantState};
use nexus_domain::token::Token;
use nexus_domain::usage::Usage;
use nexus_infrastructure::database::ColumnType::{self, Int, Text};
use nexus_infrastructure::database::Row;
use serde::Serialize;

use crate::credential_lookup::tenant_steps;
use crate::cursor::Page;
use crate::documents;
use crate::error::{FoldError, QueryError};
use crate::event::Event;
use crate::newest_first::{NewestFirst, Part};
use crate::projection::{Projection, Rows, Stored, Table};
use crate::reader::Reader;

/// The projection's name.
pub const NAME: &str = "tenant_list";

const COLUMNS: &[(&str, ColumnType)] = &[("tenant_id", Text), ("created_at", Int), ("state", Text)];
const REPLACE: &str =
    "ON CONFLICT (tenant_id) DO UPDATE SET created_at = excluded.created_at, state = excluded.state";

const NEWEST_FIRST: NewestFirst = NewestFirst { name: "tenants", at: "created_at", id: "tenant_id" };

/// The fold.
pub(crate) struct Fold;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantItem {
    /// The tenant.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// The dialect of its keys.
    pub dialect: String,
    /// Whether its keys are refused for now.
    pub suspended: bool,
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
                columns: "tenant_id TEXT NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL, state TEXT NOT NULL",
                indexes: &[("created_at", "(created_at, tenant_id)")],
                sums: None,
            }]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Tenant::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            Agent::TYPE,
            Integration::TYPE,
            Key::TYPE,
            Client::TYPE,
            Grant::TYPE,
            Token::TYPE,
            Usage::TYPE,
            Member::TYPE,
            Session::TYPE,
            JwtSecret::TYPE,
            SigningKeys::TYPE,
        ]
    }

    fn fold<'a>(
        &'a self,
        stored: Stored<'a>,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        async move {
            let steps = tenant_steps(events);
            let tenants = documents::fold::<Tenant>(stored, NAME, "tenant_id", "state", steps).await?;
            let rows = tenants.rows(NAME, COLUMNS, REPLACE, |id, tenant| {
                let created_at = tenant.state().map_or(0, |state| state.created_at.timestamp_micros());
                Ok(vec![id.to_string().into(), created_at.into(), serde_json::to_string(tenant)?.into()])
            })?;
            Ok(rows.into())
        }
        .boxed()
    }
}

/// Asks for tenants.
#[derive(Clone)]
pub struct TenantList {
    reader: Reader,
}

impl TenantList {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A page of all tenants, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn list(&self, cursor: Option<&str>, limit: u32) -> Result<Page<TenantItem>, QueryError> {
        let part = Part { cursor, limit };
        let select = |build| format!("SELECT tenant_id, state FROM tenant_list_{build}");
        let rows = NEWEST_FIRST.rows(&self.reader, select, "1 = 1", Vec::new(), part).await?;
        let items = rows.iter().map(item).collect::<Result<_, _>>()?;
        Ok(NEWEST_FIRST.page(items, part, |last: &TenantItem| (last.created_at, last.id.to_string())))
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn get(&self, tenant: TenantId) -> Result<Option<TenantItem>, QueryError> {
        let sql = |build| format!("SELECT tenant_id, state FROM tenant_list_{build} WHERE tenant_id = $1");
        let rows = self.reader.query(sql, &[tenant.to_string().into()]).await?;
        rows.first().map(item).transpose()
    }
}

fn item(row: &Row) -> Result<TenantItem, QueryError> {
    let state: TenantState = serde_json::from_str(row.text(1)?).map_err(QueryError::row)?;
    Ok(TenantItem {
        id: row.text(0)?.parse().map_err(QueryError::row)?,
        name: state.name,
        dialect: state.dialect,
        suspended: state.suspended,
        created_at: state.created_at,
    })
}
