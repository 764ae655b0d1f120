//! Reading a query string as strictly as a body.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};

use crate::problem::{FieldError, Problem, advised};

/// A query being read. [`QueryFields::finish`] refuses what nobody asked for.
#[derive(Debug)]
pub struct QueryFields {
    pairs: BTreeMap<String, Vec<String>>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl QueryFields {
    /// Reads the request's query.
    ///
    /// # Errors
    /// A problem where it is not form-encoded.
    pub fn parse(request: &HttpRequest) -> Result<Self, Problem> {
        Self::of(request.query_string())
    }

    /// Reads a query.
    ///
    /// # Errors
    /// As [`QueryFields::parse`].
    pub fn of(query: &str) -> Result<Self, Problem> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map_err(|error| {
            Problem::invalid_field("query", error.to_string(), "encode it as name=value&…")
        })?;
        let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs.into_inner() {
            if name.contains('\0') || value.contains('\0') {
                let place = format!("query.{}", name.replace('\0', "").chars().take(64).collect::<String>());
                return Err(Problem::invalid_field(&place, "holds a NUL character", "remove it"));
            }
            map.entry(name).or_default().push(value);
        }
        Ok(Self { pairs: map, known: Vec::new(), errors: Vec::new() })
    }

    /// All values of a name.
    pub fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.pairs.remove(name).unwrap_or_default()
    }

    /// The value of a name that may stand once.
    pub fn one(&mut self, name: &'static str) -> Option<String> {
        let mut values = self.all(name);
        if values.len() > 1 {
            self.wrong(name, "given twice", "give it once");
        }
        values.pop()
    }

    /// The value of a name that is known at run time only.
    pub fn dynamic(&mut self, name: &str) -> Option<String> {
        let mut values = self.pairs.remove(name).unwrap_or_default();
        if values.len() > 1 {
            self.wrong(name, "given twice", "give it once");
        }
        values.pop()
    }

    /// A value that a parser accepts.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        fix: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.one(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let (message, fix) = advised(&error.to_string(), fix);
                self.wrong(name, &message, &fix);
                None
            }
        }
    }

    /// How many rows: 1 to 200, 50 where nothing is said.
    pub fn limit(&mut self) -> u32 {
        let parse = |text: &str| match text.parse::<u32>() {
            Ok(limit) if (1..=200).contains(&limit) => Ok(limit),
            Ok(_) | Err(_) => Err("not a number from 1 to 200"),
        };
        self.parsed("limit", "give a number from 1 to 200", parse).unwrap_or(50)
    }

    fn wrong(&mut self, name: &str, message: &str, fix: &str) {
        self.errors.push(FieldError {
            location: format!("query.{name}"),
            message: message.to_owned(),
            fix: fix.to_owned(),
        });
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Everything that was wrong, unknown names included.
    pub fn finish(mut self) -> Result<(), Problem> {
        for name in self.pairs.keys() {
            self.errors.push(FieldError {
                location: format!("query.{}", name.chars().take(64).collect::<String>()),
                message: "unknown name".to_owned(),
                fix: if self.known.is_empty() {
                    "remove it".to_owned()
                } else {
                    format!("remove it; the names are {}", self.known.join(", "))
                },
            });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}
