//! Values of the server's JSON in words for tables. Lenient: what is absent is an empty cell, so that an older or newer
//! server can still be read.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// How an instant is written in tables.
pub(crate) const TIME: &str = "%Y-%m-%d %H:%M:%SZ";

/// A member in words: texts as they are, lists with commas, objects as `name=value`; empty where absent or null.
pub(crate) fn text(object: &Value, member: &str) -> String {
    object.get(member).map(plain).unwrap_or_default()
}

/// A member in words, or `absent` where it is absent, null or empty.
pub(crate) fn text_or(object: &Value, member: &str, absent: &str) -> String {
    match text(object, member) {
        words if words.is_empty() => absent.to_owned(),
        words => words,
    }
}

/// An instant in UTC to the second, or `absent` where there is none.
pub(crate) fn time_or(object: &Value, member: &str, absent: &str) -> String {
    let words = text(object, member);
    if words.is_empty() {
        return absent.to_owned();
    }
    match DateTime::parse_from_rfc3339(&words) {
        Ok(at) => at.with_timezone(&Utc).format(TIME).to_string(),
        Err(_) => words,
    }
}

/// A whole number; 0 where absent.
pub(crate) fn number(object: &Value, member: &str) -> u64 {
    object.get(member).and_then(Value::as_u64).unwrap_or_default()
}

/// The rows of a member; none where absent.
pub(crate) fn rows<'a>(object: &'a Value, member: &str) -> &'a [Value] {
    object.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let words: Vec<String> = members.iter().map(|(name, value)| member_words(name, value)).collect();
            words.join(", ")
        }
    }
}

fn member_words(name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => format!("{name}={}", items.iter().map(plain).collect::<Vec<_>>().join("|")),
        other => format!("{name}={}", plain(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_in_words() {
        let key = json!({"name": "A", "scopes": ["a:read", "b"], "restrictions": {"brand": ["acme", "zeta"]}, "n": 3, "x": null});
        assert_eq!(text(&key, "name"), "A");
        assert_eq!(text(&key, "scopes"), "a:read, b");
        assert_eq!(text(&key, "restrictions"), "brand=acme|zeta");
        assert_eq!(text(&key, "x"), "");
        assert_eq!(text_or(&key, "absent", "none"), "none");
        assert_eq!(number(&key, "n"), 3);
    }

    #[test]
    fn times_are_shown_in_utc() {
        let key = json!({"at": "2026-03-01T12:00:00.123456+02:00", "never": null, "odd": "soon"});
        assert_eq!(time_or(&key, "at", ""), "2026-03-01 10:00:00Z");
        assert_eq!(time_or(&key, "never", "Never"), "Never");
        assert_eq!(time_or(&key, "odd", ""), "soon");
    }
}
