//! `nexus integrations create`

use clap::Args;
use nexus_domain::ids::AgentId;
use serde_json::{Map, json};

use crate::client::Client;
use crate::connection::OfTenant;
use crate::failure::Failure;
use crate::output::Format;

/// Create an integration, enabled
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus integrations create --name Website --agent $AGENT
  INTEGRATION=$(nexus integrations create --name Website --agent $AGENT --output json | jq -r .id)
  nexus keys create --name 'Chat widget' --integration $INTEGRATION --scope read")]
pub(super) struct CreateArgs {
    /// A name for people, 1 to 100 characters
    #[arg(long)]
    name: String,

    /// The agent that it is connected to; required where the dialect's integrations have one
    #[arg(long, value_name = "AGENT")]
    agent: Option<AgentId>,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let mut body = Map::from_iter([("name".to_owned(), json!(args.name)), ("type".to_owned(), json!("api"))]);
    body.extend(args.agent.map(|agent| ("agent_id".to_owned(), json!(agent))));
    super::print(&client.post(&args.tenant.path("integrations"), &body.into())?, client, format)
}
