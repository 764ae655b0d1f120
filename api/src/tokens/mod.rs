//! Access and refresh tokens over REST: those that can be used, and their end.

mod list;
mod object;
mod revoke;

use actix_web::web;

pub(crate) use self::list::__path_list;
pub use self::list::TokenPage;
pub use self::object::{RevokedToken, TokenObject};
pub(crate) use self::revoke::__path_revoke;

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list::list).service(revoke::revoke);
}
