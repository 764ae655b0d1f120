//! `nexus keys`: the credentials of a tenant, from creation to revocation.

mod change;
mod create;
mod list;
mod requests;
mod revoke;
mod rotate;
mod show;
mod terms;
mod usage;
mod view;

use clap::{Args, Subcommand};
use nexus_domain::ids::KeyId;

pub(crate) use self::revoke::{Why, revoke};
pub(crate) use self::terms::{Bounds, Restriction, duration, instant, restriction};
use crate::connection::{Connection, OfTenant, Rendering};
use crate::failure::Failure;

/// Create, list, change, rotate and revoke keys
///
/// A secret is shown once, when the key is created or rotated; Nexus keeps a digest alone. The tenant is named by
/// --tenant or NEXUS_TENANT.
#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum KeysCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Change(change::ChangeArgs),
    Rotate(rotate::RotateArgs),
    Revoke(revoke::RevokeArgs),
    Usage(usage::UsageArgs),
    Requests(requests::RequestsArgs),
}

/// One key of a tenant.
#[derive(Args)]
struct OneKey {
    /// The key's id
    #[arg(value_name = "KEY")]
    id: KeyId,
    #[command(flatten)]
    tenant: OfTenant,
}

impl OneKey {
    /// The address of the key, or of something of it, such as `/rotate`.
    fn path(&self, rest: &str) -> String {
        self.tenant.path(&format!("keys/{}{rest}", self.id))
    }
}

/// Runs a command about keys.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &KeysArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        KeysCommand::Create(args) => create::run(args, &client, format),
        KeysCommand::List(args) => list::run(args, &client, format),
        KeysCommand::Show(args) => show::run(args, &client, format),
        KeysCommand::Change(args) => change::run(args, &client, format),
        KeysCommand::Rotate(args) => rotate::run(args, &client, format),
        KeysCommand::Revoke(args) => revoke::run(args, &client, format),
        KeysCommand::Usage(args) => usage::run(args, &client, format),
        KeysCommand::Requests(args) => requests::run(args, &client, format),
    }
}
