//! `POST /v1/tenants/{tenant}/keys/{key}/rotate`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::key::KeyState;

use crate::app::App;
use crate::keys::body::{self, RotateKeyBody};
use crate::keys::{KeyObject, KeyWithSecret, addressed};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle_with_secret;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Gives a key a new secret, shown in this answer alone. The old one stays valid for the grace
/// period, and never beyond the key's own expiry.
#[utoipa::path(
    operation_id = "rotate_key",
    tag = "keys",
    params(("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id")),
    request_body(content = RotateKeyBody, description = "May be left out"),
    responses((status = 200, body = KeyWithSecret), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, description = "`rotation_unsupported`, with what to do instead", body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/keys/{key}/rotate")]
pub(crate) async fn rotate(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, key) = addressed(&caller, &path)?;
    let rotate = body::rotate(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.rotate_key(&call, tenant, key, rotate).await?;
        let effect = effect(&done.answer.key, call.now);
        let position = settle_with_secret(&app, done.position, effect).await?;
        let object = KeyObject::load_or_fresh(&app, key, &done.answer.key, position).await;
        Ok(Reply::observed(StatusCode::OK, KeyWithSecret::of(object, &done.answer.secret)))
    };
    once(&app, &call, app.gate.allow_key(&call, tenant, key), work).await
}

/// How soon a grace period may end without being waited for: by then every node has long heard of it, or answers nothing.
const FAR_ENOUGH: TimeDelta = TimeDelta::seconds(5);

/// A rotation takes a secret away where its grace is none, or ends before every node must have heard of it.
fn effect(key: &KeyState, now: DateTime<Utc>) -> Effect {
    let ends_soon = |end: DateTime<Utc>| end >= now - FAR_ENOUGH && end <= now + FAR_ENOUGH;
    if key.versions.iter().filter_map(|version| version.superseded_until).any(ends_soon) {
        Effect::Reduces
    } else {
        Effect::Adds
    }
}
