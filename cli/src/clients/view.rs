//! A client as people see it.

use serde_json::Value;

use crate::failure::Failure;
use crate::receipt::receipt;
use crate::table::{Table, print_facts};
use crate::words::{rows, text, text_or, time_or};

/// An empty table of clients.
pub(super) fn table() -> Table {
    Table::new(&["Name", "Type", "Client ID", "Scopes", "Created", "Status", "ID"])
}

/// The row of a client.
pub(super) fn row(client: &Value) -> Vec<String> {
    vec![
        text(client, "name"),
        text(client, "type"),
        text(client, "client_id"),
        text(client, "scopes"),
        time_or(client, "created_at", ""),
        text(client, "status"),
        text(client, "id"),
    ]
}

/// Writes everything about a client to stdout.
pub(super) fn print(client: &Value) -> Result<(), Failure> {
    print_facts(&facts(client))
}

/// As [`print`], with how far a change has come.
pub(super) fn print_changed(client: &Value, answer: &Value) -> Result<(), Failure> {
    let mut facts = facts(client).to_vec();
    facts.push(("Receipt", receipt(answer, "in force on")));
    print_facts(&facts)
}

fn facts(client: &Value) -> [(&'static str, String); 20] {
    let secrets = rows(client, "secrets").iter().map(secret).collect::<Vec<_>>().join("; ");
    [
        ("Name", text(client, "name")),
        ("Client ID", text(client, "client_id")),
        ("ID", text(client, "id")),
        ("Status", text(client, "status")),
        ("Type", text(client, "type")),
        ("Environment", text(client, "environment")),
        ("Proves itself by", text(client, "authentication")),
        ("Needs PKCE", text(client, "requires_pkce")),
        ("Must push requests", text(client, "require_pushed_authorization_requests")),
        ("Bound tokens alone", text(client, "dpop_bound_access_tokens")),
        ("Redirect URIs", text(client, "redirect_uris")),
        ("Scopes", text_or(client, "scopes", "none")),
        ("Allowed from", text_or(client, "ip_allowlist", "anywhere")),
        ("Restricted to", text(client, "restrictions")),
        ("Secrets", secrets),
        ("Created", time_or(client, "created_at", "")),
        ("Created by", text(client, "created_by")),
        ("Revoked", time_or(client, "revoked_at", "")),
        ("Reason", text(client, "revocation_reason")),
        ("Note", text(client, "revocation_note")),
    ]
}

fn secret(secret: &Value) -> String {
    let until = time_or(secret, "superseded_until", "the client ends");
    format!("{} {} until {until}", text(secret, "number"), text(secret, "prefix"))
}
