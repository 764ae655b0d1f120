//! Waiting for a condition, never for a time, and never for ever.

use std::time::{Duration, Instant};

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// How long anything may take that ought to happen soon. Generous: a busy machine is no failure.
#[must_use]
pub const fn patience() -> Duration {
    Duration::from_secs(30)
}

/// Looks until the condition holds; `false` after `within`.
pub fn until(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if began.elapsed() > within {
            return false;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// Looks until there is a value, for [`patience`].
///
/// # Panics
/// When there is none by then.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    let there = until(patience(), || {
        found = look();
        found.is_some()
    });
    assert!(there, "not within {:?}: {what}", patience());
    found.unwrap()
}
