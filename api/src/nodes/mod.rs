//! Validating nodes: their streams, the rights that they are given, and the barrier that waits for them. The API node's own
//! table is one of them.

pub mod barrier;
pub mod budgets;
pub mod bus;
pub mod connection;
mod create;
pub mod deltas;
pub mod feed;
pub mod holders;
mod list;
pub mod log;
pub mod plane;
pub mod ports;
pub mod registry;
pub mod roster;
pub mod settle;
pub mod status;
mod stream;
pub mod streams;
pub mod usage;
mod warden;

use actix_web::web;

pub(crate) use self::create::__path_create;
pub use self::create::{CreateNodeBody, NodeCredentialObject, NodeWithCredential};
pub(crate) use self::list::__path_list;
pub use self::list::{LeaseObject, NodeObject, NodePage};
pub(crate) use self::stream::__path_stream;

/// On a connection whose client showed a certificate that nodes must show.
#[derive(Debug, Clone, Copy)]
pub struct Certified;

/// Registers the routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.app_data(web::Data::new(stream::Worker::default()));
    config.service(create::create).service(list::list).service(stream::stream);
}
