//! Keys over REST.

mod body;
mod change;
mod issue;
mod list;
mod object;
mod requests;
mod revoke;
mod rotate;
mod show;
mod usage;

use actix_web::web;
use nexus_domain::ids::{KeyId, TenantId};

pub use self::body::{ChangeKeyBody, IssueKeyBody, RevokeKeyBody, RotateKeyBody};
pub(crate) use self::body::{lifespan, networks, revoke as revocation};
pub(crate) use self::change::__path_change;
pub(crate) use self::issue::__path_issue;
pub(crate) use self::list::__path_list;
pub use self::list::KeyPage;
pub use self::object::{
    ChangedKey, KeyObject, KeyWithSecret, RevokedKey, RotatedKey, SecretVersionObject, listed, up_to_date,
};
pub(crate) use self::requests::__path_requests;
pub use self::requests::{RequestObject, RequestPage};
pub(crate) use self::revoke::__path_revoke;
pub(crate) use self::rotate::__path_rotate;
pub(crate) use self::show::__path_show;
pub(crate) use self::usage::__path_usage;
pub use self::usage::{UsageObject, UsageStep};
use crate::principal::Caller;
use crate::problem::Problem;
use crate::tenants::tenant_id;

/// Tenant and key of a path, visible to the caller as far as the ids tell.
fn addressed(caller: &Caller, path: &(String, String)) -> Result<(TenantId, KeyId), Problem> {
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    let key = path.1.parse().map_err(|_| Problem::not_found())?;
    Ok((tenant, key))
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(issue::issue)
        .service(list::list)
        .service(show::show)
        .service(change::change)
        .service(rotate::rotate)
        .service(revoke::revoke)
        .service(usage::usage)
        .service(requests::requests);
}
