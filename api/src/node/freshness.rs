//! How long ago the node's table was known to hold everything that the log held.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus_infrastructure::clock::SharedClock;

/// A node whose table has not been compared with the log for this long answers `UNAVAILABLE`: a key may have been revoked
/// since. Long enough for a restart of the database, and no option.
pub const STALE_AFTER: Duration = Duration::from_secs(10);

/// When the table was last known to be complete.
pub struct Freshness {
    clock: SharedClock,
    /// Milliseconds of the monotonic clock.
    confirmed: AtomicU64,
}

impl Freshness {
    /// Complete as of now.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        let now = milliseconds(clock.monotonic());
        Self { clock, confirmed: AtomicU64::new(now) }
    }

    /// The time to pass to [`Freshness::confirm`], read before the log is asked.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The table held everything that the log held at `asked`.
    pub fn confirm(&self, asked: Duration) {
        self.confirmed.fetch_max(milliseconds(asked), Ordering::Release);
    }

    /// Whether the table may not be answered from, at this reading of the monotonic clock.
    #[must_use]
    pub fn stale(&self, now: Duration) -> bool {
        let age = milliseconds(now).saturating_sub(self.confirmed.load(Ordering::Acquire));
        age > milliseconds(STALE_AFTER)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nexus_infrastructure::clock::ManualClock;

    use super::*;

    #[test]
    fn a_table_goes_stale_and_comes_back() {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::UNIX_EPOCH));
        let freshness = Freshness::new(clock.clone());
        clock.advance(STALE_AFTER);
        assert!(!freshness.stale(freshness.now()));
        let asked = freshness.now();
        clock.advance(Duration::from_millis(1));
        assert!(freshness.stale(freshness.now()));
        freshness.confirm(asked);
        assert!(!freshness.stale(freshness.now()));
    }
}
