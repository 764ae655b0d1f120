//! `DELETE /v1/tenants/{tenant}/members/{member}`

use actix_web::{HttpRequest, HttpResponse, delete, web};

use nexus_domain::grant::GrantEnd;

use super::{addressed, consents};
use crate::app::App;
use crate::once::insert_timing;
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Ends a membership for good. When this answers, none of the member's sessions is accepted by any API node, and no validating
/// node accepts a token of an app that the member agreed to: `Server-Timing` says how long that took. Removing a member twice is
/// no error.
#[utoipa::path(
    operation_id = "remove_member",
    tag = "members",
    params(("tenant" = String, Path, description = "The tenant's id"), ("member" = String, Path, description = "The member's id")),
    responses((status = 204, description = "The member is removed"), (status = 403, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[delete("/v1/tenants/{tenant}/members/{member}")]
pub(crate) async fn remove(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("members:write")?;
    let (tenant, member) = addressed(&caller, &path)?;
    let mut call = caller.call(&app, &request, b"")?;
    // It can be repeated as it is.
    call.idempotency = None;
    app.gate.remove_member(&call, tenant, member).await?;
    let settled = consents::end(&app, &call, member, GrantEnd::MemberRemoved).await?;
    let mut response = HttpResponse::NoContent().finish();
    insert_timing(response.headers_mut(), settled.confirmation.held_after);
    Ok(response)
}
