//! End a grant before its time, and all its tokens with it.

use chrono::{DateTime, Utc};

use super::{Grant, GrantEnd, GrantEvent, GrantRefusal, GrantState};
use crate::credential::Digest;
use crate::token::Revoker;

/// Ends a grant.
#[derive(Debug, Clone)]
pub struct RevokeGrant {
    /// Who asks.
    pub by: Revoker,
    /// SHA-256 of the refresh token by which a client names it; absent: it is named by its id.
    pub refresh: Option<Digest>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RevokeGrant {
    /// No event where it has ended already.
    pub(super) fn decide(self, grant: &Grant) -> Result<Vec<GrantEvent>, GrantRefusal> {
        // A spent refresh token names its grant as well: whoever gives it back wants none of its tokens to work.
        let named = |grant: &GrantState| {
            self.refresh.is_none_or(|digest| grant.refresh == Some(digest) || grant.spent.contains(&digest))
        };
        let theirs = |grant: &&GrantState| self.by.may_revoke(grant.tenant_id, grant.key_id) && named(grant);
        let grant = grant.state().filter(theirs).ok_or(GrantRefusal::NotFound)?;
        if grant.revoked.is_some() {
            return Ok(Vec::new());
        }
        let reason = match self.by {
            Revoker::Tenant(_) => GrantEnd::RevokedByTenant,
            Revoker::Client(_) => GrantEnd::RevokedByClient,
        };
        Ok(vec![grant.end(reason, self.now)])
    }
}
