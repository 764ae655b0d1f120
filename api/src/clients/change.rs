//! `PATCH /v1/tenants/{tenant}/clients/{client}`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, patch, web};

use super::body::{self, ChangeClientBody};
use super::{ChangedClient, ClientObject, addressed};
use crate::app::App;
use crate::body::require_json;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// Changes an OAuth client's name, redirect URIs, scopes, allow list or restrictions. What is left out stays. When this answers,
/// the change is in force on every validating node, also for tokens that were issued before: each has confirmed it, or cannot
/// answer any more.
#[utoipa::path(
    operation_id = "change_client",
    tag = "clients",
    params(("tenant" = String, Path, description = "The tenant's id"), ("client" = String, Path, description = "The client's id, or its `client_id`")),
    request_body = ChangeClientBody,
    responses((status = 200, body = ChangedClient), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document)),
)]
#[patch("/v1/tenants/{tenant}/clients/{client}")]
pub(crate) async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("clients:write")?;
    let (tenant, client) = addressed(&caller, &path)?;
    require_json(request.head())?;
    let terms = body::change(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let effect = if terms.takes_nothing() { Effect::Adds } else { Effect::Reduces };
    let work = async {
        let done = app.gate.change_client(&call, tenant, client, terms).await?;
        let settled = settle(&app, done.position, effect).await?;
        let client = ClientObject::load(&app, tenant, client, settled.position).await?;
        let receipt = Receipt::from(&settled);
        Ok(Reply::observed(StatusCode::OK, ChangedClient { client, receipt }).settled(&settled))
    };
    once(&app, &call, app.gate.allow_clients(&call, tenant), work).await
}
