//! `GET /v1/tenants/{tenant}/agents`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_projections::agent_list;
use serde::Serialize;
use utoipa::ToSchema;

use crate::agents::AgentObject;
use crate::app::App;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// A page of agents.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentPage {
    /// The agents, newest first.
    pub data: Vec<AgentObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists a tenant's agents, newest first.
#[utoipa::path(
    operation_id = "list_agents",
    tag = "integrations",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = AgentPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/agents")]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    let mut query = QueryFields::parse(&request)?;
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    existing(&app, tenant).await?;
    up_to_date(&app, agent_list::NAME).await?;
    let page = app.projections.agent_list().list(tenant, cursor.as_deref(), limit).await?;
    let data = page.data.into_iter().map(AgentObject::from).collect();
    Ok(HttpResponse::Ok().json(AgentPage { data, next_cursor: page.next_cursor }))
}
