//! `GET /v1/tenants/{tenant}/keys`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_domain::ids::IntegrationId;
use nexus_projections::key_list::{self, KeyFilter, StatusFilter};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::keys::KeyObject;
use crate::keys::object::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyPage {
    /// The keys, newest first.
    pub data: Vec<KeyObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists a tenant's keys, newest first. What was answered before, by whichever API node, is there.
#[utoipa::path(
    operation_id = "list_keys",
    tag = "keys",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("status" = Option<String>, Query, description = "`active`, `revoked`, `expired` or `all`, which is the default"),
        ("integration_id" = Option<String>, Query, description = "Those that belong to this integration"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = KeyPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/keys")]
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
    let status =
        query.parsed("status", "choose active, revoked, expired or all", status).unwrap_or(StatusFilter::All);
    let integration =
        query.parsed("integration_id", "write the id of an integration", str::parse::<IntegrationId>);
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    existing(&app, tenant).await?;
    up_to_date(&app, key_list::NAME).await?;
    let now = app.gate.clock().now();
    let filter = KeyFilter { status, integration };
    let page = app.projections.key_list().list(tenant, filter, cursor.as_deref(), limit, now).await?;
    Ok(HttpResponse::Ok().json(KeyPage {
        data: page.data.into_iter().map(KeyObject::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

fn status(text: &str) -> Result<StatusFilter, &'static str> {
    match text {
        "active" => Ok(StatusFilter::Active),
        "revoked" => Ok(StatusFilter::Revoked),
        "expired" => Ok(StatusFilter::Expired),
        "all" => Ok(StatusFilter::All),
        _ => Err("no such status"),
    }
}
