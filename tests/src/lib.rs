//! What the cross-crate tests stand on: real `nexus` processes on stores of their own, and an HTTP client that takes
//! every status as an answer.
//!
//! ```no_run
//! # use nexus_tests::{Node, Options, Store, stores};
//! # use serde_json::json;
//! for store in stores() {
//!     let node = Node::serve(&store, &Options::default());
//!     let answer = node.admin().post("/v1/tenants", &json!({"name": "Acme", "dialect": "nexus"}));
//!     assert_eq!(answer.status, 201);
//! }
//! ```
//!
//! A node that is dropped is killed; its log is printed where the test is failing. A store is removed with its last clone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot have what it needs should stop there and say so; it measures real time"
)]

pub mod api;
pub mod broker;
pub mod browser;
pub mod command;
pub mod http;
pub mod node;
pub mod observer;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod store;
pub mod validator;
pub mod wait;

pub use self::api::{Issued, Keys, Tenant, receipt, verify, verify_with};
pub use self::browser::Browser;
pub use self::command::{Finished, nexus, run};
pub use self::http::{Answer, Client, raw};
pub use self::node::{Node, Options};
pub use self::observer::{Observer, Seen, Target, Verdict};
pub use self::process::Process;
pub use self::proxy::Proxy;
pub use self::store::{Store, stores};
pub use self::validator::{Surroundings, Validator, free_port, node_credential};
pub use self::wait::{eventually, patience, until};
