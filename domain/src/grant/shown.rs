//! What validating nodes are told of a grant: that it has ended before its time, and nothing before. The tokens that it gave bear
//! its id.

use super::{Grant, GrantEvent, GrantRevoked};
use crate::token::remembered_until;
use crate::validity::{DialectEntry, Entry, RevokedTokenEntry, Shown};

impl Shown for Grant {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        let grant = self.state().filter(|grant| grant.revoked.is_some())?;
        let until = remembered_until(grant.tokens_until).timestamp_micros();
        let entry = RevokedTokenEntry { tenant_id: grant.tenant_id, id: id.to_owned(), until };
        Some(DialectEntry { dialect: grant.dialect.clone(), entry: Entry::RevokedToken(entry) })
    }
}

impl GrantEvent {
    /// What nodes are told of a grant with this id because of the event; it needs nothing of what was before.
    #[must_use]
    pub fn shown(&self, id: &str) -> Option<DialectEntry> {
        let Self::GrantRevoked(GrantRevoked { tenant_id, dialect, until, .. }) = self else { return None };
        let until = until.timestamp_micros();
        let entry = RevokedTokenEntry { tenant_id: *tenant_id, id: id.to_owned(), until };
        Some(DialectEntry { dialect: dialect.clone(), entry: Entry::RevokedToken(entry) })
    }
}
