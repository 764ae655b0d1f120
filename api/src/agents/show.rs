//! `GET /v1/tenants/{tenant}/agents/{agent}`

use actix_web::{HttpResponse, get, web};
use nexus_projections::agent_list;

use crate::agents::{AgentObject, addressed};
use crate::app::App;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Shows an agent.
#[utoipa::path(
    operation_id = "show_agent",
    tag = "integrations",
    params(("tenant" = String, Path, description = "The tenant's id"), ("agent" = String, Path, description = "The agent's id")),
    responses((status = 200, body = AgentObject), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/agents/{agent}")]
pub(crate) async fn show(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let (tenant, agent) = addressed(&caller, &path)?;
    up_to_date(&app, agent_list::NAME).await?;
    let item = app.projections.agent_list().get(tenant, agent).await?;
    let item = item.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(AgentObject::from(item)))
}
