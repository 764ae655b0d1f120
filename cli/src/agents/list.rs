//! `nexus agents list`

use clap::Args;

use crate::client::{Client, Query};
use crate::connection::{OfTenant, Paging};
use crate::failure::Failure;
use crate::output::{self, Format};

/// List agents
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus agents list
  nexus agents list --all --output json | jq -r '.data[].id'")]
pub(super) struct ListArgs {
    #[command(flatten)]
    paging: Paging,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let rows = client.list(&args.tenant.path("agents"), &Query::default(), args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = super::table();
    rows.values().for_each(|agent| table.row(super::row(&agent)));
    table.print("agents")?;
    rows.note_more();
    Ok(())
}
