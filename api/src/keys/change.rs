//! `PATCH /v1/tenants/{tenant}/keys/{key}`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, patch, web};

use crate::app::App;
use crate::body::require_json;
use crate::keys::body::{self, ChangeKeyBody};
use crate::keys::{ChangedKey, KeyObject, addressed};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// Changes a key's name, scopes, allow list, restrictions or expiry. What is left out stays. When this answers, the change is in
/// force on every validating node: each has confirmed it, or cannot answer any more.
#[utoipa::path(
    operation_id = "change_key",
    tag = "keys",
    params(("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id")),
    request_body = ChangeKeyBody,
    responses((status = 200, body = ChangedKey), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document)),
)]
#[patch("/v1/tenants/{tenant}/keys/{key}")]
pub(crate) async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, key) = addressed(&caller, &path)?;
    require_json(request.head())?;
    let change = body::change(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let effect = if change.takes_nothing() { Effect::Adds } else { Effect::Reduces };
    let work = async {
        let done = app.gate.change_key(&call, tenant, key, change).await?;
        let settled = settle(&app, done.position, effect).await?;
        let key = KeyObject::load(&app, tenant, key, settled.position).await?;
        let receipt = Receipt::from(&settled);
        Ok(Reply::observed(StatusCode::OK, ChangedKey { key, receipt }).settled(&settled))
    };
    once(&app, &call, app.gate.allow_key(&call, tenant, key), work).await
}
