//! What validating nodes are told of a token: that it is revoked, and nothing before. Its signature tells the rest.

use super::{Token, TokenEvent, TokenRevoked, remembered_until};
use crate::validity::{DialectEntry, Entry, RevokedTokenEntry, Shown};

impl Shown for Token {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        let token = self.state().filter(|token| token.revoked.is_some())?;
        let until = remembered_until(token.expires_at).timestamp_micros();
        let entry = RevokedTokenEntry { tenant_id: token.tenant_id, id: id.to_owned(), until };
        Some(DialectEntry { dialect: token.dialect.clone(), entry: Entry::RevokedToken(entry) })
    }
}

impl TokenEvent {
    /// What nodes are told of a token with this id because of the event; it needs nothing of what was before.
    #[must_use]
    pub fn shown(&self, id: &str) -> Option<DialectEntry> {
        let Self::TokenRevoked(TokenRevoked { tenant_id, dialect, until, .. }) = self else { return None };
        let until = until.timestamp_micros();
        let entry = RevokedTokenEntry { tenant_id: *tenant_id, id: id.to_owned(), until };
        Some(DialectEntry { dialect: dialect.clone(), entry: Entry::RevokedToken(entry) })
    }
}
