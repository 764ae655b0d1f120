//! Retire the signing keys of which nothing is left that holds.

use chrono::{DateTime, Utc};

use super::{Schedule, SigningKeyEvent, SigningKeyRetired, SigningKeys};

/// Retires keys.
#[derive(Debug, Clone)]
pub struct RetireSigningKeys {
    /// When keys come and go.
    pub schedule: Schedule,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RetireSigningKeys {
    /// An event for each.
    pub(super) fn decide(self, keys: &SigningKeys) -> Vec<SigningKeyEvent> {
        let Self { schedule, now } = self;
        let retired = keys.over(schedule, now).map(|key| {
            SigningKeyEvent::SigningKeyRetired(SigningKeyRetired { kid: key.kid, retired_at: now })
        });
        retired.collect()
    }
}
