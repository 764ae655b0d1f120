//! `nexus agents`: what integrations are connected to.

mod change;
mod create;
mod list;
mod show;

use clap::{Args, Subcommand};
use nexus_domain::ids::AgentId;
use serde_json::Value;

use crate::client::{Answer, Client};
use crate::connection::{Connection, OfTenant, Rendering};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::receipt::receipt;
use crate::table::{Table, print_facts};
use crate::words::{text, time_or};

/// Create, list, rename, restrict and release agents
///
/// Integrations are connected to an agent. While it is restricted, the keys of all of them are refused; none of them is
/// changed. The tenant is named by --tenant or NEXUS_TENANT.
#[derive(Args)]
pub(crate) struct AgentsArgs {
    #[command(subcommand)]
    command: AgentsCommand,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rendering: Rendering,
}

#[derive(Subcommand)]
enum AgentsCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Rename(change::RenameArgs),
    Restrict(change::RestrictArgs),
    Release(change::ReleaseArgs),
}

/// One agent of a tenant.
#[derive(Args)]
struct One {
    /// The agent's id
    #[arg(value_name = "AGENT")]
    id: AgentId,
    #[command(flatten)]
    tenant: OfTenant,
}

impl One {
    fn path(&self) -> String {
        self.tenant.path(&format!("agents/{}", self.id))
    }
}

/// Runs a command about agents.
///
/// # Errors
/// [`Failure`]
pub(crate) fn run(args: &AgentsArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let format = args.rendering.output;
    match &args.command {
        AgentsCommand::Create(args) => create::run(args, &client, format),
        AgentsCommand::List(args) => list::run(args, &client, format),
        AgentsCommand::Show(args) => show::run(args, &client, format),
        AgentsCommand::Rename(args) => change::rename(args, &client, format),
        AgentsCommand::Restrict(args) => change::restrict(args, &client, format),
        AgentsCommand::Release(args) => change::release(args, &client, format),
    }
}

fn table() -> Table {
    Table::new(&["Name", "Status", "Created", "ID"])
}

fn row(agent: &Value) -> Vec<String> {
    vec![text(agent, "name"), text(agent, "status"), time_or(agent, "created_at", ""), text(agent, "id")]
}

fn print(answer: &Answer, client: &Client, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let agent: Value = answer.parse(client)?;
    print_facts(&[
        ("Name", text(&agent, "name")),
        ("ID", text(&agent, "id")),
        ("Status", text(&agent, "status")),
        ("Created", time_or(&agent, "created_at", "")),
        ("Receipt", receipt(&agent, "in force on")),
    ])
}
