//! `POST /v1/tenants/{tenant}/agents`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::agents::AgentObject;
use crate::app::App;
use crate::body::{Fields, require_json};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::tenant_id;

/// An agent to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Support"}))]
pub struct CreateAgentBody {
    /// A name for people, 1 to 100 characters.
    pub name: String,
}

/// Creates an agent, active. Integrations are connected to it.
#[utoipa::path(
    operation_id = "create_agent",
    tag = "integrations",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = CreateAgentBody,
    responses((status = 201, body = AgentObject), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/agents")]
pub(crate) async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    require_json(request.head())?;
    let mut fields = Fields::parse(&bytes)?;
    let body = CreateAgentBody { name: fields.required_text("name") };
    fields.finish()?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.create_agent(&call, tenant, body.name).await?;
        settle(&app, done.position, Effect::Adds).await?;
        Ok(Reply::following(StatusCode::CREATED, AgentObject::from(done.answer)))
    };
    once(&app, &call, ready(Ok(())), work).await
}
