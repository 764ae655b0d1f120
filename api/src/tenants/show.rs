//! `GET /v1/tenants/{tenant}`

use actix_web::{HttpResponse, get, web};

use crate::app::App;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::{TenantObject, existing, tenant_id};

/// Shows a tenant.
#[utoipa::path(
    operation_id = "show_tenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 200, body = TenantObject), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}")]
pub(crate) async fn show(
    app: web::Data<App>,
    caller: Caller,
    tenant: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require("tenants:read")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    Ok(HttpResponse::Ok().json(existing(&app, tenant).await?))
}
