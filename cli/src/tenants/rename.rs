//! `nexus tenants rename`

use clap::Args;
use nexus_domain::ids::TenantId;
use serde_json::json;

use crate::client::Client;
use crate::failure::Failure;
use crate::output::Format;

/// Give a tenant another name
#[derive(Args)]
#[command(
    after_help = "Example:\n  nexus tenants rename 3714240b-2e06-4c35-8856-ccc1c096323e --name 'Acme Ltd'"
)]
pub(super) struct RenameArgs {
    /// The tenant's id
    #[arg(value_name = "TENANT")]
    id: TenantId,

    /// The new name, 1 to 100 characters
    #[arg(long)]
    name: String,
}

pub(super) fn run(args: &RenameArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.patch(&super::path(args.id, ""), &json!({"name": args.name}))?;
    super::print(&answer, client, format)
}
