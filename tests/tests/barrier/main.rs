//! The promise behind a revocation, with real processes: once it is answered, nobody accepts what was revoked, whatever has
//! been frozen, killed or cut off. Every test lets an observer ask all nodes all the time and judges by the observer's clock
//! alone: no question that was asked after the answer may be accepted.
//!
//! Times are bounded with an allowance for the machine that is measured and not guessed: see [`judge`].
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what a test cannot have fails it, in its helpers as well; it measures real time and says what it skips"
)]

mod certificates;
mod cluster;
mod judge;
mod namespace;

mod changes;
mod chaos;
mod clock;
mod cloned;
mod credential;
mod cut_off;
mod frozen_api;
mod frozen_validator;
mod killed;
mod mutual_tls;
mod network;
mod rate_limits;
mod repeated;
mod restarted_api;
mod servers;
mod usage;
