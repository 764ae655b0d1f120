//! `GET /v1/tenants/{tenant}/jwt-secrets`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_projections::credential_lookup;
use serde::Serialize;
use utoipa::ToSchema;

use super::object::JwtSecretObject;
use crate::app::App;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// A page of secrets for service JWTs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JwtSecretPage {
    /// The secrets, newest first.
    pub data: Vec<JwtSecretObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists a tenant's secrets for service JWTs, newest first; never the secrets themselves.
#[utoipa::path(
    operation_id = "list_jwt_secrets",
    tag = "jwt-secrets",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = JwtSecretPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/jwt-secrets")]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    let mut query = QueryFields::parse(&request)?;
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    existing(&app, tenant).await?;
    up_to_date(&app, credential_lookup::NAME).await?;
    let page = app.projections.credential_lookup().jwt_secrets(tenant, cursor.as_deref(), limit).await?;
    let data = page.data.into_iter().map(|(id, secret)| JwtSecretObject::of(id, secret)).collect();
    Ok(HttpResponse::Ok().json(JwtSecretPage { data, next_cursor: page.next_cursor }))
}
