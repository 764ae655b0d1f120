//! `POST /v1/tenants/{tenant}/clients/{client}/revoke`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::{ClientObject, RevokedClient, addressed};
use crate::app::App;
use crate::keys::{self, RevokeKeyBody};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// Revokes an OAuth client, for ever. When this answers, it gets no more tokens, and every validating node refuses all that it
/// ever got: each has confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
#[utoipa::path(
    operation_id = "revoke_client",
    tag = "clients",
    params(("tenant" = String, Path, description = "The tenant's id"), ("client" = String, Path, description = "The client's id, or its `client_id`")),
    request_body(content = RevokeKeyBody, description = "May be left out"),
    responses((status = 200, body = RevokedClient), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/clients/{client}/revoke")]
pub(crate) async fn revoke(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("clients:write")?;
    let (tenant, client) = addressed(&caller, &path)?;
    let revoke = keys::revocation(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.revoke_client(&call, tenant, client, revoke).await?;
        let settled = settle(&app, done.position, Effect::Reduces).await?;
        let client = ClientObject::load(&app, tenant, client, settled.position).await?;
        let receipt = Receipt::from(&settled);
        Ok(Reply::observed(StatusCode::OK, RevokedClient { client, receipt }).settled(&settled))
    };
    once(&app, &call, ready(Ok(())), work).await
}
