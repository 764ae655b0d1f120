//! The `nexus` program: reads the command line, runs one command, and turns its outcome into an exit code: 0 done,
//! 1 refused or failed with one line why on stderr, 2 wrong usage.

mod agents;
mod audit;
mod client;
mod clients;
mod command;
mod completions;
mod connection;
mod failure;
mod integrations;
mod json;
mod jwt_secrets;
mod keys;
mod members;
mod nodes;
mod output;
mod projections;
mod receipt;
mod server;
mod table;
mod tenants;
mod text;
mod tokens;
mod verify;
mod words;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Servers make and drop many small things on several threads, which the C library's allocator does slowly.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match command::Cli::read().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
