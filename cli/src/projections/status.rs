//! `nexus projections status`

use clap::Args;
use serde_json::Value;

use super::Rebuilding;
use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{rows, text};

/// Show how far each projection is behind the log
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus projections status
  nexus projections status --output json | jq -e 'all(.data[]; .lag < 100 and .error == null)'")]
pub(super) struct StatusArgs {}

pub(super) fn run(_args: &StatusArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.get(super::PATH, &Query::default())?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let all: Value = answer.parse(client)?;
    table(rows(&all, "data")).print("projections")
}

fn table(projections: &[Value]) -> Table {
    let mut table = Table::new(&["Name", "Version", "Checkpoint", "Head", "Lag", "State"]);
    for projection in projections {
        table.row(vec![
            text(projection, "name"),
            text(projection, "version"),
            text(projection, "checkpoint"),
            text(projection, "head"),
            text(projection, "lag"),
            state(projection),
        ]);
    }
    table
}

fn state(projection: &Value) -> String {
    let error = text(projection, "error");
    if !error.is_empty() {
        return format!("stopped: {error}");
    }
    match Rebuilding::of(projection) {
        Some(rebuilding) => format!("rebuilding, {} %", rebuilding.percent()),
        None => "live".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_a_projection() {
        let projections = [
            json!({"name": "key_list", "version": 1, "checkpoint": 40, "head": 42, "lag": 2, "rebuilding": null, "error": null}),
            json!({"name": "usage", "version": 1, "lag": 0, "rebuilding": {"position": 21, "target": 42}, "error": null}),
            json!({"name": "tokens", "version": 1, "lag": 9, "rebuilding": null, "error": "unknown event"}),
        ];
        let text = table(&projections).render(None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "key_list  1        40          42    2    live");
        assert!(lines[2].ends_with("rebuilding, 50 %"), "{text}");
        assert!(lines[3].ends_with("stopped: unknown event"), "{text}");
    }
}
