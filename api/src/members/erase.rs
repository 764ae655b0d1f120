//! `POST /v1/tenants/{tenant}/members/{member}/erase`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::{MemberObject, addressed};
use crate::app::App;
use crate::body::{Fields, Unspecified};
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Destroys the key that a former member's e-mail address is encrypted with, and the addresses that the member's requests came
/// from: nobody can read them any more, on this API node at once and on the others within a minute, and in no copy of the log. What
/// the member did stays in the trail, under an id. Nothing brings the data back. Erasing twice is no error.
#[utoipa::path(
    operation_id = "erase_member",
    tag = "members",
    params(("tenant" = String, Path, description = "The tenant's id"), ("member" = String, Path, description = "The id of a member who was removed")),
    responses((status = 200, body = MemberObject), (status = 403, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/members/{member}/erase")]
pub(crate) async fn erase(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: Unspecified,
) -> Result<HttpResponse, Problem> {
    caller.require("members:write")?;
    let (tenant, member) = addressed(&caller, &path)?;
    Fields::parse(&bytes)?.finish()?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.erase_member(&call, tenant, member).await?;
        Ok(Reply::following(StatusCode::OK, MemberObject::of(&app, &done.answer).await?))
    };
    once(&app, &call, app.gate.allow_member(&call, tenant, member), work).await
}
