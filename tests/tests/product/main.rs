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
mod command_line;
mod configuration;
mod contract;
mod dependencies;
mod dialects;
mod embedded_example;
mod envoy;
mod forward_auth;
mod isolation;
mod node_streams;
mod nodes;
mod refusals;
mod repetition;
mod security;
mod sixth_dialect;
mod tokens;
mod walk;
