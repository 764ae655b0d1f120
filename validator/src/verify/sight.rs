//! What a request may be decided by: the node's table, or what an API node read for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nexus_domain::credential::Digest;
use nexus_domain::dialect::Dialect;
use nexus_domain::jwt::Compact;
use nexus_domain::validity::Entry;
use nexus_domain::verification::{Code, Refused};

use super::Validator;
use crate::control::wanted::{TokenNames, Wanted};
use crate::intake::Intake;
use crate::lease::Permit;
use crate::table::{Found, Table};

/// What a request may be decided by.
#[derive(Debug)]
pub enum Sight {
    /// The node's own table, for the lease held when the request began.
    Table(Permit),
    /// What an API node read of the log after the request began, for a node whose lease does not hold.
    Fetched(Fetched),
}

/// A few entries, apart from the node's table.
#[derive(Debug)]
pub struct Fetched(pub(super) Box<Table>);

impl From<Permit> for Sight {
    fn from(permit: Permit) -> Self {
        Self::Table(permit)
    }
}

impl Validator {
    /// What an API node is asked by for the credential in a request's headers, where there is one in the form that the dialect
    /// expects.
    pub fn wanted_in_headers<'h>(
        &self,
        dialect: &Dialect,
        headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
    ) -> Option<Wanted> {
        match dialect.extract(headers.clone()) {
            Ok(presented) => Some(Wanted::Secret(Digest::of(presented.secret))),
            Err(_) => {
                let shown = dialect.extract_token(headers)?.ok()?;
                TokenNames::of(shown.token).map(Box::new).map(Wanted::Token)
            }
        }
    }

    /// As [`Validator::wanted_in_headers`], for a bare credential whose form and checksum are right.
    #[must_use]
    pub fn wanted_in_credential(&self, dialect: Option<&str>, credential: &str) -> Option<Wanted> {
        let home = match dialect {
            Some(name) => Ok(self.dialect(name).ok()?),
            None => self.home_of(credential),
        };
        let may_be_token = match home {
            Ok(dialect) => match dialect.read_credential(credential) {
                Ok(unchecked) => {
                    let presented = unchecked.checked().ok()?;
                    return Some(Wanted::Secret(Digest::of(presented.secret)));
                }
                Err(_) => dialect.accepts_tokens(),
            },
            Err(refused) => refused.code == Code::Malformed,
        };
        let token = Compact::read(credential).filter(|_| may_be_token)?;
        TokenNames::of(token).map(Box::new).map(Wanted::Token)
    }

    /// A few entries that were asked for one request, to decide on it by them alone. See [`Sight::Fetched`].
    #[must_use]
    pub fn fetched(&self, entries: impl IntoIterator<Item = Entry>) -> Fetched {
        let table = Table::beside(&self.table);
        Intake::new(Arc::clone(&self.dialects)).take(entries, &table);
        Fetched(Box::new(table))
    }

    /// The secret in what may be seen, where it is whole. A permit may be older than what became of the table.
    pub(super) fn find(&self, sight: &Sight, digest: &Digest) -> Result<Option<Found>, Refused> {
        let table = match sight {
            Sight::Table(_) => &self.table,
            Sight::Fetched(Fetched(table)) => return Ok(table.find(digest)),
        };
        let before = self.fillings.load(Ordering::Acquire);
        let found = table.find(digest);
        if before.is_multiple_of(2) && self.fillings.load(Ordering::Acquire) == before {
            return Ok(found);
        }
        Err(loading())
    }
}

pub(super) fn loading() -> Refused {
    Refused::new(Code::Unavailable, "this node is loading all credentials anew; try another one")
}
