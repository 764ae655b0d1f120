//! `POST /v1/tenants/{tenant}/jwt-secrets`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::body::{self, IssueJwtSecretBody};
use super::object::{IssuedJwtSecret, JwtSecretObject};
use crate::app::App;
use crate::body::require_json;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle_with_secret;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::tenant_id;

/// Creates a secret with which a tenant's services sign their own tokens (JWTs, HS256), which nodes then accept as that tenant's
/// service. It is shown in this answer and never again, except to a repetition with the same idempotency key within 24 hours.
#[utoipa::path(
    operation_id = "issue_jwt_secret",
    tag = "jwt-secrets",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = IssueJwtSecretBody,
    responses((status = 201, body = IssuedJwtSecret), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document), (status = 422, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/jwt-secrets")]
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
        let done = app.gate.issue_jwt_secret(&call, tenant, issue).await?;
        settle_with_secret(&app, done.position, Effect::Adds).await?;
        let issued = done.answer;
        let secret = issued.secret.expose().to_owned();
        let jwt_secret = JwtSecretObject::of(issued.id, issued.state);
        Ok(Reply::following(StatusCode::CREATED, IssuedJwtSecret { jwt_secret, secret }))
    };
    once(&app, &call, app.gate.allow_jwt_secret(&call, tenant), work).await
}
