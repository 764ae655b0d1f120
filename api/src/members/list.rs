//! `GET /v1/tenants/{tenant}/members`

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_projections::member_list;
use serde::Serialize;
use utoipa::ToSchema;

use super::MemberObject;
use crate::app::App;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// A page of members.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberPage {
    /// The members, newest first.
    pub data: Vec<MemberObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists the members of a tenant.
#[utoipa::path(
    operation_id = "list_members",
    tag = "members",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = MemberPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/members")]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require("members:read")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    let mut query = QueryFields::parse(&request)?;
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    existing(&app, tenant).await?;
    up_to_date(&app, member_list::NAME).await?;
    let page = app.projections.member_list().list(tenant, cursor.as_deref(), limit).await?;
    let mut data = Vec::with_capacity(page.data.len());
    for item in page.data {
        data.push(MemberObject {
            id: item.id,
            email: app.gate.personal_data().open(&item.email).await.map_err(Problem::internal)?,
            role: item.role.as_str(),
            password_set_at: item.password_set_at,
            created_at: item.added_at,
        });
    }
    Ok(HttpResponse::Ok().json(MemberPage { data, next_cursor: page.next_cursor }))
}
