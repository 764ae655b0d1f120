//! `nexus integrations list`

use clap::Args;

use crate::client::{Client, Query};
use crate::connection::{OfTenant, Paging};
use crate::failure::Failure;
use crate::output::{self, Format};

/// List integrations
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus integrations list
  nexus integrations list --all --output json | jq -r '.data[].id'")]
pub(super) struct ListArgs {
    #[command(flatten)]
    paging: Paging,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let rows = client.list(&args.tenant.path("integrations"), &Query::default(), args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = super::table();
    rows.values().for_each(|integration| table.row(super::row(&integration)));
    table.print("integrations")?;
    rows.note_more();
    Ok(())
}
