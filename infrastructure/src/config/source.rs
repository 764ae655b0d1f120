//! Where settings come from: a TOML file, and variables `NEXUS__SECTION__KEY` over it. Every value remembers its line
//! or variable, so that a complaint about it can name the place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Hint};

/// How the variables that override settings begin.
const VARIABLES: &str = "NEXUS__";
/// How many slips a key in the section of another one counts for.
const MISPLACED: usize = 2;
/// Keys that hold secrets, whose values no message repeats.
const SECRET: [&str; 3] = ["control.credential", "database.url", "bus.url"];

/// The file's and the environment's values by dotted key.
pub(super) struct Source {
    values: BTreeMap<String, Value>,
    own: &'static Keys,
    others: &'static Keys,
    /// The first complaint about a value: kept, and not returned at once, since one about an unknown key explains more.
    first: Option<ConfigError>,
}

/// What one kind of configuration may hold.
pub(super) struct Keys {
    /// Its keys with their sections.
    pub(super) known: &'static [&'static str],
    /// What its file is usually called.
    pub(super) file: &'static str,
    /// The file that explains each key.
    pub(super) example: &'static str,
}

struct Value {
    content: Content,
    place: Place,
}

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<String>),
    /// From the environment: what it is depends on what the key wants.
    Untyped(String),
    /// Anything that no key takes, by its name.
    Other(&'static str),
}

/// Where a value or a key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of the file, from 1.
    Line {
        /// The file as it was named.
        file: String,
        /// Its line.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

impl Source {
    /// `own` are this configuration's keys; variables may also set those of `others`, without effect, so that one environment can
    /// serve several kinds of process.
    pub(super) fn read(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        own: &'static Keys,
        others: &'static Keys,
    ) -> Result<Self, ConfigError> {
        let mut source = Self { values: BTreeMap::new(), own, others, first: None };
        if let Some(path) = path {
            let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    ConfigError::Absent { path: path.into(), example: own.example }
                }
                _ => ConfigError::Unreadable { path: path.into(), source: error },
            })?;
            source.read_file(&path.display().to_string(), &text)?;
        }
        source.read_environment(environment)?;
        Ok(source)
    }

    fn read_file(&mut self, file: &str, text: &str) -> Result<(), ConfigError> {
        let place = |at: usize| Place::Line {
            file: file.to_owned(),
            line: 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count(),
        };
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            place: place(error.span().map_or(0, |span| span.start)),
            message: single_line(error.message()),
        })?;
        self.read_table("", table.get_ref(), &place)
    }

    fn read_table(
        &mut self,
        prefix: &str,
        table: &DeTable<'_>,
        place: &impl Fn(usize) -> Place,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let place_of_key = place(name.span().start);
            match value.get_ref() {
                DeValue::Table(inner) if self.own.has_section(&key) => {
                    self.read_table(&format!("{key}."), inner, place)?;
                }
                _ if !self.own.known.contains(&key.as_str()) => return Err(self.unknown(&key, place_of_key)),
                value => {
                    let value = Value { content: content(value), place: place_of_key };
                    self.values.insert(key, value);
                }
            }
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        // Sorted, so that of two mistakes the same one is reported each time.
        let variables: BTreeMap<_, _> = environment.filter(|(name, _)| name.starts_with(VARIABLES)).collect();
        for (name, value) in variables {
            let key = name.trim_start_matches(VARIABLES).replace("__", ".").to_lowercase();
            if self.own.known.contains(&key.as_str()) {
                // Compose files and unit files set variables to nothing where they mean to leave them out.
                if !value.is_empty() {
                    let value = Value { content: Content::Untyped(value), place: Place::Variable(name) };
                    self.values.insert(key, value);
                }
            } else if !self.others.known.contains(&key.as_str()) {
                return Err(self.unknown(&key, Place::Variable(name)));
            }
        }
        Ok(())
    }

    fn unknown(&self, key: &str, place: Place) -> ConfigError {
        let hint = if self.own.has_section(key) {
            Hint::Section(key.to_owned())
        } else if self.others.known.contains(&key) || self.others.has_section(key) {
            Hint::Elsewhere(self.others.file)
        } else {
            match (self.own.nearest(key), &place) {
                (Some(near), Place::Line { .. }) => Hint::Near(near.to_owned()),
                (Some(near), Place::Variable(_)) => Hint::Near(variable(near)),
                (None, _) => Hint::Nothing(self.own.example),
            }
        };
        ConfigError::UnknownKey { key: key.to_owned(), place, hint }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.take(key, "a text", |content| match content {
            Content::Text(text) | Content::Untyped(text) => Ok(text),
            other => Err(other),
        })
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.take(key, "true or false", |content| match content {
            Content::Boolean(value) => Ok(value),
            Content::Untyped(text) => text.trim().parse().map_err(|_| Content::Text(text)),
            other => Err(other),
        })
    }

    /// A whole number from `least` to `most`.
    pub(super) fn integer(&mut self, key: &'static str, least: u32, most: u32) -> Option<u32> {
        let number = self.take(key, "a whole number", |content| match content {
            Content::Integer(value) => Ok(value),
            Content::Untyped(text) => text.trim().parse().map_err(|_| Content::Text(text)),
            other => Err(other),
        })?;
        let within = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
        if within.is_none() {
            self.reject(key, format!("{number} is not from {least} to {most}"));
        }
        within
    }

    pub(super) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.take(key, "a list of texts", |content| match content {
            Content::List(list) => Ok(list),
            Content::Untyped(text) => split_list(&text).ok_or(Content::Text(text)),
            other => Err(other),
        })
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|message| self.reject(key, message)).ok()
    }

    /// Says that the value of `key` is not what it should be.
    pub(super) fn reject(&mut self, key: &'static str, message: String) {
        let place = self.values.get(key).map(|value| value.place.clone());
        let error = match place {
            Some(place) => ConfigError::Invalid { key, place, message: single_line(&message) },
            None => ConfigError::Missing { key, variable: variable(key), message: single_line(&message) },
        };
        self.first.get_or_insert(error);
    }

    /// The first complaint, if there was one.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        self.first.map_or(Ok(()), Err)
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
        read: impl FnOnce(Content) -> Result<T, Content>,
    ) -> Option<T> {
        debug_assert!(self.own.known.contains(&key), "{key} is in no list of keys");
        let content = self.values.get(key)?.content.clone();
        match read(content) {
            Ok(value) => Some(value),
            Err(found) => {
                self.reject(
                    key,
                    format!("it must be {wanted}, not {}", found.describe(SECRET.contains(&key))),
                );
                None
            }
        }
    }
}

impl Content {
    fn describe(&self, secret: bool) -> String {
        match self {
            Self::Text(text) | Self::Untyped(text) if !secret => format!("the text `{text}`"),
            Self::Text(_) | Self::Untyped(_) => "a text".to_owned(),
            Self::Integer(_) if secret => "a number".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Other(name) => (*name).to_owned(),
        }
    }
}

impl Keys {
    fn has_section(&self, key: &str) -> bool {
        self.sections().any(|section| section == key)
    }

    /// Those of all keys: of `server.tls.key`, `server` and `server.tls`.
    fn sections(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.known.iter().flat_map(|known| known.match_indices('.').filter_map(|(at, _)| known.get(..at)))
    }

    /// The key or section that is spelt like this one but for a third of its letters, the nearest if there are several.
    fn nearest(&self, key: &str) -> Option<&'static str> {
        let (section, last) = key.rsplit_once('.').unwrap_or(("", key));
        let near = |written: &str, meant: &str| {
            let slips = strsim::osa_distance(written, meant);
            (slips * 3 <= meant.len()).then_some(slips)
        };
        self.known
            .iter()
            .copied()
            .chain(self.sections())
            .filter_map(|known| {
                let (of, name) = known.rsplit_once('.').unwrap_or(("", known));
                // A right name in a wrong section is a common slip, and a whole section of it.
                let slips = near(last, name)?
                    + if section.is_empty() { 0 } else { near(section, of).unwrap_or(MISPLACED) };
                Some((slips, known))
            })
            .min_by_key(|(slips, _)| *slips)
            .map(|(_, known)| known)
    }
}

/// The variable that overrides `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{VARIABLES}{}", key.replace('.', "__").to_uppercase())
}

fn content(value: &DeValue<'_>) -> Content {
    match value {
        DeValue::String(text) => Content::Text(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Content::Other("a number of that size"), Content::Integer),
        DeValue::Boolean(value) => Content::Boolean(*value),
        DeValue::Array(values) => values
            .iter()
            .map(|value| value.get_ref().as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map_or(Content::Other("a list of something else"), Content::List),
        DeValue::Float(_) => Content::Other("a fraction"),
        DeValue::Datetime(_) => Content::Other("a date"),
        DeValue::Table(_) => Content::Other("a section"),
    }
}

/// A list in a variable: a TOML array, or texts between commas.
fn split_list(text: &str) -> Option<Vec<String>> {
    if text.trim_start().starts_with('[') {
        return match content(DeValue::parse(text).ok()?.get_ref()) {
            Content::List(list) => Some(list),
            _ => None,
        };
    }
    Some(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

fn single_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
