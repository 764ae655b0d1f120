//! Reading the schemas of the OpenAPI document.

use serde_json::Value;

use super::{entries, list, text};

/// How deep objects within objects are shown; nothing that is served goes deeper.
const DEEPEST: usize = 4;

/// A field of a body, those of objects within it as `key.id` and `data[].id`.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) is_required: bool,
    pub(super) is_nullable: bool,
    pub(super) meaning: &'a str,
}

/// All fields of a schema, in the order of the document.
pub(super) fn fields<'a>(document: &'a Value, schema: &'a Value) -> Vec<Field<'a>> {
    let mut found = Vec::new();
    collect(document, schema, "", DEEPEST, &mut found);
    found
}

fn collect<'a>(
    document: &'a Value,
    schema: &'a Value,
    before: &str,
    depth: usize,
    found: &mut Vec<Field<'a>>,
) {
    let schema = only(document, schema);
    if depth == 0 {
        return;
    }
    for part in list(&schema["allOf"]) {
        collect(document, part, before, depth, found);
    }
    for (name, field) in entries(&schema["properties"]) {
        let name_of_all = format!("{before}{name}");
        let described = only(document, field);
        let meaning = std::iter::once(field)
            .chain(alternatives(field))
            .chain([described])
            .map(|at| text(&at["description"]))
            .find(|meaning| !meaning.is_empty());
        found.push(Field {
            name: name_of_all.clone(),
            kind: kind(document, field, false),
            is_required: list(&schema["required"]).iter().any(|required| required == name),
            is_nullable: is_nullable(field),
            meaning: meaning.unwrap_or_default(),
        });
        match items(described) {
            Some(item) => collect(document, item, &format!("{name_of_all}[]."), depth - 1, found),
            None => collect(document, field, &format!("{name_of_all}."), depth - 1, found),
        }
    }
}

/// A schema behind a reference, or behind the choice between it and nothing.
fn only<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let schema = resolved(document, schema);
    match alternatives(schema).as_slice() {
        [only] => resolved(document, only),
        _ => schema,
    }
}

/// The schema that a reference names; another schema as it is.
pub(super) fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(reference) = schema["$ref"].as_str() else {
        return schema;
    };
    document.pointer(reference.trim_start_matches('#')).unwrap_or(schema)
}

/// The schemas that a value is one of, without null.
pub(super) fn alternatives(schema: &Value) -> Vec<&Value> {
    list(&schema["oneOf"]).iter().filter(|one| text(&one["type"]) != "null").collect()
}

/// Whether null may stand there.
pub(super) fn is_nullable(schema: &Value) -> bool {
    list(&schema["type"]).iter().any(|kind| kind == "null")
        || list(&schema["oneOf"]).iter().any(|one| text(&one["type"]) == "null")
}

/// The JSON type, without null.
pub(super) fn kind_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).find(|kind| *kind != "null").unwrap_or_default(),
        kind => text(kind),
    }
}

/// What a list is of.
pub(super) fn items(schema: &Value) -> Option<&Value> {
    schema.get("items").filter(|_| kind_of(schema) == "array")
}

/// The type in words: `list of strings`, `object of integers`.
fn kind(document: &Value, schema: &Value, is_plural: bool) -> String {
    let schema = only(document, schema);
    let end = if is_plural { "s" } else { "" };
    let of = |word: &str, inner: &Value| format!("{word}{end} of {}", kind(document, inner, true));
    match (kind_of(schema), items(schema), schema.get("additionalProperties")) {
        (_, Some(item), _) => of("list", item),
        ("object", None, Some(values)) if values.is_object() => of("object", values),
        ("string", ..) if text(&schema["format"]) == "date-time" => format!("instant{end}"),
        ("", ..) => format!("object{end}"),
        (other, ..) => format!("{other}{end}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_within_fields_are_named_by_their_way() {
        let document = json!({"components": {"schemas": {
            "Page": {"required": ["data"], "properties": {
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/Key"}, "description": "Keys."},
                "next": {"type": ["string", "null"]},
            }},
            "Key": {"description": "A key.", "properties": {
                "end": {"type": "string", "format": "date-time"},
                "names": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
                "self": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Self"}]},
            }},
            "Self": {"description": "Itself.", "properties": {"n": {"type": "integer"}}},
            "Changed": {"allOf": [{"$ref": "#/components/schemas/Self"}, {"type": "object", "required": ["m"],
                "properties": {"m": {"type": "boolean"}}}]},
        }}});
        let page = json!({"$ref": "#/components/schemas/Page"});
        let found: Vec<String> = fields(&document, &page)
            .iter()
            .map(|field| {
                let Field { name, kind, is_required, is_nullable, meaning } = field;
                format!("{name}: {kind} {is_required} {is_nullable} {meaning}")
            })
            .collect();
        assert_eq!(
            found,
            [
                "data: list of objects true false Keys.",
                "data[].end: instant false false ",
                "data[].names: object of lists of strings false false ",
                "data[].self: object false true Itself.",
                "data[].self.n: integer false false ",
                "next: string false true ",
            ]
        );
        let changed = json!({"$ref": "#/components/schemas/Changed"});
        let names: Vec<String> = fields(&document, &changed).into_iter().map(|field| field.name).collect();
        assert_eq!(names, ["n", "m"], "all of what it is made of");
    }
}
