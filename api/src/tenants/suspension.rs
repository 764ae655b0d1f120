//! `POST /v1/tenants/{tenant}/suspend` and `…/resume`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Fields, Unspecified};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;
use crate::tenants::{SuspendedTenant, TenantObject, tenant_id};

/// Why a tenant is suspended.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"note": "Invoices unpaid since January"}))]
pub struct SuspendTenantBody {
    /// A note for people, at most 100 characters.
    pub note: Option<String>,
}

/// Refuses all keys of a tenant until it is resumed. When this answers, every validating node refuses them: each has confirmed
/// it, or cannot answer any more.
#[utoipa::path(
    operation_id = "suspend_tenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body(content = SuspendTenantBody, description = "May be left out"),
    responses((status = 200, body = SuspendedTenant), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/suspend")]
pub(crate) async fn suspend(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("tenants:write")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    let mut fields = Fields::parse(&bytes)?;
    let body = SuspendTenantBody { note: fields.text("note") };
    fields.finish()?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.suspend_tenant(&call, tenant, body.note).await?;
        let settled = settle(&app, done.position, Effect::Reduces).await?;
        let (tenant, receipt) = (TenantObject::from(done.answer), Receipt::from(&settled));
        Ok(Reply::observed(StatusCode::OK, SuspendedTenant { tenant, receipt }).settled(&settled))
    };
    once(&app, &call, ready(Ok(())), work).await
}

/// Accepts the keys of a tenant again.
#[utoipa::path(
    operation_id = "resume_tenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 200, body = TenantObject), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/resume")]
pub(crate) async fn resume(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
    bytes: Unspecified,
) -> Result<HttpResponse, Problem> {
    caller.require("tenants:write")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    Fields::parse(&bytes)?.finish()?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.resume_tenant(&call, tenant).await?;
        settle(&app, done.position, Effect::Adds).await?;
        Ok(Reply::following(StatusCode::OK, TenantObject::from(done.answer)))
    };
    once(&app, &call, ready(Ok(())), work).await
}
