//! `nexus tenants list`

use clap::Args;

use crate::client::{Client, Query};
use crate::connection::Paging;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{text, time_or};

/// List tenants
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus tenants list
  nexus tenants list --all --output json | jq -r '.data[].id'")]
pub(super) struct ListArgs {
    #[command(flatten)]
    paging: Paging,
}

pub(super) fn run(args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let rows = client.list("/v1/tenants", &Query::default(), args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = Table::new(&["Name", "Dialect", "Status", "Created", "ID"]);
    for tenant in rows.values() {
        table.row(vec![
            text(&tenant, "name"),
            text(&tenant, "dialect"),
            text(&tenant, "status"),
            time_or(&tenant, "created_at", ""),
            text(&tenant, "id"),
        ]);
    }
    table.print("tenants")?;
    rows.note_more();
    Ok(())
}
