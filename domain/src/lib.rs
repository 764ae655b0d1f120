//! The rules of Nexus, pure: aggregates, events, dialects and verification.
//!
//! Nothing here reads a clock, draws a random number or does IO. What a decision needs comes in
//! its command; what it decides goes out as events. [`verification::verdict`] is the one function
//! that API nodes, validating nodes and tests ask whether a credential may do something.

pub mod agent;
pub mod client;
pub mod credential;
pub mod dialect;
pub mod dpop;
pub mod duration;
pub mod grant;
pub mod ids;
pub mod instant;
pub mod integration;
pub mod jwt;
pub mod jwt_secret;
pub mod key;
pub mod member;
pub mod network;
pub mod rate_limit;
pub mod scope;
pub mod session;
pub mod signing_key;
pub mod tenant;
pub mod token;
pub mod usage;
pub mod validity;
pub mod verification;
pub mod webhook_signature;
