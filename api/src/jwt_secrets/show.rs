//! `GET /v1/tenants/{tenant}/jwt-secrets/{secret}`

use actix_web::{HttpResponse, get, web};

use super::addressed;
use super::object::JwtSecretObject;
use crate::app::App;
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Shows what is known of a secret for service JWTs; never the secret.
#[utoipa::path(
    operation_id = "show_jwt_secret",
    tag = "jwt-secrets",
    params(("tenant" = String, Path, description = "The tenant's id"), ("secret" = String, Path, description = "The secret's id")),
    responses((status = 200, body = JwtSecretObject), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/jwt-secrets/{secret}")]
pub(crate) async fn show(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let (tenant, id) = addressed(&caller, &path)?;
    let secret = app.gate.jwt_secret(tenant, id).await?;
    Ok(HttpResponse::Ok().json(JwtSecretObject::of(id, secret)))
}
