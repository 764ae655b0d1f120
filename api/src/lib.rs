//! Nexus over HTTP: management REST, verification, forward auth, and the loops that feed an API
//! node's own validator.

pub mod agents;
pub mod app;
pub mod audit;
pub mod body;
pub mod docs;
pub mod events;
pub mod expiry;
pub mod health;
pub mod integrations;
pub mod jwt_secrets;
pub mod key_set;
pub mod keys;
pub mod methods;
pub mod nodes;
pub mod once;
pub mod openapi;
pub mod principal;
pub mod problem;
pub mod projections;
pub mod query;
pub mod receipt;
pub mod request;
pub mod tenants;
pub mod verification;
