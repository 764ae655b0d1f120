//! Read models: folds of the log into tables that answer questions. Each projection is a room with its rows, its fold and
//! its queries; [`Projections`] runs them, waits for them and rebuilds them.
//!
//! A projection commits its rows and its checkpoint in one transaction, so it is at every moment exact for a position of the
//! log: never half an event, never an event twice, whichever of several processes folds.

pub mod agent_list;
pub mod audit_trail;
mod builds;
mod bulk;
pub mod credential_lookup;
mod cursor;
mod documents;
mod error;
mod event;
mod feed;
mod handle;
pub mod integration_list;
mod keeper;
pub mod key_list;
pub mod member_list;
mod newest_first;
pub mod oauth;
mod projection;
mod reader;
mod rebuild;
mod runner;
mod shared;
pub mod tenant_list;
pub mod usage;

pub use cursor::{LONGEST_PAGE, Page};
pub use error::{FoldError, Lagging, QueryError, RebuildError};
pub use event::{Batch, Body, Circumstances, Event};
pub use handle::{Progress, Projections, Rebuild, Status, all};
pub use projection::{Build, Projection, Rows, Stored, Sums, Table};

#[cfg(test)]
mod tests;
