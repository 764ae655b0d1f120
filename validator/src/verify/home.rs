//! In whose terms a bare credential is answered: the prefixes of all dialects.

use std::sync::Arc;

use nexus_domain::dialect::{Dialect, Dialects, Prefix};
use nexus_domain::verification::{Code, Refused};

use super::Validator;

/// The prefixes of all dialects, also those of other processes.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// The longest first.
    all: Box<[(Prefix, Home)]>,
    /// The bytes that they begin with, a bit for each.
    first_bytes: [u64; 4],
}

/// Whose credentials begin with a prefix.
#[derive(Debug)]
enum Home {
    Here(Arc<Dialect>),
    Elsewhere(Arc<Dialect>),
}

/// No dialect that is served has the name that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no dialect that is served here is named `{0}`")]
pub struct UnknownDialect(pub String);

impl Prefixes {
    pub(super) fn of(dialects: &Dialects) -> Self {
        let here = dialects.iter().flat_map(|dialect| {
            dialect.prefixes.iter().map(|prefix| (prefix.clone(), Home::Here(Arc::clone(dialect))))
        });
        let elsewhere = dialects.elsewhere().flat_map(|dialect| {
            dialect.prefixes.iter().map(|prefix| (prefix.clone(), Home::Elsewhere(Arc::clone(dialect))))
        });
        let mut all: Vec<_> = here.chain(elsewhere).collect();
        all.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.text.len()));
        Self { first_bytes: first_bytes(&all), all: all.into() }
    }

    /// Whether a prefix begins with this byte.
    pub(super) fn begin_with(&self, byte: u8) -> bool {
        self.first_bytes.get(usize::from(byte >> 6)).is_some_and(|word| word & 1 << (byte & 63) != 0)
    }

    /// As [`Dialects::of_secret`], with the order of the prefixes worked out once.
    fn home_of(&self, secret: &str) -> Option<&Home> {
        self.all.iter().find(|(prefix, _)| prefix.begins(secret)).map(|(_, home)| home)
    }
}

impl Validator {
    /// The dialect of a name.
    ///
    /// # Errors
    /// [`UnknownDialect`]
    pub fn dialect(&self, name: &str) -> Result<&Arc<Dialect>, UnknownDialect> {
        self.dialects.get(name).ok_or_else(|| UnknownDialect(name.to_owned()))
    }

    /// The dialect in whose terms a bare credential is answered: the one that is named, or else the one that its prefix tells.
    ///
    /// # Errors
    /// [`UnknownDialect`] when the name given is none.
    pub fn dialect_for(
        &self,
        named: Option<&str>,
        credential: &str,
    ) -> Result<Option<&Arc<Dialect>>, UnknownDialect> {
        match named {
            Some(name) => self.dialect(name).map(Some),
            None => Ok(self.home_of(credential).ok()),
        }
    }

    /// The dialect that a bare credential's prefix tells. Whose keys another process holds is not this one's to refuse.
    pub(super) fn home_of(&self, credential: &str) -> Result<&Arc<Dialect>, Refused> {
        let home = self.prefixes.home_of(credential).or_else(|| {
            let (_, secret) = credential.split_once(':')?;
            self.prefixes.home_of(secret).filter(|home| {
                let (Home::Here(dialect) | Home::Elsewhere(dialect)) = home;
                dialect.presentation.client_id
            })
        });
        match home {
            Some(Home::Here(dialect)) => Ok(dialect),
            Some(Home::Elsewhere(dialect)) => {
                let detail =
                    format!("this node does not serve the dialect `{}`; ask another one", dialect.name);
                Err(Refused::new(Code::Unavailable, detail))
            }
            None => Err(Refused::malformed("the credential does not begin with a prefix of any dialect")),
        }
    }
}

/// The first bytes of prefixes, a bit for each.
fn first_bytes(prefixes: &[(Prefix, Home)]) -> [u64; 4] {
    let mut bytes = [0; 4];
    for first in prefixes.iter().filter_map(|(prefix, _)| prefix.text.bytes().next()) {
        if let Some(word) = bytes.get_mut(usize::from(first >> 6)) {
            *word |= 1 << (first & 63);
        }
    }
    bytes
}
