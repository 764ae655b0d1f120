//! `nexus audit search`

use clap::Args;
use serde_json::Value;

use super::details::details;
use super::filter::Filter;
use crate::client::Client;
use crate::connection::{Paging, Rendering};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{text, time_or};

/// Search the audit log
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus audit search --key key_00000000000000000123456789abcdef
  nexus audit search --action key.revoked --from 2026-01-01 --limit 200
  nexus audit search --ip 203.0.113.7 --output json | jq -r '.data[].actor' | sort -u")]
pub(super) struct SearchArgs {
    #[command(flatten)]
    filter: Filter,

    #[command(flatten)]
    paging: Paging,

    #[command(flatten)]
    rendering: Rendering,
}

pub(super) fn run(args: &SearchArgs, client: &Client) -> Result<(), Failure> {
    let (path, query) = args.filter.request();
    let rows = client.list(&path, &query, args.paging.most())?;
    if args.rendering.output == Format::Json {
        return output::json(&rows.json());
    }
    let columns = ["Position", "Time", "Actor", "Action", "Outcome", "IP", "Tenant", "Key", "Details"];
    let mut table = Table::new(&columns);
    for row in rows.values() {
        table.row(vec![
            text(&row, "position"),
            time_or(&row, "time", ""),
            actor(&row),
            text(&row, "action"),
            text(&row, "outcome"),
            text(&row, "ip"),
            text(&row, "tenant_id"),
            text(&row, "key_id"),
            details(&row),
        ]);
    }
    table.print("such events")?;
    rows.note_more();
    Ok(())
}

/// Who: the id, behind the name of a management credential where the server tells it.
fn actor(row: &Value) -> String {
    match (text(row, "actor_name"), text(row, "actor")) {
        (name, id) if name.is_empty() => id,
        (name, id) => format!("{name} ({id})"),
    }
}
