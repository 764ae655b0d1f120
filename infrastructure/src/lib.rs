//! What surrounds the domain: the journal and the gate to it, the registry of API nodes, the message bus, clock,
//! entropy, encryption, configuration.

pub mod bus;
pub mod clock;
pub mod config;
pub mod database;
pub mod dialects;
pub mod entropy;
pub mod gate;
pub mod journal;
pub mod member_sessions;
pub mod passwords;
pub mod personal_data;
pub mod pushed_requests;
pub mod rate_budgets;
pub mod registry;
pub mod sealed_secrets;
pub mod signing;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod vault;
