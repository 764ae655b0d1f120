//! `nexus integrations`: what a tenant connects, with keys of its own.

mod change;
mod create;
mod list;
mod show;

use clap::{Args, Subcommand};
use nexus_domain::ids::IntegrationId;
use serde_json::Value;

use crate::client::{Answer, Client};
use crate::connection::{Connection, OfTenant, Rendering};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::receipt::receipt;
use crate::table::{Table, print_facts};
use crate::words::{text, time_or};

/// Create, list, change, disable and enable integrations
///
/// Keys may belong to an integration, and in some dialects must. While it is disabled, or its agent is restricted, they are
/// refused; none of them is changed. The tenant is named by --tenant or NEXUS_TENANT.
#[derive(Args)]
pub(crate) struct IntegrationsArgs {
    #[command(subcommand)]
    command: IntegrationsCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum IntegrationsCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Change(change::ChangeArgs),
    Disable(change::DisableArgs),
    Enable(change::EnableArgs),
}

/// One integration of a tenant.
#[derive(Args)]
struct One {
    /// The integration's id
    #[arg(value_name = "INTEGRATION")]
    id: IntegrationId,
    #[command(flatten)]
    tenant: OfTenant,
}

impl One {
    fn path(&self) -> String {
        self.tenant.path(&format!("integrations/{}", self.id))
    }
}

/// Runs a command about integrations.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &IntegrationsArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        IntegrationsCommand::Create(args) => create::run(args, &client, format),
        IntegrationsCommand::List(args) => list::run(args, &client, format),
        IntegrationsCommand::Show(args) => show::run(args, &client, format),
        IntegrationsCommand::Change(args) => change::run(args, &client, format),
        IntegrationsCommand::Disable(args) => change::disable(args, &client, format),
        IntegrationsCommand::Enable(args) => change::enable(args, &client, format),
    }
}

fn table() -> Table {
    Table::new(&["Name", "Type", "Agent", "Status", "Created", "ID"])
}

fn row(integration: &Value) -> Vec<String> {
    vec![
        text(integration, "name"),
        text(integration, "type"),
        text(integration, "agent_id"),
        status(integration),
        time_or(integration, "created_at", ""),
        text(integration, "id"),
    ]
}

fn status(integration: &Value) -> String {
    let enabled = integration.get("enabled").and_then(Value::as_bool).unwrap_or_default();
    if enabled { "enabled" } else { "disabled" }.to_owned()
}

fn print(answer: &Answer, client: &Client, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let integration: Value = answer.parse(client)?;
    print_facts(&[
        ("Name", text(&integration, "name")),
        ("ID", text(&integration, "id")),
        ("Type", text(&integration, "type")),
        ("Agent", text(&integration, "agent_id")),
        ("Status", status(&integration)),
        ("Created", time_or(&integration, "created_at", "")),
        ("Receipt", receipt(&integration, "in force on")),
    ])
}
