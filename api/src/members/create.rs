//! `POST /v1/tenants/{tenant}/members`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::member::{Email, Role};
use nexus_infrastructure::gate::NewMember;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{MemberObject, fingerprint, password};
use crate::app::App;
use crate::body::{Fields, require_json};
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::tenants::tenant_id;

/// Who shall be a member.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "role": "developer", "password": "correct horse battery staple"}))]
pub struct CreateMemberBody {
    /// The e-mail address, which no other member of the installation has.
    pub email: String,
    /// `owner`: everything; `admin`: keys, members and the audit trail; `developer`: keys; `auditor`: reads alone.
    pub role: String,
    /// The first password, 12 characters to 1,024 bytes; left out: the member cannot sign in until one is set.
    pub password: Option<String>,
}

/// Makes somebody a member of a tenant. A member of the platform's own tenant acts in all tenants. Nobody makes a member who may
/// do what they may not do themselves.
#[utoipa::path(
    operation_id = "create_member",
    tag = "members",
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = CreateMemberBody,
    responses((status = 201, body = MemberObject), (status = 400, body = problem::Document), (status = 403, body = problem::Document), (status = 404, body = problem::Document), (status = 409, body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/members")]
pub(crate) async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("members:write")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    require_json(request.head())?;
    let new = parse(&bytes)?;
    let role = new.role;
    let call = caller.call(&app, &request, &fingerprint(&app, &bytes))?;
    let work = async {
        let done = app.gate.add_member(&call, tenant, new).await?;
        Ok(Reply::following(StatusCode::CREATED, MemberObject::of(&app, &done.answer).await?))
    };
    once(&app, &call, app.gate.allow_new_member(&call, tenant, role), work).await
}

fn parse(bytes: &[u8]) -> Result<NewMember, Problem> {
    let mut fields = Fields::parse(bytes)?;
    for needed in ["email", "role"] {
        if !fields.has(needed) {
            fields.wrong(needed, "missing", "add it");
        }
    }
    let email = fields.parsed("email", "write it as name@example.com", str::parse::<Email>);
    let role = fields.parsed("role", "choose owner, admin, developer or auditor", str::parse::<Role>);
    let password = password(&mut fields);
    fields.finish()?;
    match email.zip(role) {
        Some((email, role)) => Ok(NewMember { email, role, password }),
        None => Err(Problem::invalid_field("body", "email and role are needed", "add both")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let said =
            format!("{:?}", parse(br#"{"email":"nobody","role":"king","password":7,"tenant_id":"x"}"#));
        for place in ["body.email", "body.role", "body.password", "body.tenant_id"] {
            assert!(said.contains(place), "{place} in {said}");
        }
        let said = format!("{:?}", parse(br#"{"email":null}"#));
        assert!(said.contains("body.role"), "{said}");
    }

    #[test]
    fn a_password_is_not_shown_where_a_body_is() {
        let new = parse(br#"{"email":"ada@example.com","role":"owner","password":"correct horse"}"#).unwrap();
        let shown = format!("{new:?}");
        assert!(!shown.contains("horse") && !shown.contains("ada"), "{shown}");
    }
}
