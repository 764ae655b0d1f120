//! Nexus over HTTP: management REST, verification, forward auth, and the loops that feed an API
//! node's own validator.

pub mod agents;
pub mod app;
pub mod audit;
pub mod authentication_limits;
pub mod body;
pub mod clients;
pub mod docs;
pub mod events;
pub mod expiry;
pub mod health;
mod https_only;
pub mod integrations;
pub mod jwt_secrets;
pub mod key_set;
pub mod keys;
pub mod members;
pub mod methods;
pub mod nodes;
pub mod oauth;
pub mod once;
pub mod openapi;
pub mod pages;
pub mod principal;
pub mod problem;
pub mod projections;
pub mod query;
pub mod receipt;
pub mod request;
pub mod session;
pub mod tenants;
pub mod tokens;
pub mod verification;
