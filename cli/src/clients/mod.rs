//! `nexus clients`: the OAuth clients of a tenant.

mod create;
mod list;
mod revoke;
mod rotate;
mod show;
mod update;
mod view;

use clap::{Args, Subcommand};

use crate::connection::{Connection, OfTenant, Rendering};
use crate::failure::Failure;

/// Create, list, update, rotate and revoke OAuth clients
///
/// A client gets access tokens: a server for itself, an app for people who agree to it. Its secret is shown once, when it is
/// created or rotated; Nexus keeps a digest alone. The tenant is named by --tenant or NEXUS_TENANT.
#[derive(Args)]
pub(crate) struct ClientsArgs {
    #[command(subcommand)]
    command: ClientsCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum ClientsCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Update(update::UpdateArgs),
    Rotate(rotate::RotateArgs),
    Revoke(revoke::RevokeArgs),
}

/// One client of a tenant.
#[derive(Args)]
struct OneClient {
    /// The client's id, or its client_id
    #[arg(value_name = "CLIENT")]
    id: String,
    #[command(flatten)]
    tenant: OfTenant,
}

impl OneClient {
    /// The address of the client, or of something of it, such as `/rotate`.
    fn path(&self, rest: &str) -> String {
        self.tenant.path(&format!("clients/{}{rest}", crate::tokens::segment(&self.id)))
    }
}

/// Runs a command about clients.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &ClientsArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        ClientsCommand::Create(args) => create::run(args, &client, format),
        ClientsCommand::List(args) => list::run(args, &client, format),
        ClientsCommand::Show(args) => show::run(args, &client, format),
        ClientsCommand::Update(args) => update::run(args, &client, format),
        ClientsCommand::Rotate(args) => rotate::run(args, &client, format),
        ClientsCommand::Revoke(args) => revoke::run(args, &client, format),
    }
}
