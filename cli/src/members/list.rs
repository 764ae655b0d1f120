//! `nexus members list`

use clap::Args;

use crate::client::{Client, Query};
use crate::connection::{OfTenant, Paging};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{text, text_or, time_or};

/// List the members of a tenant
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus members list
  nexus members list --tenant 00000000-0000-7000-8000-000000000001 --output json | jq -r '.data[].email'")]
pub(super) struct ListArgs {
    #[command(flatten)]
    tenant: OfTenant,
    #[command(flatten)]
    paging: Paging,
}

pub(super) fn run(args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let rows = client.list(&args.tenant.path("members"), &Query::default(), args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = Table::new(&["E-mail", "Role", "Password", "Since", "ID"]);
    for member in rows.values() {
        table.row(vec![
            text_or(&member, "email", "erased"),
            text(&member, "role"),
            super::password_words(&member),
            time_or(&member, "created_at", ""),
            text(&member, "id"),
        ]);
    }
    table.print("members")?;
    rows.note_more();
    Ok(())
}
