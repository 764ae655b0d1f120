//! `POST /v1/tenants/{tenant}/members/{member}/password`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::grant::GrantEnd;
use nexus_domain::member::Password;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{MemberObject, addressed, consents, fingerprint, password};
use crate::app::App;
use crate::body::{Fields, require_json};
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// Another password.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct SetPasswordBody {
    /// 12 characters to 1,024 bytes; neither the e-mail address nor the product's name.
    pub password: String,
}

/// Gives a member another password. When this answers, no session of the member that was begun before is accepted by any API
/// node, and no validating node accepts a token of an app that the member agreed to before: somebody who knew the old password
/// may have agreed in the member's name.
#[utoipa::path(
    operation_id = "set_member_password",
    tag = "members",
    params(("tenant" = String, Path, description = "The tenant's id"), ("member" = String, Path, description = "The member's id")),
    request_body = SetPasswordBody,
    responses((status = 200, body = MemberObject), (status = 400, body = problem::Document), (status = 403, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/members/{member}/password")]
pub(crate) async fn set_password(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("members:write")?;
    let (tenant, member) = addressed(&caller, &path)?;
    require_json(request.head())?;
    let password = parse(&bytes)?;
    let call = caller.call(&app, &request, &fingerprint(&app, &bytes))?;
    let work = async {
        let done = app.gate.set_password(&call, tenant, member, &password).await?;
        let settled = consents::end(&app, &call, member, GrantEnd::PasswordChanged).await?;
        Ok(Reply::following(StatusCode::OK, MemberObject::of(&app, &done.answer).await?).settled(&settled))
    };
    once(&app, &call, app.gate.allow_member(&call, tenant, member), work).await
}

fn parse(bytes: &[u8]) -> Result<Password, Problem> {
    let mut fields = Fields::parse(bytes)?;
    if !fields.has("password") {
        fields.wrong("password", "missing", "add it");
    }
    let password = password(&mut fields);
    fields.finish()?;
    Ok(password.unwrap_or_else(|| Password::presented(String::new())))
}
