//! `GET /v1/tenants/{tenant}/integrations`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_projections::integration_list;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::integrations::IntegrationObject;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// A page of integrations.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrationPage {
    /// The integrations, newest first.
    pub data: Vec<IntegrationObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists a tenant's integrations, newest first.
#[utoipa::path(
    operation_id = "list_integrations",
    tag = "integrations",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = IntegrationPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/integrations")]
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
    up_to_date(&app, integration_list::NAME).await?;
    let page = app.projections.integration_list().list(tenant, cursor.as_deref(), limit).await?;
    let data = page.data.into_iter().map(IntegrationObject::from).collect();
    Ok(HttpResponse::Ok().json(IntegrationPage { data, next_cursor: page.next_cursor }))
}
