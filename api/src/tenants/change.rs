//! `PATCH /v1/tenants/{tenant}`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, patch, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Fields, require_json};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::{TenantObject, tenant_id};

/// What of a tenant shall change.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Acme International"}))]
pub struct RenameTenantBody {
    /// Another name.
    pub name: String,
}

/// Gives a tenant another name.
#[utoipa::path(
    operation_id = "change_tenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = RenameTenantBody,
    responses((status = 200, body = TenantObject), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[patch("/v1/tenants/{tenant}")]
pub(crate) async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("tenants:write")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    require_json(request.head())?;
    let mut fields = Fields::parse(&bytes)?;
    let body = RenameTenantBody { name: fields.required_text("name") };
    fields.finish()?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.rename_tenant(&call, tenant, body.name).await?;
        settle(&app, done.position, Effect::Adds).await?;
        Ok(Reply::following(StatusCode::OK, TenantObject::from(done.answer)))
    };
    once(&app, &call, ready(Ok(())), work).await
}
