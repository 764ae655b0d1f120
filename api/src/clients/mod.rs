//! OAuth clients over REST.

mod body;
mod change;
mod list;
mod object;
mod register;
mod revoke;
mod rotate;
mod show;

use actix_web::web;
use nexus_domain::ids::{KeyId, TenantId};
use uuid::Uuid;

pub use self::body::{ChangeClientBody, RegisterClientBody};
pub(crate) use self::change::__path_change;
pub(crate) use self::list::__path_list;
pub use self::list::ClientPage;
pub use self::object::{
    ChangedClient, ClientObject, ClientSecretObject, ClientWithSecret, RevokedClient, RotatedClient,
};
pub(crate) use self::register::__path_register;
pub(crate) use self::revoke::__path_revoke;
pub(crate) use self::rotate::__path_rotate;
pub(crate) use self::show::__path_show;
use crate::principal::Caller;
use crate::problem::Problem;
use crate::tenants::tenant_id;

/// Tenant and client of a path, visible to the caller as far as the ids tell. A client is named by its id, or by its public
/// `client_id`.
fn addressed(caller: &Caller, path: &(String, String)) -> Result<(TenantId, KeyId), Problem> {
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    let client = client_id(&path.1).ok_or_else(Problem::not_found)?;
    Ok((tenant, client))
}

/// The id of a client that is named by it, or by its public `client_id`, which ends in the same digits.
pub(crate) fn client_id(text: &str) -> Option<KeyId> {
    let public = || {
        let digits = text.get(text.len().checked_sub(32)?..)?;
        Uuid::try_parse(digits).ok().map(KeyId::new).filter(|_| text.len() > 32)
    };
    text.parse().ok().or_else(public)
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(register::register)
        .service(list::list)
        .service(show::show)
        .service(change::change)
        .service(rotate::rotate)
        .service(revoke::revoke);
}
