//! The product as its users meet it: real processes, real HTTP, real stores.

mod configuration;
mod contract;
mod dependencies;
mod dialects;
mod forward_auth;
mod isolation;
mod nodes;
mod refusals;
mod security;
mod sixth_dialect;
mod walk;
