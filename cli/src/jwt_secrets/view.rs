//! A secret for service JWTs as people see it: without the secret.

use serde_json::Value;

use crate::failure::Failure;
use crate::receipt::receipt;
use crate::table::{Table, print_facts};
use crate::words::{rows, text, text_or, time_or};

/// An empty table of secrets.
pub(super) fn table() -> Table {
    Table::new(&["Name", "Environment", "Scopes", "Created", "Versions", "Status", "ID"])
}

/// The row of a secret.
pub(super) fn row(secret: &Value) -> Vec<String> {
    vec![
        text(secret, "name"),
        text(secret, "environment"),
        text(secret, "scopes"),
        time_or(secret, "created_at", ""),
        rows(secret, "versions").len().to_string(),
        text(secret, "status"),
        text(secret, "id"),
    ]
}

/// Writes everything about a secret to stdout.
pub(super) fn print(secret: &Value) -> Result<(), Failure> {
    print_facts(&facts(secret))
}

/// As [`print()`], for a secret that `answer` says was changed, with the receipt of the change.
pub(super) fn print_changed(secret: &Value, answer: &Value) -> Result<(), Failure> {
    let mut facts = facts(secret);
    facts.push(("Receipt", receipt(answer, "in force on")));
    print_facts(&facts)
}

fn facts(secret: &Value) -> Vec<(&'static str, String)> {
    vec![
        ("Name", text(secret, "name")),
        ("ID", text(secret, "id")),
        ("Status", text(secret, "status")),
        ("Environment", text(secret, "environment")),
        ("Scopes", text_or(secret, "scopes", "none")),
        ("Created", time_or(secret, "created_at", "")),
        ("Versions", rows(secret, "versions").len().to_string()),
        ("Revoked", time_or(secret, "revoked_at", "")),
        ("Reason", text(secret, "revocation_reason")),
    ]
}
