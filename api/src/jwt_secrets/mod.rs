//! Secrets for service JWTs over REST.

mod body;
mod issue;
mod list;
mod object;
mod revoke;
mod rotate;
mod show;

use actix_web::web;
use nexus_domain::ids::{JwtSecretId, TenantId};

pub use self::body::{IssueJwtSecretBody, RotateJwtSecretBody};
pub(crate) use self::issue::__path_issue;
pub(crate) use self::list::__path_list;
pub use self::list::JwtSecretPage;
pub use self::object::{
    IssuedJwtSecret, JwtSecretObject, JwtSecretVersionObject, RevokedJwtSecret, RotatedJwtSecret,
};
pub(crate) use self::revoke::__path_revoke;
pub(crate) use self::rotate::__path_rotate;
pub(crate) use self::show::__path_show;
use crate::principal::Caller;
use crate::problem::Problem;
use crate::tenants::tenant_id;

/// Tenant and secret of a path, visible to the caller as far as the ids tell.
fn addressed(caller: &Caller, path: &(String, String)) -> Result<(TenantId, JwtSecretId), Problem> {
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    let secret = path.1.parse().map_err(|_| Problem::not_found())?;
    Ok((tenant, secret))
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(issue::issue)
        .service(list::list)
        .service(show::show)
        .service(rotate::rotate)
        .service(revoke::revoke);
}
