//! `GET /v1/tenants/{tenant}/tokens`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_projections::oauth::{self, TokenFilter};
use serde::Serialize;
use utoipa::ToSchema;

use super::TokenObject;
use crate::app::App;
use crate::clients::client_id;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenPage {
    /// The tokens, newest first.
    pub data: Vec<TokenObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists the tokens that open a tenant's data, newest first: access tokens one by one, and the refresh token of each grant.
#[utoipa::path(
    operation_id = "list_tokens",
    tag = "clients",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("status" = Option<String>, Query, description = "`active`, which is the default, `revoked`, `expired` or `all`"),
        ("client" = Option<String>, Query, description = "Of this client alone: its id, or its `client_id`"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = TokenPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/tokens")]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require("clients:read")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    let mut query = QueryFields::parse(&request)?;
    let filter = query.parsed("status", "choose active, revoked, expired or all", filter).unwrap_or_default();
    let client = query.parsed("client", "write a client's id", |text| {
        client_id(text).ok_or("neither an id nor a client_id")
    });
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    existing(&app, tenant).await?;
    up_to_date(&app, oauth::NAME).await?;
    let now = app.gate.clock().now();
    let page = app.projections.oauth().tokens(tenant, filter, client, cursor.as_deref(), limit, now).await?;
    Ok(HttpResponse::Ok().json(TokenPage {
        data: page.data.into_iter().map(TokenObject::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

fn filter(text: &str) -> Result<TokenFilter, &'static str> {
    match text {
        "active" => Ok(TokenFilter::Active),
        "revoked" => Ok(TokenFilter::Revoked),
        "expired" => Ok(TokenFilter::Expired),
        "all" => Ok(TokenFilter::All),
        _ => Err("no such status"),
    }
}
