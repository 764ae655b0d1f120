//! `nexus nodes`: the processes that validate, and their credentials.

mod create;
mod list;
mod revoke;

use clap::{Args, Subcommand};

use crate::connection::{Connection, Rendering};
use crate::failure::Failure;

const PATH: &str = "/v1/nodes";

/// Create credentials for validating nodes, list the nodes, and revoke their credentials
///
/// A validating node is a process that answers from memory whether a credential may do something: `nexus validator`. API
/// nodes do so as well, and are listed with them.
#[derive(Args)]
pub(crate) struct NodesArgs {
    #[command(subcommand)]
    command: NodesCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum NodesCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Revoke(revoke::RevokeArgs),
}

/// Runs a command about nodes.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &NodesArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        NodesCommand::Create(args) => create::run(args, &client, format),
        NodesCommand::List(args) => list::run(args, &client, format),
        NodesCommand::Revoke(args) => revoke::run(args, &client, format),
    }
}
