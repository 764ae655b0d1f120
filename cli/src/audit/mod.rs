//! `nexus audit`: who did what, when and from where.

mod details;
mod export;
mod filter;
mod search;

use clap::{Args, Subcommand};

use crate::connection::Connection;
use crate::failure::Failure;

/// Search and export the audit log
#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Subcommand)]
enum AuditCommand {
    Search(search::SearchArgs),
    Export(export::ExportArgs),
}

/// Runs a command about the audit log.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &AuditArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    match &args.command {
        AuditCommand::Search(args) => search::run(args, &client),
        AuditCommand::Export(args) => export::run(args, &client),
    }
}
