//! A key as people see it.

use serde_json::Value;

use crate::failure::Failure;
use crate::output;
use crate::receipt::receipt;
use crate::table::{Table, print_facts};
use crate::words::{rows, text, text_or, time_or};

/// An empty table of keys.
pub(super) fn table() -> Table {
    Table::new(&["Name", "Prefix", "Scopes", "Created", "Last used", "Expires", "Status", "ID"])
}

/// The row of a key.
pub(super) fn row(key: &Value) -> Vec<String> {
    vec![
        text(key, "name"),
        text(key, "prefix"),
        text(key, "scopes"),
        time_or(key, "created_at", ""),
        time_or(key, "last_used_at", "Never"),
        time_or(key, "expires_at", "Never"),
        text(key, "status"),
        text(key, "id"),
    ]
}

/// Writes everything about a key to stdout.
pub(super) fn print(key: &Value) -> Result<(), Failure> {
    print_facts(&facts(key))
}

/// As [`print()`], for a key that `answer` says was changed, with the receipt of the change.
pub(super) fn print_changed(key: &Value, answer: &Value) -> Result<(), Failure> {
    let mut facts = facts(key).to_vec();
    facts.push(("Receipt", receipt(answer, "in force on")));
    print_facts(&facts)
}

/// Writes a key's secrets to stdout, as far as they may be shown, where there have been several.
pub(super) fn print_versions(key: &Value) -> Result<(), Failure> {
    let Some(table) = versions(key) else {
        return Ok(());
    };
    output::print("")?;
    table.print("secrets")
}

/// A key's secrets, where there have been several.
fn versions(key: &Value) -> Option<Table> {
    let versions = rows(key, "versions");
    if versions.len() < 2 {
        return None;
    }
    // Whatever was left of a grace period ended with the key.
    let over = Some(text(key, "status")).filter(|status| status == "revoked" || status == "expired");
    let mut table = Table::new(&["Version", "Prefix", "Created", "Valid until", "Last used"]);
    for version in versions {
        table.row(vec![
            text(version, "number"),
            text(version, "prefix"),
            time_or(version, "created_at", ""),
            over.clone().unwrap_or_else(|| time_or(version, "superseded_until", "the key ends")),
            time_or(version, "last_used_at", "Never"),
        ]);
    }
    Some(table)
}

fn facts(key: &Value) -> [(&'static str, String); 18] {
    [
        ("Name", text(key, "name")),
        ("ID", text(key, "id")),
        ("Status", text(key, "status")),
        ("Prefix", text(key, "prefix")),
        ("Type", text(key, "type")),
        ("Environment", text(key, "environment")),
        ("Client ID", text(key, "client_id")),
        ("Integration", text(key, "integration_id")),
        ("Scopes", text_or(key, "scopes", "none")),
        ("Allowed from", text_or(key, "ip_allowlist", "anywhere")),
        ("Restricted to", text(key, "restrictions")),
        ("Created", time_or(key, "created_at", "")),
        ("Created by", text(key, "created_by")),
        ("Last used", time_or(key, "last_used_at", "Never")),
        ("Expires", time_or(key, "expires_at", "Never")),
        ("Revoked", time_or(key, "revoked_at", "")),
        ("Reason", text(key, "revocation_reason")),
        ("Note", text(key, "revocation_note")),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_in_a_list() {
        let key = json!({"id": "key_1", "name": "CI", "prefix": "nx_live_ab", "scopes": ["read:users"], "status": "active",
            "created_at": "2026-01-31T14:03:00Z", "last_used_at": null, "expires_at": null, "secret": "nx_live_abcdef"});
        let mut table = table();
        table.row(row(&key));
        let text = table.render(None);
        let mut lines = text.lines();
        let header: Vec<&str> =
            lines.next().unwrap().split("  ").filter(|name| !name.is_empty()).map(str::trim).collect();
        assert_eq!(header, ["Name", "Prefix", "Scopes", "Created", "Last used", "Expires", "Status", "ID"]);
        assert_eq!(
            lines.next().unwrap(),
            "CI    nx_live_ab  read:users  2026-01-31 14:03:00Z  Never      Never    active  key_1"
        );
        assert!(!text.contains("nx_live_abcdef"), "a secret never stands in a table");
    }

    #[test]
    fn no_secret_of_a_key_that_has_ended_is_shown_as_valid() {
        let key = |status: &str| {
            json!({"status": status, "versions": [
                {"number": 1, "prefix": "nx_live_ab", "superseded_until": "2999-01-31T14:03:00Z"},
                {"number": 2, "prefix": "nx_live_cd", "superseded_until": null}]})
        };
        let active = versions(&key("active")).unwrap().render(None);
        assert!(active.contains("2999-01-31 14:03:00Z") && active.contains("the key ends"), "{active}");
        for status in ["revoked", "expired"] {
            let ended = versions(&key(status)).unwrap().render(None);
            assert_eq!(ended.matches(status).count(), 2, "{ended}");
            assert!(!ended.contains("2999") && !ended.contains("the key ends"), "{ended}");
        }
        assert!(versions(&json!({"status": "revoked", "versions": []})).is_none());
    }

    #[test]
    fn what_is_absent_is_said_where_it_matters() {
        let facts = facts(&json!({"name": "CI", "scopes": [], "ip_allowlist": []}));
        let of = |label: &str| facts.iter().find(|(name, _)| *name == label).unwrap().1.clone();
        assert_eq!(of("Expires"), "Never");
        assert_eq!(of("Allowed from"), "anywhere");
        assert_eq!(of("Revoked"), "");
    }
}
