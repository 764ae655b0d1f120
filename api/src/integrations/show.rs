//! `GET /v1/tenants/{tenant}/integrations/{integration}`

use actix_web::{HttpResponse, get, web};
use nexus_projections::integration_list;

use crate::app::App;
use crate::integrations::{IntegrationObject, addressed};
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Shows an integration.
#[utoipa::path(
    operation_id = "show_integration",
    tag = "integrations",
    params(("tenant" = String, Path, description = "The tenant's id"), ("integration" = String, Path, description = "The integration's id")),
    responses((status = 200, body = IntegrationObject), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/integrations/{integration}")]
pub(crate) async fn show(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let (tenant, integration) = addressed(&caller, &path)?;
    up_to_date(&app, integration_list::NAME).await?;
    let item = app.projections.integration_list().get(tenant, integration).await?;
    let item = item.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(IntegrationObject::from(item)))
}
