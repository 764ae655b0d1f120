//! `nexus nodes list`

use clap::Args;
use serde_json::Value;

use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{rows, text};

/// List the nodes that validate: how far they are, and whether they may answer
///
/// A node without a connection is listed as away while it may still answer, and for a minute more: after a restart, its earlier
/// run beside the present one. Those that are not there have no `connected_at`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus nodes list
  nexus nodes list --output json | jq -e 'all(.data[] | select(.connected_at); .lease.state == \"held\" and .lag < 100)'
  nexus nodes list --output json | jq -e '[.data[] | select(.connected_at and .kind == \"validator\")] | length == 3'")]
pub(super) struct ListArgs {}

pub(super) fn run(_args: &ListArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.get(super::PATH, &Query::default())?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let all: Value = answer.parse(client)?;
    table(rows(&all, "data")).print("nodes")
}

fn table(nodes: &[Value]) -> Table {
    let mut table = Table::new(&[
        "Name",
        "Kind",
        "Version",
        "Dialects",
        "Position",
        "Lag",
        "Lease",
        "API node",
        "Credential",
    ]);
    for node in nodes {
        table.row(vec![
            text(node, "name"),
            text(node, "kind"),
            text(node, "version"),
            text(node, "dialects"),
            text(node, "position"),
            text(node, "lag"),
            lease(node),
            text(node, "api_node"),
            text(node, "credential_id"),
        ]);
    }
    table
}

/// Whether it may answer, and whether it is there.
fn lease(node: &Value) -> String {
    let state = node.get("lease").map(|lease| text(lease, "state")).unwrap_or_default();
    if node.get("connected_at").is_some_and(Value::is_null) { format!("{state}, away") } else { state }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_a_node() {
        let nodes = [
            json!({"name": null, "kind": "api", "version": "1.0.0", "dialects": ["nexpay", "nexus"], "position": 41, "lag": 0,
                "lease": {"state": "held", "expires_in_ms": 2_740}, "api_node": "http://h:1", "credential_id": null,
                "connected_at": "2026-01-31T14:03:00Z"}),
            json!({"name": "edge", "kind": "validator", "version": "1.0.0", "dialects": ["nexus"], "position": 40, "lag": 1,
                "lease": {"state": "lapsed", "expires_in_ms": null}, "api_node": "http://h:1", "credential_id": "key_1",
                "connected_at": null}),
        ];
        let text = table(&nodes).render(None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "      api        1.0.0    nexpay, nexus  41        0    held          http://h:1"
        );
        assert_eq!(
            lines[2],
            "edge  validator  1.0.0    nexus          40        1    lapsed, away  http://h:1  key_1"
        );
    }
}
