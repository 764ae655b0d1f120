//! `nexus tokens list`

use clap::{Args, ValueEnum};

use crate::client::{Client, Query};
use crate::connection::{OfTenant, Paging};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{text, time_or};

/// List tokens
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus tokens list
  nexus tokens list --status all --client CLIENT")]
pub(super) struct ListArgs {
    /// Which ones
    #[arg(long, value_enum, default_value_t = Status::Active)]
    status: Status,

    /// Of this client alone: its id, or its client_id
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,

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
        Status::Active => ("active", "active tokens"),
        Status::Revoked => ("revoked", "revoked tokens"),
        Status::Expired => ("expired", "expired tokens"),
        Status::All => ("all", "tokens"),
    };
    let mut query = Query::default();
    query.add("status", Some(status));
    query.add("client", args.client.as_deref());
    let rows = client.list(&args.tenant.path("tokens"), &query, args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = Table::new(&["Client", "Kind", "Subject", "Scopes", "Issued", "Expires", "Status", "ID"]);
    for token in rows.values() {
        table.row(vec![
            text(&token, "client_name"),
            text(&token, "kind"),
            text(&token, "subject"),
            text(&token, "scopes"),
            time_or(&token, "issued_at", ""),
            time_or(&token, "expires_at", ""),
            text(&token, "status"),
            text(&token, "id"),
        ]);
    }
    table.print(what)?;
    rows.note_more();
    Ok(())
}
