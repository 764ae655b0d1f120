//! Reading a JSON body field by field, so that everything wrong with it is told at once and
//! nothing in it is silently ignored.

use actix_web::dev::RequestHead;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Map, Value};

use crate::problem::{self, FieldError, Problem, advised};

/// A body that may be left out or be `{}`. Under a name of its own: the OpenAPI generator would list any `Bytes` as required.
pub type Unspecified = actix_web::web::Bytes;

/// The most items of a list in a body.
pub const MOST_ITEMS: usize = 200;

/// Refuses bodies that are not plain JSON.
///
/// # Errors
/// `unsupported_media_type`
pub fn require_json(head: &RequestHead) -> Result<(), Problem> {
    let encoded = head.headers().contains_key(&CONTENT_ENCODING);
    let content_type =
        head.headers().get(&CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let json = content_type
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if encoded || !json {
        return Err(Problem::new(
            &problem::UNSUPPORTED_MEDIA_TYPE,
            "send the body as application/json, without a content encoding",
        ));
    }
    Ok(())
}

/// A JSON object being read. Every `take` removes a field and notes what is wrong with it;
/// [`Fields::finish`] refuses what is left over.
#[derive(Debug)]
pub struct Fields {
    at: String,
    map: Map<String, Value>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a body; an empty one is an object without fields.
    ///
    /// # Errors
    /// A problem with the place where the JSON breaks.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.is_empty() {
            return Ok(Self::of("body", Map::new()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(Self::of("body", map)),
            Ok(_) => Err(Problem::invalid_field("body", "not a JSON object", "send an object: {…}")),
            Err(error) => Err(Problem::invalid_field(
                "body",
                format!("not valid JSON: {error}"),
                "check the JSON at that place",
            )),
        }
    }

    fn of(at: &str, map: Map<String, Value>) -> Self {
        Self { at: at.to_owned(), map, known: Vec::new(), errors: Vec::new() }
    }

    /// Notes something wrong with a field that was read.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>, fix: impl Into<String>) {
        let location = if name.is_empty() { self.at.clone() } else { format!("{}.{name}", self.at) };
        self.errors.push(FieldError { location, message: message.into(), fix: fix.into() });
    }

    /// A field's raw value; `null` counts as absent.
    pub fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there, `null` included.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Whether a field is a list of nothing.
    #[must_use]
    pub fn is_empty_list(&self, name: &str) -> bool {
        self.map.get(name).and_then(Value::as_array).is_some_and(Vec::is_empty)
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.wrong(name, "not a text", "write it as \"…\"");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &'static str) -> String {
        let absent = !self.has(name);
        let text = self.text(name);
        if absent {
            self.wrong(name, "missing", "add it");
        }
        text.unwrap_or_default()
    }

    /// Notes that a parser refused a field. What its text advises behind a semicolon takes the place of `fix`.
    fn refused(&mut self, name: &str, error: &str, fix: &str) {
        let (message, fix) = advised(error, fix);
        self.wrong(name, &message, &fix);
    }

    /// A text that a parser accepts.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        fix: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refused(name, &error.to_string(), fix);
                None
            }
        }
    }

    /// A list of texts, each of which a parser accepts; at most [`MOST_ITEMS`].
    pub fn list<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        fix: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let Value::Array(items) = value else {
            self.wrong(name, "not a list", "write it as [\"…\"]");
            return None;
        };
        if items.len() > MOST_ITEMS {
            self.wrong(name, format!("{} items, more than {MOST_ITEMS}", items.len()), "send fewer");
            return None;
        }
        let mut list = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let place = format!("{name}[{at}]");
            match item.as_str().map(&parse) {
                None => self.wrong(&place, "not a text", "write it as \"…\""),
                Some(Err(error)) => self.refused(&place, &error.to_string(), fix),
                Some(Ok(value)) => list.push(value),
            }
        }
        Some(list)
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            _ => {
                self.wrong(name, "neither true nor false", "write true or false");
                None
            }
        }
    }

    /// An object within.
    pub fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(map) => Some(map),
            _ => {
                self.wrong(name, "not an object", "write it as {…}");
                None
            }
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Everything that was wrong, unknown fields included.
    pub fn finish(mut self) -> Result<(), Problem> {
        for name in self.map.keys() {
            let shown: String = name.chars().take(64).collect();
            self.errors.push(FieldError {
                location: format!("{}.{shown}", self.at),
                message: "unknown field".to_owned(),
                fix: if self.known.is_empty() {
                    "remove it".to_owned()
                } else {
                    format!("remove it; the fields are {}", self.known.join(", "))
                },
            });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut fields = Fields::parse(br#"{"name":1,"scopes":["a",2],"tenant_id":"x"}"#).unwrap();
        assert_eq!(fields.required_text("name"), "");
        fields.list("scopes", "", |text| text.parse::<String>());
        fields.required_text("dialect");
        let problem = format!("{:?}", fields.finish().unwrap_err());
        for place in ["body.name", "body.scopes[1]", "body.dialect", "body.tenant_id"] {
            assert!(problem.contains(place), "{place} in {problem}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for wrong in ["[", "[]", "1", "{\"a\":1e400}", &"[".repeat(10_000)] {
            assert!(Fields::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
