//! Validating nodes: their streams, the rights that they are given, and the barrier that waits for them. The API node's own
//! table is one of them.

pub mod barrier;
pub mod budgets;
pub mod bus;
pub mod connection;
pub mod deltas;
pub mod feed;
pub mod holders;
pub mod log;
pub mod plane;
pub mod ports;
pub mod registry;
pub mod roster;
pub mod settle;
mod stream;
pub mod usage;
mod warden;

use actix_web::web;

/// On a connection whose client showed a certificate that nodes must show.
#[derive(Debug, Clone, Copy)]
pub struct Certified;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(stream::stream);
}
