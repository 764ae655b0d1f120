//! Measurements of Nexus, each beside a baseline that does the least that could be called the same work. The two take
//! turns within one run, so that a busy machine slows both; what counts is their ratio.
//!
//! [`run`] is the program `nexus-bench`; [`keys`] is what its second program, `nexus-bench-memory`, fills a table with.

use std::error::Error;

mod append;
mod barrier;
mod command;
mod http;
mod introspect;
mod issue;
pub mod keys;
mod log;
pub mod memory;
mod node;
pub mod output;
mod process;
mod random;
mod rate;
mod rebuild;
mod report;
mod rounds;
mod sizes;
mod start;
mod store;
mod timer;
mod tokens;
mod verify;

pub use command::run;

/// Whatever stops a measurement: there is nobody to handle it, only somebody to read it.
pub type Failure = Box<dyn Error + Send + Sync>;
