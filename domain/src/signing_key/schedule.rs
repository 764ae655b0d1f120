//! When signing keys come and go.

use chrono::{DateTime, TimeDelta, Utc};

use super::{SigningKeyState, SigningKeys};
use crate::jwt::{Algorithm, LONGEST_LIFE, SKEW};

/// When signing keys come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key is published before it signs, so that whoever keeps the key set for a while has it by then.
    pub published_before: TimeDelta,
    /// How long a key signs.
    pub signs_for: TimeDelta,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { published_before: TimeDelta::hours(24), signs_for: TimeDelta::days(30) }
    }
}

impl SigningKeys {
    /// From when on the next key of an issuer and algorithm is to sign; nothing where it is not time to publish one. The very
    /// first signs at once: nobody has kept a key set without it.
    #[must_use]
    pub fn next_signs_from(
        &self,
        issuer: &str,
        algorithm: Algorithm,
        schedule: Schedule,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let Some(newest) = self.living(issuer, algorithm).map(|key| key.signs_from).max() else {
            return Some(now);
        };
        let due = newest + schedule.signs_for;
        let published = now + schedule.published_before;
        (due <= published).then(|| due.max(published))
    }

    /// Those of which nothing is left that holds: the next one has signed for as long as a token lives. A key of an issuer that
    /// is no more has no next one, and goes when it would have had one.
    pub fn over(&self, schedule: Schedule, now: DateTime<Utc>) -> impl Iterator<Item = &SigningKeyState> {
        let tokens_live = TimeDelta::microseconds(LONGEST_LIFE + SKEW);
        self.published().filter(move |key| {
            let next = self.living(&key.issuer, key.algorithm).map(|other| other.signs_from);
            let next = next.filter(|from| *from > key.signs_from).min();
            let ends = next.unwrap_or(key.signs_from + schedule.signs_for + schedule.published_before);
            let is_last = next.is_none();
            let abandoned = is_last && !self.is_newest(key);
            (!is_last || abandoned) && ends + tokens_live <= now
        })
    }

    /// Whether no key of its algorithm signs later, of whatever issuer.
    fn is_newest(&self, key: &SigningKeyState) -> bool {
        let same = self.published().filter(|other| other.algorithm == key.algorithm);
        same.map(|other| other.signs_from).max() == Some(key.signs_from)
    }
}
