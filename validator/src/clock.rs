//! Time for a node's lease.

use std::time::Duration;

/// Where a node has its time from. A trait, so that tests and simulations have their own.
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// The time since an arbitrary origin. It never goes back, nobody sets it, and it goes on while the machine is suspended:
    /// `CLOCK_BOOTTIME` on Linux. A lease is measured by it.
    fn boottime(&self) -> Duration;

    /// Unix time in microseconds, for expiry and for the list of requests. It may be set.
    fn unix_micros(&self) -> i64;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the port's one real implementation")]
impl Clock for SystemClock {
    fn boottime(&self) -> Duration {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        const COUNTS_SUSPENSION: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        // On Apple's systems this one goes on in sleep.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        const COUNTS_SUSPENSION: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        // A reading that cannot be, before the origin, must end leases and not prolong them.
        rustix::time::clock_gettime(COUNTS_SUSPENSION).try_into().unwrap_or(Duration::MAX)
    }

    fn unix_micros(&self) -> i64 {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}
