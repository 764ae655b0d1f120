//! Members of a tenant and their sessions, over REST.

mod consents;
mod create;
mod erase;
mod list;
mod password;
mod remove;
mod sessions;

use actix_web::web;
use chrono::{DateTime, Utc};
use nexus_domain::ids::{MemberId, TenantId};
use nexus_domain::member::{Email, Password};
use nexus_infrastructure::gate::IdentifiedMember;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::create::__path_create;
pub use self::create::CreateMemberBody;
pub(crate) use self::erase::__path_erase;
pub(crate) use self::list::__path_list;
pub use self::list::MemberPage;
pub(crate) use self::password::__path_set_password;
pub use self::password::SetPasswordBody;
pub(crate) use self::remove::__path_remove;
pub(crate) use self::sessions::{__path_end_session, __path_list_sessions};
pub use self::sessions::{SessionObject, SessionPage};
use crate::app::App;
use crate::body::Fields;
use crate::principal::Caller;
use crate::problem::Problem;
use crate::tenants::tenant_id;

/// A member as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberObject {
    /// Its id.
    #[schema(value_type = String, example = "mem_019abc0011227000800000000000cccc")]
    pub id: MemberId,
    /// The e-mail address; `null` where it was erased.
    #[schema(example = "ada@example.com")]
    pub email: Option<String>,
    /// `owner`, `admin`, `developer` or `auditor`.
    #[schema(example = "developer")]
    pub role: &'static str,
    /// Since when the password is the present one; `null`: the member has none, and cannot sign in.
    pub password_set_at: Option<DateTime<Utc>>,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

impl MemberObject {
    async fn of(app: &App, identified: &IdentifiedMember) -> Result<Self, Problem> {
        let member = &identified.member;
        Ok(Self {
            id: identified.member_id,
            email: app.gate.email_of(member).await?.as_ref().map(exposed),
            role: member.role.as_str(),
            password_set_at: member.password_set_at,
            created_at: member.added_at,
        })
    }
}

fn exposed(email: &Email) -> String {
    email.expose().to_owned()
}

/// Tenant and member of a path, visible to the caller as far as the ids tell.
fn addressed(caller: &Caller, path: &(String, String)) -> Result<(TenantId, MemberId), Problem> {
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    let member = path.1.parse().map_err(|_| Problem::not_found())?;
    Ok((tenant, member))
}

/// The field `password` of a body.
fn password(fields: &mut Fields) -> Option<Password> {
    fields.text("password").map(Password::presented)
}

/// What a request is recognised by when it is repeated. Its body holds a password, of which no hash may be kept that somebody
/// without the master key could try passwords against.
fn fingerprint(app: &App, body: &[u8]) -> Vec<u8> {
    app.gate.keyed_hash("repeated request", body).into_bytes()
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(create::create)
        .service(list::list)
        .service(remove::remove)
        .service(erase::erase)
        .service(password::set_password)
        .service(sessions::list_sessions)
        .service(sessions::end_session);
}
