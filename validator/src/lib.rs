//! A validating node's library: every credential of its dialects in memory, a verdict without
//! locks, allocation or IO, and a journal of what was decided. Sees neither SQL nor HTTP.
//!
//! [`Validator::apply`] takes what the feed brings, [`lease::Lease`] says whether it may be answered from,
//! [`Validator::verify_credential`] and [`Validator::verify_headers`] answer, and
//! [`usage_journal::UsageJournal::record`] remembers. [`budget::Budgets::admit`] counts requests against rate limits.

pub mod budget;
pub mod bus;
pub mod cache;
pub mod clock;
pub mod control;
pub mod dpop;
mod intake;
pub mod lease;
mod limits;
pub mod node;
pub mod read_through;
mod rows;
mod shard;
mod table;
pub mod tasks;
mod tokens;
pub mod usage_journal;
mod verify;

pub use self::limits::Limits;
pub use self::tokens::SecretKeys;
pub use self::verify::{Decision, Fetched, Sight, Subject, UnknownDialect, Validator};
