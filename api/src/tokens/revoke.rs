//! `POST /v1/tenants/{tenant}/tokens/{token}/revoke`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::ids::{GrantId, TokenId};
use nexus_domain::token::Revoker;
use nexus_projections::oauth;

use super::{RevokedToken, TokenObject};
use crate::app::App;
use crate::keys::{self, RevokeKeyBody, listed};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;
use crate::tenants::tenant_id;

/// Revokes an access token, or with the id of a grant its refresh token and all that it ever gave. When this answers, every
/// validating node refuses them although their signatures are good: each has confirmed it, or cannot answer any more.
#[utoipa::path(
    operation_id = "revoke_token",
    tag = "clients",
    params(("tenant" = String, Path, description = "The tenant's id"), ("token" = String, Path, description = "The id of an access token, or of a grant")),
    request_body(content = RevokeKeyBody, description = "May be left out"),
    responses((status = 200, body = RevokedToken), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/tokens/{token}/revoke")]
pub(crate) async fn revoke(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("clients:write")?;
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    let (token, grant) = (path.1.parse::<TokenId>().ok(), path.1.parse::<GrantId>().ok());
    if token.is_none() && grant.is_none() {
        return Err(Problem::not_found());
    }
    let reason = keys::revocation(&bytes)?.reason;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let by = Revoker::Tenant(tenant);
        let mut position = None;
        if let Some(token) = token {
            position = app.gate.revoke_token(&call, token, by, reason).await?.position;
        }
        if let Some(grant) = grant {
            position = app.gate.revoke_grant(&call, grant, by, None).await?.position;
        }
        let settled = settle(&app, position, Effect::Reduces).await?;
        listed(&app, oauth::NAME, settled.position).await?;
        let item = app.projections.oauth().token(tenant, &path.1, call.now).await?;
        let token = TokenObject::from(item.ok_or_else(Problem::not_found)?);
        let receipt = Receipt::from(&settled);
        Ok(Reply::observed(StatusCode::OK, RevokedToken { token, receipt }).settled(&settled))
    };
    once(&app, &call, ready(Ok(())), work).await
}
