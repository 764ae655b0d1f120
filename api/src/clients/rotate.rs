//! `POST /v1/tenants/{tenant}/clients/{client}/rotate`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::{ClientObject, ClientWithSecret, RotatedClient, addressed};
use crate::app::App;
use crate::keys::{self, RotateKeyBody};
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Gives a client a new secret, shown in this answer alone. The old one stays valid for the grace period. Tokens that were
/// issued stay as they are: revoke those that somebody else may have.
#[utoipa::path(
    operation_id = "rotate_client",
    tag = "clients",
    params(("tenant" = String, Path, description = "The tenant's id"), ("client" = String, Path, description = "The client's id, or its `client_id`")),
    request_body(content = RotateKeyBody, description = "May be left out"),
    responses((status = 200, body = RotatedClient), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/clients/{client}/rotate")]
pub(crate) async fn rotate(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("clients:write")?;
    let (tenant, client) = addressed(&caller, &path)?;
    let rotate = keys::rotate_body(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        // No node holds clients' secrets, and whoever checks one reads the log: there is nothing to wait for.
        let done = app.gate.rotate_client(&call, tenant, client, rotate).await?;
        let rotated = done.answer;
        let object = ClientObject::of(rotated.key_id, &rotated.client, None, None);
        let rotated = ClientWithSecret::of(object, &rotated);
        Ok(Reply::following(StatusCode::OK, RotatedClient { rotated }))
    };
    once(&app, &call, app.gate.allow_clients(&call, tenant), work).await
}
