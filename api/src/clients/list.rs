//! `GET /v1/tenants/{tenant}/clients`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_projections::oauth;
use serde::Serialize;
use utoipa::ToSchema;

use super::ClientObject;
use crate::app::App;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// A page of clients.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientPage {
    /// The clients, newest first.
    pub data: Vec<ClientObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists a tenant's OAuth clients, newest first, those that are revoked among them.
#[utoipa::path(
    operation_id = "list_clients",
    tag = "clients",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ClientPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/clients")]
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
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    existing(&app, tenant).await?;
    up_to_date(&app, oauth::NAME).await?;
    let page = app.projections.oauth().clients(tenant, cursor.as_deref(), limit).await?;
    Ok(HttpResponse::Ok().json(ClientPage {
        data: page.data.into_iter().map(ClientObject::from).collect(),
        next_cursor: page.next_cursor,
    }))
}
