//! `nexus keys list`

use clap::{Args, ValueEnum};
use nexus_domain::ids::IntegrationId;

use super::view;
use crate::client::{Client, Query};
use crate::connection::{OfTenant, Paging};
use crate::failure::Failure;
use crate::output::{self, Format};

/// List keys
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus keys list
  nexus keys list --status active --all
  nexus keys list --all --output json | jq -r '.data[] | select(.last_used_at == null) | .id'")]
pub(super) struct ListArgs {
    /// Which ones
    #[arg(long, value_enum, default_value_t = Status::All)]
    status: Status,

    /// Those of one integration alone
    #[arg(long, value_name = "INTEGRATION")]
    integration: Option<IntegrationId>,

    #[command(flatten)]
    paging: Paging,

    #[command(flatten)]
    tenant: OfTenant,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Active,
    Revoked,
    Expired,
    All,
}

pub(super) fn run(args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let (status, what) = match args.status {
        Status::Active => ("active", "active keys"),
        Status::Revoked => ("revoked", "revoked keys"),
        Status::Expired => ("expired", "expired keys"),
        Status::All => ("all", "keys"),
    };
    let mut query = Query::default();
    query.add("status", Some(status));
    query.add("integration_id", args.integration);
    let rows = client.list(&args.tenant.path("keys"), &query, args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = view::table();
    rows.values().for_each(|key| table.row(view::row(&key)));
    table.print(what)?;
    rows.note_more();
    Ok(())
}
