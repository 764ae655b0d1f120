//! Examples out of the OpenAPI document: those that stand in it, put together along the schemas.

use serde_json::{Map, Value};

use super::schema::{alternatives, is_nullable, items, kind_of, resolved};
use super::{entries, list, text};

/// An instant, where the document has no example of one.
const INSTANT: &str = "2026-01-31T14:03:00Z";

/// What an example is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A body that is sent: what must be there, and what has an example of its own.
    Request,
    /// An answer: everything.
    Answer,
}

/// The example of a body, `media` being its entry under `content`.
pub(super) fn of_body(document: &Value, media: &Value, of: Of) -> Value {
    match media.get("example") {
        Some(example) => example.clone(),
        None => example(document, &media["schema"], "", of),
    }
}

fn example(document: &Value, schema: &Value, name: &str, of: Of) -> Value {
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    let schema = resolved(document, schema);
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if is_nullable(schema) {
        return Value::Null;
    }
    if let Some(first) = alternatives(schema).first() {
        return example(document, first, name, of);
    }
    let parts = list(&schema["allOf"]);
    if !parts.is_empty() {
        let members = parts.iter().filter_map(|part| match example(document, part, name, of) {
            Value::Object(members) => Some(members),
            _ => None,
        });
        return Value::Object(members.flatten().collect());
    }
    match kind_of(schema) {
        "object" => object(document, schema, of),
        "array" => match items(schema) {
            Some(item) if item.get("$ref").is_some() => Value::Array(vec![example(document, item, "", of)]),
            Some(_) | None => elsewhere(document, name).unwrap_or_else(|| Value::Array(Vec::new())),
        },
        "boolean" => Value::Bool(true),
        "integer" => Value::from(1),
        _ if text(&schema["format"]) == "date-time" => Value::from(INSTANT),
        _ => quoted(text(&schema["description"]))
            .map(Value::from)
            .or_else(|| elsewhere(document, name))
            .unwrap_or_else(|| Value::from("…")),
    }
}

fn object(document: &Value, schema: &Value, of: Of) -> Value {
    let required = list(&schema["required"]);
    let members = entries(&schema["properties"]).into_iter().filter(|(name, member)| {
        of == Of::Answer
            || required.iter().any(|required| required == *name)
            || member.get("example").is_some()
    });
    let examples = members.map(|(name, member)| (name.clone(), example(document, member, name, of)));
    Value::Object(examples.collect::<Map<_, _>>())
}

/// The first value that a description names in backticks.
fn quoted(description: &str) -> Option<&str> {
    description.split('`').nth(1)
}

/// What another schema shows under the same name.
fn elsewhere(document: &Value, name: &str) -> Option<Value> {
    let schemas = document.pointer("/components/schemas").map(entries).unwrap_or_default();
    schemas.into_iter().find_map(|(_, schema)| schema["properties"].get(name)?.get("example")).cloned()
}
