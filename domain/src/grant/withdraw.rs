//! End a grant because of who agreed to it: they are no member any more, or somebody else may have agreed in their name.

use chrono::{DateTime, Utc};

use super::{Grant, GrantEnd, GrantEvent, GrantRefusal, GrantState};

/// Takes back what somebody agreed to.
#[derive(Debug, Clone)]
pub struct WithdrawGrant {
    /// Who agreed.
    pub subject: String,
    /// What happened to them.
    pub reason: GrantEnd,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl WithdrawGrant {
    /// No event where it has ended already. What somebody else agreed to is not found.
    pub(super) fn decide(self, grant: &Grant) -> Result<Vec<GrantEvent>, GrantRefusal> {
        let theirs = |grant: &&GrantState| grant.subject == self.subject;
        let grant = grant.state().filter(theirs).ok_or(GrantRefusal::NotFound)?;
        Ok(match grant.revoked {
            Some(_) => Vec::new(),
            None => vec![grant.end(self.reason, self.now)],
        })
    }
}
