//! `nexus keys requests`

use clap::Args;

use super::OneKey;
use crate::client::{Client, Query};
use crate::connection::Paging;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{text, time_or};

/// List the latest requests that used a key
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus keys requests KEY --limit 20
  nexus keys requests KEY --all --output json | jq -r '.data[].ip' | sort | uniq -c")]
pub(super) struct RequestsArgs {
    #[command(flatten)]
    key: OneKey,

    #[command(flatten)]
    paging: Paging,
}

pub(super) fn run(args: &RequestsArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let rows = client.list(&args.key.path("/requests"), &Query::default(), args.paging.most())?;
    if format == Format::Json {
        return output::json(&rows.json());
    }
    let mut table = Table::new(&["Time", "Outcome", "Method", "Path", "IP", "Client", "Secret", "Request"]);
    for request in rows.values() {
        table.row(vec![
            time_or(&request, "at", ""),
            text(&request, "code"),
            text(&request, "method"),
            text(&request, "path"),
            text(&request, "ip"),
            text(&request, "client_version"),
            text(&request, "version"),
            text(&request, "request_id"),
        ]);
    }
    table.print("requests")?;
    rows.note_more();
    Ok(())
}
