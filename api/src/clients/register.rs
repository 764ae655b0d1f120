//! `POST /v1/tenants/{tenant}/clients`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::body::{self, RegisterClientBody};
use super::{ClientObject, ClientWithSecret};
use crate::app::App;
use crate::body::require_json;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle_with_secret;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::tenant_id;

/// Registers an OAuth client. Its secret is shown in this answer and never again, except to a repetition with the same
/// idempotency key within 24 hours. When this answers, its tokens work.
#[utoipa::path(
    operation_id = "register_client",
    tag = "clients",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = RegisterClientBody,
    responses((status = 201, body = ClientWithSecret), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document), (status = 422, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/clients")]
pub(crate) async fn register(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("clients:write")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    require_json(request.head())?;
    let register = body::register(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.register_client(&call, tenant, register).await?;
        settle_with_secret(&app, done.position, Effect::Adds).await?;
        let registered = done.answer;
        let created_by = Some(call.principal.actor.clone());
        let object = ClientObject::of(registered.key_id, &registered.client, created_by, None);
        Ok(Reply::following(StatusCode::CREATED, ClientWithSecret::of(object, &registered)))
    };
    once(&app, &call, app.gate.allow_clients(&call, tenant), work).await
}
