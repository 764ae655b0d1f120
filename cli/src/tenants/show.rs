//! `nexus tenants show`

use clap::Args;
use nexus_domain::ids::TenantId;

use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::Format;

/// Show a tenant
#[derive(Args)]
#[command(after_help = "Example:\n  nexus tenants show 3714240b-2e06-4c35-8856-ccc1c096323e")]
pub(super) struct ShowArgs {
    /// The tenant's id
    #[arg(value_name = "TENANT")]
    id: TenantId,
}

pub(super) fn run(args: &ShowArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.get(&super::path(args.id, ""), &Query::default())?;
    super::print(&answer, client, format)
}
