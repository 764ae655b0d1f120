//! Rate limits: so many requests in any window of a length, counted over all validating nodes.
//!
//! [`RateLimit`] is what a dialect says. [`Ledger`] divides it among nodes: each holds a share that
//! it counts against by itself, and the shares never add up to more than the limit. A node sends an
//! [`Ask`] and gets [`Shares`].

mod counted;
mod division;
mod ledger;
mod message;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::counted::Counted;
pub use self::ledger::{LEAP_MS, LEASE_MS, Ledger, MOST_HOLDERS};
pub use self::message::{Ask, Declined, Holder, Shares, WindowAsk, WindowShare};

/// The most windows that a subject may be limited by.
pub const MOST_WINDOWS: usize = 4;
/// The highest limit.
pub const HIGHEST_LIMIT: u32 = 1_000_000;
/// The shortest window.
pub const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// The longest window.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);

/// At most `limit` requests in any `window`: in every half-open interval of that length, wherever it
/// begins, and not only in those that begin on the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct RateLimit {
    limit: u32,
    window_ms: u32,
}

/// A limit or a window is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRateLimit {
    /// The limit is.
    #[error("a rate limit must be 1 to 1000000 requests")]
    Limit,
    /// The window is, or it has a fraction of a millisecond.
    #[error("a rate limit's window must be 1s to 1h")]
    Window,
}

impl RateLimit {
    /// A limit of 1 to [`HIGHEST_LIMIT`] requests in a window of [`SHORTEST_WINDOW`] to
    /// [`LONGEST_WINDOW`], in whole milliseconds.
    ///
    /// # Errors
    /// [`InvalidRateLimit`]
    pub fn new(limit: u32, window: Duration) -> Result<Self, InvalidRateLimit> {
        if !(1..=HIGHEST_LIMIT).contains(&limit) {
            return Err(InvalidRateLimit::Limit);
        }
        let window_ms = u32::try_from(window.as_millis()).map_err(|_| InvalidRateLimit::Window)?;
        let whole = Duration::from_millis(u64::from(window_ms)) == window;
        if !whole || !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window) {
            return Err(InvalidRateLimit::Window);
        }
        Ok(Self { limit, window_ms })
    }

    /// How many requests, at least 1.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// In which time.
    #[must_use]
    pub const fn window(self) -> Duration {
        Duration::from_millis(self.window_ms as u64)
    }

    /// The window in milliseconds.
    #[must_use]
    pub const fn window_ms(self) -> u32 {
        self.window_ms
    }
}

/// A rate limit as it is written in messages.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    limit: u32,
    window_ms: u32,
}

impl TryFrom<Written> for RateLimit {
    type Error = InvalidRateLimit;

    fn try_from(written: Written) -> Result<Self, InvalidRateLimit> {
        Self::new(written.limit, Duration::from_millis(u64::from(written.window_ms)))
    }
}

impl From<RateLimit> for Written {
    fn from(limit: RateLimit) -> Self {
        Self { limit: limit.limit, window_ms: limit.window_ms }
    }
}

#[cfg(test)]
mod tests;
