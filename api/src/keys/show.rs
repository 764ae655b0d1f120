//! `GET /v1/tenants/{tenant}/keys/{key}`

use actix_web::{HttpResponse, get, web};

use crate::app::App;
use crate::keys::{KeyObject, addressed};
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Shows a key. Its secret cannot be shown again.
#[utoipa::path(
    operation_id = "show_key",
    tag = "keys",
    params(("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id")),
    responses((status = 200, body = KeyObject), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/keys/{key}")]
pub(crate) async fn show(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let (tenant, key) = addressed(&caller, &path)?;
    let head = app.gate.journal().head().await?;
    Ok(HttpResponse::Ok().json(KeyObject::load(&app, tenant, key, head).await?))
}
