//! Time as a port: everything that needs the time holds a [`SharedClock`], and tests hand in a [`ManualClock`].
//! Nothing outside this file reads the machine's clocks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rustix::time::{ClockId, clock_gettime};

/// A clock that is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, truncated to microseconds: the databases keep no more, and an event that is read back must
    /// equal the one that was written. It may step back when the machine's clock is corrected.
    fn now(&self) -> DateTime<Utc>;

    /// The same as Unix time in microseconds, where no date is needed.
    fn unix_micros(&self) -> i64 {
        self.now().timestamp_micros()
    }

    /// The time since an arbitrary origin, the same for all clocks of a process; it never goes back. For waits and
    /// time limits, and for leases: it goes on while the machine is suspended, so that a node that wakes up knows that its
    /// right to answer has run out.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clocks, ready to hand around.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the port's one real implementation")]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }

    fn unix_micros(&self) -> i64 {
        // A clock before 1970 is wrong beyond use, and what it shows must only not be a panic.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        // A reading that cannot be, before the origin, must end leases and not prolong them.
        clock_gettime(SINCE_BOOT).try_into().unwrap_or(Duration::MAX)
    }
}

/// The clock that counts suspended time as well. Of [`std::time::Instant`] that is nowhere promised, and on Linux it is not so.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SINCE_BOOT: ClockId = ClockId::Boottime;
/// As on Linux; Apple's `CLOCK_MONOTONIC` counts sleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// A clock that moves only when a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    readings: Mutex<Readings>,
}

#[derive(Debug, Clone, Copy)]
struct Readings {
    now: DateTime<Utc>,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows `now`, its monotonic reading being zero.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        let readings = Readings { now: now.trunc_subsecs(6), monotonic: Duration::ZERO };
        Self { readings: Mutex::new(readings) }
    }

    /// Lets `time` pass: both readings move by it.
    pub fn advance(&self, time: Duration) {
        let mut readings = self.readings();
        readings.monotonic = readings.monotonic.saturating_add(time);
        readings.now = TimeDelta::from_std(time)
            .ok()
            .and_then(|delta| readings.now.checked_add_signed(delta))
            .map_or(DateTime::<Utc>::MAX_UTC, |moved| moved.trunc_subsecs(6));
    }

    /// Corrects the time of day, also backwards, as an administrator or NTP would; no time passes.
    pub fn set(&self, now: DateTime<Utc>) {
        self.readings().now = now.trunc_subsecs(6);
    }

    fn readings(&self) -> MutexGuard<'_, Readings> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.readings().now
    }

    fn monotonic(&self) -> Duration {
        self.readings().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap()
    }

    #[test]
    fn the_time_of_day_has_whole_microseconds() {
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000, 0);
        assert_eq!(ManualClock::new(noon()).now().timestamp_subsec_nanos(), 123_456_000);
    }

    #[test]
    fn both_forms_of_the_time_of_day_agree() {
        let [before, micros, after] = [
            SystemClock.now().timestamp_micros(),
            SystemClock.unix_micros(),
            SystemClock.now().timestamp_micros(),
        ];
        assert!((before..=after).contains(&micros), "{before} {micros} {after}");
        assert_eq!(ManualClock::new(noon()).unix_micros(), noon().timestamp_micros());
    }

    #[test]
    fn the_monotonic_reading_never_goes_back() {
        let readings: Vec<_> = (0..1_000).map(|_| SystemClock.monotonic()).collect();
        assert!(readings.is_sorted());
    }

    #[test]
    fn a_correction_moves_the_time_of_day_alone() {
        let clock = ManualClock::new(noon());
        clock.advance(Duration::from_secs(10));
        assert_eq!(clock.now(), noon().trunc_subsecs(6) + TimeDelta::seconds(10));
        assert_eq!(clock.monotonic(), Duration::from_secs(10));

        clock.set(noon() - TimeDelta::hours(1));
        assert_eq!(clock.now(), noon().trunc_subsecs(6) - TimeDelta::hours(1));
        assert_eq!(clock.monotonic(), Duration::from_secs(10));
    }

    #[test]
    fn advancing_beyond_all_time_stops_at_its_end() {
        let clock = ManualClock::new(noon());
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), DateTime::<Utc>::MAX_UTC);
    }
}
