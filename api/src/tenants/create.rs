//! `POST /v1/tenants`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Fields, require_json};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::TenantObject;

/// A tenant to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Acme", "dialect": "nexus"}))]
pub struct CreateTenantBody {
    /// A name for people, 1 to 100 characters.
    pub name: String,
    /// The dialect of its keys, for good.
    #[schema(example = "nexuscommerce")]
    pub dialect: String,
}

fn parse(bytes: &[u8]) -> Result<CreateTenantBody, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let body =
        CreateTenantBody { name: fields.required_text("name"), dialect: fields.required_text("dialect") };
    fields.finish()?;
    Ok(body)
}

/// Creates a tenant.
#[utoipa::path(
    operation_id = "create_tenant",
    tag = "tenants",
    request_body = CreateTenantBody,
    responses((status = 201, body = TenantObject), (status = 400, body = problem::Document), (status = 401, body = problem::Document), (status = 403, body = problem::Document)),
)]
#[post("/v1/tenants")]
pub(crate) async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("tenants:write")?;
    require_json(request.head())?;
    let body = parse(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.create_tenant(&call, body.name, &body.dialect).await?;
        settle(&app, done.position, Effect::Adds).await?;
        Ok(Reply::following(StatusCode::CREATED, TenantObject::from(done.answer)))
    };
    once(&app, &call, ready(Ok(())), work).await
}
