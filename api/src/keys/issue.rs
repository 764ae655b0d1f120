//! `POST /v1/tenants/{tenant}/keys`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use crate::app::App;
use crate::body::require_json;
use crate::keys::body::{self, IssueKeyBody};
use crate::keys::object::{KeyObject, KeyWithSecret};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle_with_secret;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::tenant_id;

/// Creates a key. The secret is shown in this answer and never again, except to a repetition with
/// the same idempotency key within 24 hours. When this answers, the key works.
#[utoipa::path(
    operation_id = "issue_key",
    tag = "keys",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = IssueKeyBody,
    responses((status = 201, body = KeyWithSecret), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document), (status = 422, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/keys")]
pub(crate) async fn issue(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    require_json(request.head())?;
    let issue = body::issue(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.issue_key(&call, tenant, issue, Some(&app.signer)).await?;
        settle_with_secret(&app, done.position, Effect::Adds).await?;
        let issued = done.answer;
        let object = KeyObject::fresh(issued.key_id, &issued.key, &call.principal.actor);
        Ok(Reply::following(StatusCode::CREATED, KeyWithSecret::of(object, &issued.secret)))
    };
    once(&app, &call, ready(Ok(())), work).await
}
