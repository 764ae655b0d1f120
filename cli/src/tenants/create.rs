//! `nexus tenants create`

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::failure::Failure;
use crate::output::Format;

/// Create a tenant
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus tenants create --name 'Acme Shop' --dialect nexuscommerce
  export NEXUS_TENANT=$(nexus tenants create --name Acme --dialect nexus --output json | jq -r .id)")]
pub(super) struct CreateArgs {
    /// A name for people, 1 to 100 characters
    #[arg(long)]
    name: String,

    /// The dialect of its keys, for good, such as nexus
    #[arg(long)]
    dialect: String,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.post("/v1/tenants", &json!({"name": args.name, "dialect": args.dialect}))?;
    super::print(&answer, client, format)
}
