//! `nexus tokens`: access and refresh tokens that can be used, and their end.

mod list;
mod revoke;

use clap::{Args, Subcommand};

use crate::connection::{Connection, Rendering};
use crate::failure::Failure;

/// List the tokens that OAuth clients got, and revoke them
///
/// A token itself is shown to nobody but the client that gets it. The tenant is named by --tenant or NEXUS_TENANT.
#[derive(Args)]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    command: TokensCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum TokensCommand {
    List(list::ListArgs),
    Revoke(revoke::RevokeArgs),
}

/// What was typed as one segment of an address, whatever it holds.
pub(crate) fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut segment, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
        segment
    })
}

/// Runs a command about tokens.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &TokensArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        TokensCommand::List(args) => list::run(args, &client, format),
        TokensCommand::Revoke(args) => revoke::run(args, &client, format),
    }
}
