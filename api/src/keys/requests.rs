//! `GET /v1/tenants/{tenant}/keys/{key}/requests`

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use nexus_projections::usage::{self, Of};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::keys::{KeyObject, addressed, up_to_date};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;

/// A request that was made with a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestObject {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// The outcome.
    #[schema(example = "VALID")]
    pub code: String,
    /// Which secret of the key was presented.
    #[schema(example = 1)]
    pub version: Option<u32>,
    /// HTTP method.
    #[schema(example = "GET")]
    pub method: Option<String>,
    /// Path, without the query.
    #[schema(example = "/v1/payments")]
    pub path: Option<String>,
    /// The caller's address; `null` where it is unknown or was erased.
    #[schema(example = "203.0.113.7")]
    pub ip: Option<String>,
    /// The caller's request id.
    pub request_id: Option<String>,
    /// The version that the caller's client says it has.
    pub client_version: Option<String>,
}

/// A page of requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestPage {
    /// The requests, newest first.
    pub data: Vec<RequestObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists the requests that were made with a key, newest first.
#[utoipa::path(
    operation_id = "list_key_requests",
    tag = "keys",
    params(
        ("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = RequestPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/keys/{key}/requests")]
pub(crate) async fn requests(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let (tenant, key) = addressed(&caller, &path)?;
    let mut query = QueryFields::parse(&request)?;
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    let head = app.gate.journal().head().await?;
    // A key of another tenant is not there.
    KeyObject::load(&app, tenant, key, head).await?;
    up_to_date(&app, usage::NAME).await?;
    let page = app.projections.usage().requests(Of::One(key), cursor.as_deref(), limit).await?;
    let mut data = Vec::with_capacity(page.data.len());
    for item in page.data {
        let ip = match &item.ip {
            Some(sealed) => app.gate.personal_data().open(sealed).await.map_err(Problem::internal)?,
            None => None,
        };
        data.push(RequestObject {
            at: item.at,
            code: item.code.to_string(),
            version: item.version,
            method: item.method,
            path: item.path,
            ip,
            request_id: item.request_id,
            client_version: item.client_version,
        });
    }
    Ok(HttpResponse::Ok().json(RequestPage { data, next_cursor: page.next_cursor }))
}
