//! Rate limits in the verdict: an accepted request counts against its dialect's limits, by the node's share of them.

use std::time::Duration;

use nexus_domain::dialect::RateLimitFields;
use nexus_domain::rate_limit::{Counted, RateLimit};
use nexus_domain::verification::{Code, Refused};

use crate::budget::{Budgets, Refusal, Remaining};
use crate::verify::Decision;

/// How long a request may wait, once, for the first share of a tenant that the node has not served for a while, or for a larger one
/// that others do not need.
const SHARE_WITHIN: Duration = Duration::from_millis(50);

/// How a decision stands to its dialect's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limits {
    /// It was not counted: there are none, or the request is refused for another reason.
    #[default]
    NotCounted,
    /// It was counted; so much is left on this node.
    Within(Remaining),
    /// It was refused for a limit.
    Exceeded {
        /// The limit; absent: this node has no share of any yet.
        limit: Option<RateLimit>,
        /// When it could be accepted.
        retry_after: Duration,
    },
}

impl Decision<'_> {
    /// The limits that the request counts against when it is accepted, and with which others it is counted. None: no key is
    /// known, or it is not limited.
    #[must_use]
    pub fn rate_limits(&self) -> Option<(Counted, &[RateLimit])> {
        let (dialect, subject) = (self.dialect?, self.subject.as_ref()?);
        let (limits, environment) = dialect.limits_in(&subject.rights().environment);
        (!limits.is_empty()).then(|| (Counted { tenant_id: subject.tenant_id(), environment }, limits))
    }

    /// What callers are told of those limits; where no key is known, of the limits of all environments that have none of their own.
    #[must_use]
    pub fn rate_limit_fields(&self) -> Option<&RateLimitFields> {
        let dialect = self.dialect?;
        self.subject.as_ref().map_or(dialect.rate_limit_fields.as_ref(), |subject| {
            dialect.limit_fields_in(&subject.rights().environment)
        })
    }

    /// Whether accepting costs something.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.outcome.is_ok() && self.rate_limits().is_some()
    }

    /// The decision with the limits kept: counted, or refused with [`Code::RateLimited`]. Waits 50 ms at the most, and only for a
    /// tenant that the node has not served for a while, or of which others have more of the limit than they need. `now` reads the clock of the lease.
    #[must_use]
    pub async fn within_limits(mut self, budgets: &Budgets, now: impl Fn() -> Duration) -> Self {
        if self.outcome.is_err() {
            return self;
        }
        let Some((counted, limits)) = self.rate_limits() else { return self };
        let mut admitted = budgets.admit(counted, limits, 1, now());
        // Whether or not the share came: the next look decides.
        match admitted {
            Err(Refusal::NoShare { .. }) => {
                let _late = tokio::time::timeout(SHARE_WITHIN, budgets.first_share(counted)).await;
                admitted = budgets.admit(counted, limits, 1, now());
            }
            // There is more than this node's share, and it is being asked for: a burst has run ahead of the answer.
            Err(Refusal::Exceeded { retry_after, .. }) if retry_after <= SHARE_WITHIN => {
                let _late = tokio::time::timeout(SHARE_WITHIN, budgets.larger_share(counted)).await;
                admitted = budgets.admit(counted, limits, 1, now());
            }
            Ok(_) | Err(Refusal::Exceeded { .. }) => {}
        }
        let (detail, limit, retry_after) = match admitted {
            Ok(remaining) => {
                self.limits = Limits::Within(remaining);
                return self;
            }
            Err(Refusal::Exceeded { limit, retry_after }) => {
                let (most, seconds) = (limit.limit(), limit.window().as_secs());
                let detail = format!("the tenant's limit of {most} requests in {seconds} s is used up");
                (detail, Some(limit), retry_after)
            }
            Err(Refusal::NoShare { retry_after }) => {
                ("this node has no share of the tenant's rate limit yet".to_owned(), None, retry_after)
            }
        };
        self.outcome = Err(Refused::new(Code::RateLimited, detail));
        self.limits = Limits::Exceeded { limit, retry_after };
        self
    }
}
