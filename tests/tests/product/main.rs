//! The product as its users meet it: real processes, real HTTP, real stores.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what a test cannot have fails it, in its helpers as well; it says what it skips"
)]

mod access_tokens;
mod amqp_example;
mod barrier_example;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../barrier/certificates.rs"]
mod certificates;
mod command_line;
mod configuration;
mod contract;
mod dependencies;
mod dialects;
mod embedded_example;
mod envoy;
mod forward_auth;
mod https_only;
mod isolation;
mod members;
mod node_streams;
mod nodes;
mod oauth;
mod product_routes;
mod refusals;
mod repetition;
mod security;
mod sign_in;
mod sixth_dialect;
mod tls;
mod tokens;
mod walk;
