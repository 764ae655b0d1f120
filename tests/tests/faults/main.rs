//! What happens to real processes: killed, frozen, cut off from their servers, without disk. Each test names the property
//! that must hold through it. Tests that break a server start one of their own; where its program is missing they say so.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what a test cannot have fails it, in its helpers as well; it measures real time and says what it skips"
)]

mod commands;
mod consumer;
mod load;
mod log;

mod broker_outage;
mod crash;
mod database_restart;
mod drain;
mod full_disk;
mod moved_folder;
mod quota;
mod relay_failover;
mod replay;
mod second_road;
mod unreadable;
mod usage;
