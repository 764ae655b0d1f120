//! `GET /v1/tenants/{tenant}/sessions` and `DELETE …/sessions/{session}`

use actix_web::{HttpRequest, HttpResponse, delete, get, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use nexus_domain::ids::{MemberId, SessionId};
use nexus_domain::session::EndReason;
use nexus_infrastructure::member_sessions::SessionRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::tenant_id;

/// A session of a member that lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionObject {
    /// Its id, which opens nothing.
    #[schema(value_type = String, example = "ses_019abc0011227000800000000000dddd")]
    pub id: SessionId,
    /// Whose.
    #[schema(value_type = String, example = "mem_019abc0011227000800000000000cccc")]
    pub member_id: MemberId,
    /// When the member signed in.
    pub created_at: DateTime<Utc>,
    /// When something was asked in it last, to a minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends at the latest; sooner when nothing is asked in it for 30 minutes.
    pub expires_at: DateTime<Utc>,
    /// From where the member signed in; `null` where it is unknown or was erased.
    #[schema(example = "203.0.113.7")]
    pub ip: Option<String>,
    /// The browser, as it says itself.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")]
    pub user_agent: Option<String>,
}

/// A page of sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionPage {
    /// The sessions, newest first.
    pub data: Vec<SessionObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Lists the sessions of a tenant's members that live.
#[utoipa::path(
    operation_id = "list_sessions",
    tag = "members",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("limit" = Option<u32>, Query, description = "1 to 200 rows, 50 where left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = SessionPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/sessions")]
pub(crate) async fn list_sessions(
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
    let before = query.parsed("cursor", "take it from `next_cursor` of the page before", cursor);
    query.finish()?;
    let call = caller.call(&app, &request, b"")?;
    let page = app.gate.list_sessions(&call, tenant, before, limit).await?;
    let mut data = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        data.push(open(&app, row).await?);
    }
    let next_cursor = page.next.map(|(at, id)| URL_SAFE_NO_PAD.encode(format!("sessions|{at}|{id}")));
    Ok(HttpResponse::Ok().json(SessionPage { data, next_cursor }))
}

/// Ends a session. When this answers, no API node accepts it. Ending a session twice is no error.
#[utoipa::path(
    operation_id = "end_session",
    tag = "members",
    params(("tenant" = String, Path, description = "The tenant's id"), ("session" = String, Path, description = "The session's id")),
    responses((status = 204, description = "The session is over"), (status = 403, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[delete("/v1/tenants/{tenant}/sessions/{session}")]
pub(crate) async fn end_session(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("members:write")?;
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    let session = path.1.parse().map_err(|_| Problem::not_found())?;
    let mut call = caller.call(&app, &request, b"")?;
    // It can be repeated as it is.
    call.idempotency = None;
    app.gate.end_session(&call, tenant, session, EndReason::Revoked).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn open(app: &App, row: SessionRow) -> Result<SessionObject, Problem> {
    let clear = async |sealed: Option<String>| match sealed {
        Some(sealed) => app.gate.personal_data().open(&sealed).await.map_err(Problem::internal),
        None => Ok(None),
    };
    Ok(SessionObject {
        id: row.session_id,
        member_id: row.member_id,
        created_at: row.began_at,
        last_seen_at: row.seen_at,
        expires_at: row.ends_at,
        ip: clear(row.ip).await?,
        user_agent: clear(row.user_agent).await?,
    })
}

fn cursor(text: &str) -> Result<(i64, SessionId), &'static str> {
    const WRONG: &str = "not a cursor of this list";
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| WRONG)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| WRONG)?;
    let (at, id) = text.strip_prefix("sessions|").and_then(|rest| rest.split_once('|')).ok_or(WRONG)?;
    Ok((at.parse().map_err(|_| WRONG)?, id.parse().map_err(|_| WRONG)?))
}
