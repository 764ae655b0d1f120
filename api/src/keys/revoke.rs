//! `POST /v1/tenants/{tenant}/keys/{key}/revoke`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use crate::app::App;
use crate::keys::body::{self, RevokeKeyBody};
use crate::keys::{KeyObject, RevokedKey, addressed};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// Revokes a key, for ever. When this answers, every validating node refuses every secret of the key: each has confirmed it, or
/// cannot answer any more. Revoking twice is no error and no second event.
#[utoipa::path(
    operation_id = "revoke_key",
    tag = "keys",
    params(("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id")),
    request_body(content = RevokeKeyBody, description = "May be left out"),
    responses((status = 200, body = RevokedKey), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/keys/{key}/revoke")]
pub(crate) async fn revoke(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, key) = addressed(&caller, &path)?;
    let revoke = body::revoke(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let began = app.gate.clock().monotonic();
        let done = app.gate.revoke_key(&call, tenant, key, revoke).await?;
        let settled = settle(&app, done.position, Effect::Reduces).await?;
        let elapsed = app.gate.clock().monotonic().saturating_sub(began);
        metrics::histogram!("nexus_revoke_duration_seconds").record(elapsed);
        let key = KeyObject::load(&app, tenant, key, settled.position).await?;
        let receipt = Receipt::from(&settled);
        Ok(Reply::observed(StatusCode::OK, RevokedKey { key, receipt }).settled(&settled))
    };
    once(&app, &call, ready(Ok(())), work).await
}
