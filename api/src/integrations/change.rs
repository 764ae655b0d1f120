//! `PATCH /v1/tenants/{tenant}/integrations/{integration}`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, patch, web};
use nexus_domain::ids::AgentId;
use nexus_infrastructure::gate::IntegrationChange;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Fields, require_json};
use crate::integrations::{ChangedIntegration, IntegrationObject, addressed};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// What of an integration shall change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"enabled": false}))]
pub struct ChangeIntegrationBody {
    /// Another name.
    pub name: Option<String>,
    /// Another agent.
    #[schema(example = "agt_019abc0011227000800000000000cccc")]
    pub agent_id: Option<String>,
    /// `false`: its keys are refused; `true`: they are accepted again.
    pub enabled: Option<bool>,
}

fn parse(bytes: &[u8]) -> Result<IntegrationChange, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let asked = IntegrationChange {
        name: fields.text("name"),
        agent: fields.parsed("agent_id", "write the id of an agent", str::parse::<AgentId>),
        enabled: fields.flag("enabled"),
    };
    fields.finish()?;
    Ok(asked)
}

/// Changes an integration's name or agent, disables it or enables it again. When this answers, every validating node refuses the
/// keys of a disabled integration: each has confirmed it, or cannot answer any more. No key is changed by it.
#[utoipa::path(
    operation_id = "change_integration",
    tag = "integrations",
    params(("tenant" = String, Path, description = "The tenant's id"), ("integration" = String, Path, description = "The integration's id")),
    request_body = ChangeIntegrationBody,
    responses((status = 200, body = ChangedIntegration), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[patch("/v1/tenants/{tenant}/integrations/{integration}")]
pub(crate) async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, integration) = addressed(&caller, &path)?;
    require_json(request.head())?;
    let change = parse(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.change_integration(&call, tenant, integration, change).await?;
        let settled = settle(&app, done.position, Effect::Reduces).await?;
        let (integration, receipt) = (IntegrationObject::from(done.answer), Receipt::from(&settled));
        Ok(Reply::observed(StatusCode::OK, ChangedIntegration { integration, receipt }).settled(&settled))
    };
    once(&app, &call, ready(Ok(())), work).await
}
