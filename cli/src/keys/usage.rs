//! `nexus keys usage`

use std::collections::BTreeSet;

use clap::Args;
use serde_json::Value;

use super::{OneKey, terms};
use crate::client::{Client, Query};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::table::Table;
use crate::words::{number, rows, time_or};

/// Count a key's verifications by outcome
///
/// A row for each step in which there were any, and one for the key's whole life. Usage comes in from the validating
/// nodes within seconds.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus keys usage KEY
  nexus keys usage KEY --from 2026-01-01 --to 2026-02-01 --step 1d")]
pub(super) struct UsageArgs {
    #[command(flatten)]
    key: OneKey,

    /// From this instant or date on; 24 hours before --to where absent
    #[arg(long, value_name = "INSTANT", value_parser = terms::instant)]
    from: Option<String>,

    /// Before this instant or date; now where absent
    #[arg(long, value_name = "INSTANT", value_parser = terms::instant)]
    to: Option<String>,

    /// Length of a step, such as 15m, 1h or 1d; 1h where absent
    #[arg(long, value_name = "DURATION", value_parser = terms::duration)]
    step: Option<String>,
}

pub(super) fn run(args: &UsageArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let mut query = Query::default();
    query.add("from", args.from.as_deref());
    query.add("to", args.to.as_deref());
    query.add("step", args.step.as_deref());
    let answer = client.get(&args.key.path("/usage"), &query)?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    table(&answer.parse(client)?).print("verifications in that time")
}

/// A row a step, and one for the key's whole life; in each, what was accepted, what was refused, and why.
fn table(usage: &Value) -> Table {
    let mut table = Table::new(&["From", "To", "Valid", "Refused", "Why"]);
    let steps = rows(usage, "data");
    for step in steps {
        let counts = step.get("counts").unwrap_or(&Value::Null);
        table.row(row(time_or(step, "from", ""), time_or(step, "to", ""), counts));
    }
    let totals = usage.get("totals").unwrap_or(&Value::Null);
    if !steps.is_empty() || totals.as_object().is_some_and(|totals| !totals.is_empty()) {
        table.row(row("All time".to_owned(), String::new(), totals));
    }
    table
}

fn row(from: String, to: String, counts: &Value) -> Vec<String> {
    let codes = counts.as_object().into_iter().flat_map(|codes| codes.keys());
    let refusals: BTreeSet<&str> = codes.map(String::as_str).filter(|code| *code != "VALID").collect();
    let refused: u64 = refusals.iter().map(|code| number(counts, code)).sum();
    let why: Vec<String> = refusals
        .iter()
        .map(|code| (code, number(counts, code)))
        .filter(|(_, count)| *count > 0)
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    vec![from, to, number(counts, "VALID").to_string(), refused.to_string(), why.join(", ")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_by_step_and_in_all() {
        let usage = json!({"totals": {"VALID": 7, "EXPIRED": 2, "REVOKED": 1, "UNKNOWN": 0}, "data": [
            {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "counts": {"VALID": 7, "EXPIRED": 2, "REVOKED": 1}},
            {"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z", "counts": {}}]});
        let text = table(&usage).render(None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "2026-01-01 00:00:00Z  2026-01-02 00:00:00Z  7      3        2 EXPIRED, 1 REVOKED"
        );
        assert_eq!(lines[2], "2026-01-02 00:00:00Z  2026-01-03 00:00:00Z  0      0");
        assert!(lines[3].starts_with("All time "), "{text}");
    }
}
