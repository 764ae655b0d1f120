//! `nexus agents create`

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::connection::OfTenant;
use crate::failure::Failure;
use crate::output::Format;

/// Create an agent
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus agents create --name Support
  AGENT=$(nexus agents create --name Support --output json | jq -r .id)")]
pub(super) struct CreateArgs {
    /// A name for people, 1 to 100 characters
    #[arg(long)]
    name: String,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    super::print(&client.post(&args.tenant.path("agents"), &json!({"name": args.name}))?, client, format)
}
