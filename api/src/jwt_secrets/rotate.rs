//! `POST /v1/tenants/{tenant}/jwt-secrets/{secret}/rotate`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::jwt_secret::JwtSecretState;

use super::addressed;
use super::body::{self, RotateJwtSecretBody};
use super::object::{IssuedJwtSecret, JwtSecretObject, RotatedJwtSecret};
use crate::app::App;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle_with_secret;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// Replaces a secret under the same id, and shows the new one in this answer alone. Tokens that were signed with the old one are
/// accepted for the grace period; without grace, every validating node refuses them when this answers.
#[utoipa::path(
    operation_id = "rotate_jwt_secret",
    tag = "jwt-secrets",
    params(("tenant" = String, Path, description = "The tenant's id"), ("secret" = String, Path, description = "The secret's id")),
    request_body(content = RotateJwtSecretBody, description = "May be left out"),
    responses((status = 200, body = RotatedJwtSecret), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/jwt-secrets/{secret}/rotate")]
pub(crate) async fn rotate(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, id) = addressed(&caller, &path)?;
    let (grace, secret) = body::rotate(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.rotate_jwt_secret(&call, tenant, id, grace, secret).await?;
        let effect = effect(&done.answer.state, call.now);
        let settled = settle_with_secret(&app, done.position, effect).await?;
        let secret = done.answer.secret.expose().to_owned();
        let jwt_secret = JwtSecretObject::of(id, done.answer.state);
        let receipt = (effect == Effect::Reduces).then(|| Receipt::from(&settled));
        let rotated = RotatedJwtSecret { rotated: IssuedJwtSecret { jwt_secret, secret }, receipt };
        Ok(Reply::observed(StatusCode::OK, rotated).settled(&settled))
    };
    once(&app, &call, app.gate.allow_jwt_secret(&call, tenant), work).await
}

/// How soon a grace period may end without being waited for: by then every node has long heard of it, or answers nothing.
const FAR_ENOUGH: TimeDelta = TimeDelta::seconds(5);

/// A rotation takes away what its grace does not leave.
fn effect(secret: &JwtSecretState, now: DateTime<Utc>) -> Effect {
    let replaced = secret.versions.iter().rev().nth(1).and_then(|version| version.superseded_until);
    if replaced.is_some_and(|end| end <= now + FAR_ENOUGH) { Effect::Reduces } else { Effect::Adds }
}
