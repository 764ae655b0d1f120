//! The dialects that a process serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dialect::Dialect;

/// The dialects of a process, by name. No two share a prefix, so that a bare secret tells which
/// dialect it belongs to.
#[derive(Debug, Clone, Default)]
pub struct Dialects {
    by_name: BTreeMap<String, Arc<Dialect>>,
    /// Known, and left out by [`Dialects::only`].
    elsewhere: BTreeMap<String, Arc<Dialect>>,
}

/// Two dialects cannot be served together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialectConflict {
    /// Two files define the same name.
    #[error("two dialects are named `{0}`: rename one")]
    Name(String),
    /// Two dialects mint secrets that could be taken for each other's.
    #[error("dialects `{first}` and `{second}` both use the prefix `{prefix}`: change one")]
    Prefix {
        /// The dialect that came first.
        first: String,
        /// The dialect that came second.
        second: String,
        /// The prefix of both.
        prefix: String,
    },
}

impl Dialects {
    /// Puts dialects together.
    ///
    /// # Errors
    /// [`DialectConflict`] when two share a name or a prefix.
    pub fn new(dialects: impl IntoIterator<Item = Dialect>) -> Result<Self, DialectConflict> {
        let mut by_name: BTreeMap<String, Arc<Dialect>> = BTreeMap::new();
        for dialect in dialects {
            if by_name.contains_key(&dialect.name) {
                return Err(DialectConflict::Name(dialect.name));
            }
            for other in by_name.values() {
                let shared =
                    dialect.prefixes.iter().find(|p| other.prefixes.iter().any(|q| q.text == p.text));
                if let Some(prefix) = shared {
                    return Err(DialectConflict::Prefix {
                        first: other.name.clone(),
                        second: dialect.name.clone(),
                        prefix: prefix.text.clone(),
                    });
                }
            }
            by_name.insert(dialect.name.clone(), Arc::new(dialect));
        }
        Ok(Self { by_name, elsewhere: BTreeMap::new() })
    }

    /// The dialect of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Dialect>> {
        self.by_name.get(name)
    }

    /// Those of them that a process serves, the same definitions. The others stay known by their prefixes: what begins with one
    /// of them is some other process's to judge.
    #[must_use]
    pub fn only(&self, serves: impl Fn(&Dialect) -> bool) -> Self {
        let all = self.by_name.iter().map(|(name, dialect)| (name.clone(), Arc::clone(dialect)));
        let (by_name, mut elsewhere): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.partition(|(_, dialect)| serves(dialect));
        elsewhere.extend(self.elsewhere.iter().map(|(name, dialect)| (name.clone(), Arc::clone(dialect))));
        Self { by_name, elsewhere }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Dialect>> {
        self.by_name.values()
    }

    /// Those that [`Dialects::only`] left out, by name.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Arc<Dialect>> {
        self.elsewhere.values()
    }

    /// The dialect whose longest prefix a bare secret begins with; nothing where that is one that was left out.
    #[must_use]
    pub fn of_secret(&self, secret: &str) -> Option<&Arc<Dialect>> {
        let longest = |dialect: &Arc<Dialect>| dialect.prefix_of(secret).map(|prefix| prefix.text.len());
        let elsewhere = self.elsewhere().filter_map(longest).max();
        let served = self.iter().filter_map(|dialect| Some((longest(dialect)?, dialect)));
        let (length, dialect) = served.max_by_key(|(length, _)| *length)?;
        (Some(length) > elsewhere).then_some(dialect)
    }
}
