//! `GET /v1/tenants/{tenant}/clients/{client}`

use actix_web::{HttpResponse, get, web};

use super::{ClientObject, addressed};
use crate::app::App;
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Shows an OAuth client. Its secret cannot be shown again.
#[utoipa::path(
    operation_id = "show_client",
    tag = "clients",
    params(("tenant" = String, Path, description = "The tenant's id"), ("client" = String, Path, description = "The client's id, or its `client_id`")),
    responses((status = 200, body = ClientObject), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/clients/{client}")]
pub(crate) async fn show(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("clients:read")?;
    let (tenant, client) = addressed(&caller, &path)?;
    let head = app.gate.journal().head().await?;
    Ok(HttpResponse::Ok().json(ClientObject::load(&app, tenant, client, head).await?))
}
