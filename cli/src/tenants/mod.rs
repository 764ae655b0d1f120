//! `nexus tenants`: the customers who own keys.

mod create;
mod list;
mod rename;
mod show;
mod standing;

use clap::{Args, Subcommand};
use nexus_domain::ids::TenantId;
use serde_json::Value;

use crate::client::{Answer, Client};
use crate::connection::{Connection, Rendering};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::receipt::receipt;
use crate::table::print_facts;
use crate::words::{text, time_or};

/// Create, list, rename, suspend and resume tenants
///
/// A tenant is a customer who owns keys. Its dialect says what its credentials look like, how they are sent and what a
/// refusal reads like, and stays for good.
#[derive(Args)]
pub(crate) struct TenantsArgs {
    #[command(subcommand)]
    command: TenantsCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum TenantsCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Rename(rename::RenameArgs),
    Suspend(standing::SuspendArgs),
    Resume(standing::ResumeArgs),
}

/// Runs a command about tenants.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &TenantsArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        TenantsCommand::Create(args) => create::run(args, &client, format),
        TenantsCommand::List(args) => list::run(args, &client, format),
        TenantsCommand::Show(args) => show::run(args, &client, format),
        TenantsCommand::Rename(args) => rename::run(args, &client, format),
        TenantsCommand::Suspend(args) => standing::suspend(args, &client, format),
        TenantsCommand::Resume(args) => standing::resume(args, &client, format),
    }
}

fn path(tenant: TenantId, rest: &str) -> String {
    format!("/v1/tenants/{tenant}{rest}")
}

fn print(answer: &Answer, client: &Client, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let tenant: Value = answer.parse(client)?;
    print_facts(&[
        ("Name", text(&tenant, "name")),
        ("ID", text(&tenant, "id")),
        ("Dialect", text(&tenant, "dialect")),
        ("Status", text(&tenant, "status")),
        ("Created", time_or(&tenant, "created_at", "")),
        ("Receipt", receipt(&tenant, "in force on")),
    ])
}
