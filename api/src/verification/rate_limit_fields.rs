//! What callers are told of rate limits: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), where the
//! dialect's limits have names.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use nexus_validator::{Decision, Limits};

/// How much is left.
pub(crate) const STATE: HeaderName = HeaderName::from_static("ratelimit");
/// What the limits are.
pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Whole seconds, at least one, as `Retry-After` (RFC 9110 section 10.2.3) and `RateLimit` have them.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// The fields of an answer. The policy is told with every one of them; what is left where the request was counted, or refused for
/// a limit.
pub(super) fn fields(decision: &Decision<'_>) -> impl Iterator<Item = (HeaderName, String)> {
    let told = decision.rate_limit_fields();
    let state = told.and_then(|told| match decision.limits {
        Limits::NotCounted => None,
        Limits::Within(remaining) => {
            let left = remaining.iter().enumerate();
            Some(told.state(left.map(|(at, left)| (at, left.requests, whole_seconds(left.more_after)))))
        }
        Limits::Exceeded { limit, retry_after } => {
            let exceeded = decision.rate_limits()?.1.iter().position(|known| Some(*known) == limit)?;
            Some(told.state([(exceeded, 0, whole_seconds(retry_after))]))
        }
    });
    let policy = told.map(|told| (POLICY, told.policy.clone()));
    policy.into_iter().chain(state.map(|state| (STATE, state)))
}
