//! `GET /v1/tenants`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_projections::tenant_list;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::TenantObject;

/// A page of tenants.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantPage {
    /// The tenants.
    pub data: Vec<TenantObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists the tenants that the caller sees.
#[utoipa::path(
    operation_id = "list_tenants",
    tag = "tenants",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = TenantPage), (status = 400, body = problem::Document), (status = 403, body = problem::Document)),
)]
#[get("/v1/tenants")]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.require("tenants:read")?;
    let mut query = QueryFields::parse(&request)?;
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    up_to_date(&app, tenant_list::NAME).await?;
    let tenants = app.projections.tenant_list();
    let Some(visible) = &caller.principal.tenants else {
        let page = tenants.list(cursor.as_deref(), limit).await?;
        let data = page.data.into_iter().map(TenantObject::from).collect();
        return Ok(HttpResponse::Ok().json(TenantPage { data, next_cursor: page.next_cursor }));
    };
    // A credential names the tenants it is confined to, at most as many as fit on a page.
    let mut data = Vec::new();
    for tenant in visible {
        data.extend(tenants.get(*tenant).await?.map(TenantObject::from));
    }
    Ok(HttpResponse::Ok().json(TenantPage { data, next_cursor: None }))
}
