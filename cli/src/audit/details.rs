//! What an entry of the audit log says besides who, what and when, short enough for a cell. `--output json` has all of it.

use serde_json::{Map, Value};

use crate::words::{text, time_or};

/// Particulars that other columns tell, or that tell people little.
const LEFT_OUT: &[&str] = &["client_id", "from", "node", "prefix", "to"];

/// What stands before all others.
const FIRST: &[&str] = &["name=", "reason=", "version="];

/// The particulars as `name=value`, semicolons between; what is absent or empty is left out, unless it was made so.
pub(super) fn details(row: &Value) -> String {
    let Some(details) = row.get("details").and_then(Value::as_object) else {
        return String::new();
    };
    let mut words = Vec::new();
    for (name, value) in details {
        match (name.as_str(), value) {
            ("changes", Value::Array(changes)) => {
                let members = changes.iter().filter_map(Value::as_object).flatten();
                words.extend(members.map(|(name, value)| member(name, value, emptied(name))));
            }
            // What was decided, by outcome.
            ("counts", Value::Object(counts)) => {
                words.extend(counts.iter().map(|(code, count)| member(code, count, "0")));
            }
            ("type", Value::String(usual)) if usual == "secret" => {}
            (left_out, _) if LEFT_OUT.contains(&left_out) => {}
            _ => words.push(member(name, value, "")),
        }
    }
    words.retain(|words| !words.is_empty());
    words.sort_by_key(|words| !FIRST.iter().any(|first| words.starts_with(first)));
    words.join("; ")
}

/// What it means that somebody emptied a property of a key.
fn emptied(name: &str) -> &'static str {
    match name {
        "expires_at" => "never",
        "ip_allowlist" => "anywhere",
        _ => "none",
    }
}

/// One particular; nothing where it is empty and `empty` is.
fn member(name: &str, value: &Value, empty: &str) -> String {
    let alone = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
    let words = if name.ends_with("_at") || name.ends_with("_until") {
        time_or(&alone, name, "")
    } else {
        text(&alone, name)
    };
    match (words.is_empty(), value) {
        (true, _) if empty.is_empty() => String::new(),
        (true, _) => format!("{name}={empty}"),
        // Restrictions have names of their own.
        (false, Value::Object(_)) => words,
        // A name could read like particulars of its own.
        (false, _) if words.contains([';', '"']) => format!("{name}={words:?}"),
        (false, _) => format!("{name}={words}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_matters_is_told_in_few_words() {
        for (particulars, said) in [
            (json!({"name": "x; scopes=none"}), "name=\"x; scopes=none\""),
            (
                json!({"name": "CI", "type": "secret", "environment": "live", "scopes": ["a:read", "b"], "ip_allowlist": [],
                    "restrictions": {"brand": ["acme", "zeta"]}, "expires_at": null, "client_id": null, "prefix": "nx_live_a"}),
                "name=CI; environment=live; scopes=a:read, b; brand=acme|zeta",
            ),
            (
                json!({"changes": [{"scopes": []}, {"restrictions": {}}, {"expires_at": "2026-12-31T00:00:00.5Z"}]}),
                "scopes=none; restrictions=none; expires_at=2026-12-31 00:00:00Z",
            ),
            (
                json!({"changes": [{"ip_allowlist": []}, {"expires_at": null}]}),
                "ip_allowlist=anywhere; expires_at=never",
            ),
            (
                json!({"version": 2, "prefix": "nx_live_b", "previous_valid_until": "2026-12-31T00:00:00Z"}),
                "version=2; previous_valid_until=2026-12-31 00:00:00Z",
            ),
            (json!({"reason": "compromised", "note": null}), "reason=compromised"),
            (json!({"reason": "unused", "note": "last year"}), "reason=unused; note=last year"),
            (
                json!({"node": "node-1", "from": "x", "to": "y", "counts": {"VALID": 3, "EXPIRED": 1}}),
                "VALID=3; EXPIRED=1",
            ),
            (json!({}), ""),
        ] {
            assert_eq!(sorted(&details(&json!({"details": particulars}))), sorted(said), "{particulars}");
        }
        assert_eq!(details(&json!({})), "");
    }

    /// The order of members is the server's, which a value made here does not keep.
    fn sorted(text: &str) -> Vec<&str> {
        let mut words: Vec<&str> = text.split("; ").collect();
        words.sort_unstable();
        words
    }
}
