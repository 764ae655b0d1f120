//! `POST /v1/tenants/{tenant}/jwt-secrets/{secret}/revoke`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::addressed;
use super::object::{JwtSecretObject, RevokedJwtSecret};
use crate::app::App;
use crate::keys::{RevokeKeyBody, revocation};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// Revokes a secret, for ever. When this answers, every validating node refuses every token that was signed with it: each has
/// confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
#[utoipa::path(
    operation_id = "revoke_jwt_secret",
    tag = "jwt-secrets",
    params(("tenant" = String, Path, description = "The tenant's id"), ("secret" = String, Path, description = "The secret's id")),
    request_body(content = RevokeKeyBody, description = "May be left out"),
    responses((status = 200, body = RevokedJwtSecret), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/jwt-secrets/{secret}/revoke")]
pub(crate) async fn revoke(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, id) = addressed(&caller, &path)?;
    let revoke = revocation(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.revoke_jwt_secret(&call, tenant, id, revoke).await?;
        let settled = settle(&app, done.position, Effect::Reduces).await?;
        let jwt_secret = JwtSecretObject::of(id, done.answer);
        let receipt = Receipt::from(&settled);
        Ok(Reply::observed(StatusCode::OK, RevokedJwtSecret { jwt_secret, receipt }).settled(&settled))
    };
    once(&app, &call, ready(Ok(())), work).await
}
