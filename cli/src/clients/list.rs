//! `nexus clients list`

use clap::Args;

use super::view;
use crate::client::{Client, Query};
use crate::connection::{OfTenant, Paging};
use crate::failure::Failure;
use crate::output::{self, Format};

/// List clients
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus clients list
  nexus clients list --all --output json | jq -r '.data[].client_id'")]
pub(super) struct ListArgs {
    #[command(flatten)]
    paging: Paging,

    #[command(flatten)]
    tenant: OfTenant,
}

pub(super) fn run(args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let rows = client.list(&args.tenant.path("clients"), &Query::default(), args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = view::table();
    rows.values().for_each(|client| table.row(view::row(&client)));
    table.print("clients")?;
    rows.note_more();
    Ok(())
}
