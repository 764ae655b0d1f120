//! The clocks of the measurements: real time, and the time that a thread was on a processor.

use std::time::{Duration, Instant};

/// Runs from its creation on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn seconds(self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}

/// Runs while the thread that made it does, so that other work on the machine does not count. Elsewhere than on Linux it
/// is a clock like any other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadStopwatch {
    real: Stopwatch,
    before: Option<u64>,
}

impl ThreadStopwatch {
    pub(crate) fn start() -> Self {
        Self { before: on_processor(), real: Stopwatch::start() }
    }

    /// To be asked by the same thread.
    pub(crate) fn seconds(self) -> f64 {
        match (self.before, on_processor()) {
            (Some(before), Some(now)) => now.saturating_sub(before) as f64 / 1e9,
            _ => self.real.seconds(),
        }
    }
}

/// Nanoseconds that this thread has been on a processor.
fn on_processor() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
