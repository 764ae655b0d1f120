//! A node's side of the control stream: it follows the log and holds the right to answer.
//!
//! [`follower::Follower`] knows what to do, without IO; [`client::ControlClient`] does it over a [`link`]; [`websocket`] is the
//! real one.

pub mod client;
mod failures;
pub mod follower;
pub mod link;
pub mod message;
pub mod observer;
pub mod shipper;
pub mod wanted;
pub mod websocket;
