//! `PATCH /v1/tenants/{tenant}/agents/{agent}`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, patch, web};
use nexus_infrastructure::gate::AgentChange;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::agents::{AgentObject, ChangedAgent, addressed};
use crate::app::App;
use crate::body::{Fields, require_json};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// What of an agent shall change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"status": "restricted"}))]
pub struct ChangeAgentBody {
    /// Another name.
    pub name: Option<String>,
    /// `restricted`: the keys of its integrations are refused; `active`: they are accepted again.
    #[schema(example = "restricted")]
    pub status: Option<String>,
}

fn parse(bytes: &[u8]) -> Result<AgentChange, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let asked = AgentChange {
        name: fields.text("name"),
        restricted: fields.parsed("status", "write \"active\" or \"restricted\"", restricted),
    };
    fields.finish()?;
    Ok(asked)
}

fn restricted(text: &str) -> Result<bool, &'static str> {
    match text {
        "active" => Ok(false),
        "restricted" => Ok(true),
        _ => Err("no such status"),
    }
}

/// Changes an agent's name, restricts it or makes it active again. When this answers, every validating node refuses the keys of a
/// restricted agent's integrations: each has confirmed it, or cannot answer any more.
#[utoipa::path(
    operation_id = "change_agent",
    tag = "integrations",
    params(("tenant" = String, Path, description = "The tenant's id"), ("agent" = String, Path, description = "The agent's id")),
    request_body = ChangeAgentBody,
    responses((status = 200, body = ChangedAgent), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[patch("/v1/tenants/{tenant}/agents/{agent}")]
pub(crate) async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, agent) = addressed(&caller, &path)?;
    require_json(request.head())?;
    let change = parse(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.change_agent(&call, tenant, agent, change).await?;
        let settled = settle(&app, done.position, Effect::Reduces).await?;
        let (agent, receipt) = (AgentObject::from(done.answer), Receipt::from(&settled));
        Ok(Reply::observed(StatusCode::OK, ChangedAgent { agent, receipt }).settled(&settled))
    };
    once(&app, &call, ready(Ok(())), work).await
}
