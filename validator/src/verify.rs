//! The validator: takes the feed's entries and answers whether a credential may do something.

mod credential;
mod decision;
mod home;
mod sight;
#[cfg(test)]
mod tests;
mod token;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nexus_domain::credential::Digest;
use nexus_domain::dialect::{Dialect, Dialects};
use nexus_domain::ids::TenantId;
use nexus_domain::validity::Entry;
use tokio::sync::watch;

use self::decision::Holder;
pub use self::decision::{Decision, Subject};
use self::home::Prefixes;
pub use self::home::UnknownDialect;
pub use self::sight::{Fetched, Sight};
use crate::dpop::Proofs;
use crate::intake::Intake;
use crate::table::Table;
use crate::tokens::SecretKeys;

/// All credentials of a process's dialects, in memory. Shared by `Arc` among all threads: readers
/// wait for nobody.
#[derive(Debug)]
pub struct Validator {
    dialects: Arc<Dialects>,
    prefixes: Prefixes,
    table: Table,
    /// The proofs of possession that came lately.
    proofs: Proofs,
    /// How often the table was emptied and was whole again: odd while it is filled anew.
    fillings: AtomicU64,
    intake: Mutex<Intake>,
    applied: AtomicU64,
    position: watch::Sender<u64>,
}

impl Validator {
    /// A validator that knows no credential yet, at position 0.
    #[must_use]
    pub fn new(dialects: Arc<Dialects>) -> Self {
        Self {
            intake: Mutex::new(Intake::new(Arc::clone(&dialects))),
            prefixes: Prefixes::of(&dialects),
            dialects,
            table: Table::new(),
            proofs: Proofs::default(),
            fillings: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            position: watch::Sender::new(0),
        }
    }

    /// Applies the entries that lead to `position` in the log, in order. They are visible to every
    /// thread before [`Validator::applied`] moves. For one writer, the feed; a second one waits.
    ///
    /// An entry is a whole state: the last one of a key or tenant counts, except that a revoked
    /// secret stays revoked. Keys that come before their tenant wait for it.
    pub fn apply(&self, entries: impl IntoIterator<Item = Entry>, position: u64) {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        intake.take(entries, &self.table);
        self.reach(position);
    }

    fn reach(&self, position: u64) {
        self.applied.fetch_max(position, Ordering::AcqRel);
        self.position.send_if_modified(|at| {
            let moved = position > *at;
            *at = position.max(*at);
            moved
        });
    }

    /// Takes in a piece of a snapshot. With the last one comes the position that the whole is exact for; until then some of it
    /// may not be visible. That makes the table whole again after [`Validator::clear`].
    pub fn load(&self, entries: impl IntoIterator<Item = Entry>, complete: Option<u64>) {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        intake.gather(entries, &self.table);
        let Some(position) = complete else { return };
        intake.take([], &self.table);
        if !self.fillings.load(Ordering::Relaxed).is_multiple_of(2) {
            self.fillings.fetch_add(1, Ordering::Release);
        }
        self.reach(position);
    }

    /// Forgets everything, for a table that is to be filled anew. No lease may hold: see [`crate::lease::Lease::end`]. Requests
    /// that took their permit before are answered `UNAVAILABLE` until the table is whole: what is missing from it is not unknown.
    pub fn clear(&self) {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        *intake = Intake::new(Arc::clone(&self.dialects));
        // Before anything is missing, so that whoever misses it sees this.
        if self.fillings.load(Ordering::Relaxed).is_multiple_of(2) {
            self.fillings.fetch_add(1, Ordering::AcqRel);
        }
        self.table.clear();
        self.applied.store(0, Ordering::Release);
        self.position.send_replace(0);
    }

    /// The dialect of a tenant that is known.
    #[must_use]
    pub fn dialect_of_tenant(&self, tenant: TenantId) -> Option<Arc<Dialect>> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner).dialect_of(tenant)
    }

    /// The key that has this secret, whether or not it may be used.
    #[must_use]
    pub fn key_of(&self, digest: &Digest) -> Option<Subject> {
        self.table.find(digest).map(|found| Subject(Holder::Key(found)))
    }

    /// The position in the log up to which entries are visible. Goes back in [`Validator::clear`] alone.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Follows [`Validator::applied`].
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// How many secrets are held, also those that are no longer valid.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no secret is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dialects that are served.
    #[must_use]
    pub fn dialects(&self) -> &Arc<Dialects> {
        &self.dialects
    }

    /// Takes what opens tenants' secrets for service JWTs.
    pub fn learn_secret_keys(&self, keys: &SecretKeys) {
        self.table.tokens.learn(keys);
    }

    #[cfg(test)]
    pub(crate) const fn tokens(&self) -> &crate::tokens::Tokens {
        &self.table.tokens
    }

    #[cfg(test)]
    pub(crate) fn revoked_tokens(&self) -> usize {
        self.table.tokens.revoked_count()
    }

    #[cfg(test)]
    fn rights(&self) -> usize {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner).rights()
    }
}
