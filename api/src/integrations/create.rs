//! `POST /v1/tenants/{tenant}/integrations`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::ids::AgentId;
use nexus_domain::integration::IntegrationType;
use nexus_infrastructure::gate::NewIntegration;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Fields, require_json};
use crate::integrations::IntegrationObject;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::tenant_id;

/// An integration to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Website", "type": "api"}))]
pub struct CreateIntegrationBody {
    /// A name for people, 1 to 100 characters.
    pub name: String,
    /// Through what it is used: `api`, which is the default.
    #[serde(rename = "type")]
    pub integration_type: Option<String>,
    /// The agent that it is connected to; required where the dialect's integrations have one.
    #[schema(example = "agt_019abc0011227000800000000000cccc")]
    pub agent_id: Option<String>,
}

fn parse(bytes: &[u8]) -> Result<NewIntegration, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let new = NewIntegration {
        name: fields.required_text("name"),
        integration_type: fields
            .parsed("type", "write \"api\"", integration_type)
            .unwrap_or(IntegrationType::Api),
        agent: fields.parsed("agent_id", "write the id of an agent", str::parse::<AgentId>),
    };
    fields.finish()?;
    Ok(new)
}

fn integration_type(text: &str) -> Result<IntegrationType, &'static str> {
    serde_json::from_value(text.into()).map_err(|_| "no such type")
}

/// Creates an integration, enabled. Keys are made for it with its id as `integration_id`.
#[utoipa::path(
    operation_id = "create_integration",
    tag = "integrations",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = CreateIntegrationBody,
    responses((status = 201, body = IntegrationObject), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/integrations")]
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
    let new = parse(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.create_integration(&call, tenant, new).await?;
        settle(&app, done.position, Effect::Adds).await?;
        Ok(Reply::following(StatusCode::CREATED, IntegrationObject::from(done.answer)))
    };
    once(&app, &call, ready(Ok(())), work).await
}
