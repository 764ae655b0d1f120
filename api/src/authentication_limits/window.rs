//! How many there were in the last stretch of time, wherever it begins. Times are milliseconds of one clock.

use std::collections::VecDeque;
use std::time::Duration;

/// The most sub-windows that a count is kept in: each counts until its last one has slid out.
const MOST_RUNS: u64 = 64;

/// Some that came one after another.
#[derive(Debug, Clone, Copy)]
struct Run {
    last: u64,
    /// How long before the last one the first was.
    span: u32,
    count: u32,
}

/// The count of one window. Empty, it takes no memory but its own.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The oldest first.
    runs: VecDeque<Run>,
    count: u32,
}

impl Window {
    /// Forgets what has slid out of a window of this length, and says how many are left.
    pub(super) fn slide(&mut self, length: u64, now: u64) -> u32 {
        while let Some(oldest) = self.runs.front()
            && oldest.last.saturating_add(length) <= now
        {
            self.count = self.count.saturating_sub(oldest.count);
            self.runs.pop_front();
        }
        self.count
    }

    /// Counts one.
    pub(super) fn count(&mut self, length: u64, now: u64) {
        self.count = self.count.saturating_add(1);
        if let Some(run) = self.runs.back_mut()
            && let Ok(span) = u32::try_from(now.saturating_sub(run.last) + u64::from(run.span))
            && u64::from(span) < length / (MOST_RUNS - 2)
        {
            *run = Run { last: now.max(run.last), span, count: run.count.saturating_add(1) };
        } else {
            self.runs.push_back(Run { last: now, span: 0, count: 1 });
        }
    }

    /// How long until one more fits under a limit, if no other comes.
    pub(super) fn fits_after(&self, length: u64, limit: u32, now: u64) -> u64 {
        let mut count = self.count;
        for run in &self.runs {
            if count < limit {
                break;
            }
            count = count.saturating_sub(run.count);
            if count < limit {
                return run.last.saturating_add(length).saturating_sub(now);
            }
        }
        0
    }
}

/// A window's length in milliseconds, and so much more that it is none too short on a clock that runs fast by a thousandth.
pub(super) fn length(window: Duration) -> u64 {
    let exact = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    exact.saturating_add(exact.div_ceil(1_000)).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_counts_until_a_window_after_the_last_of_its_run() {
        let length = length(Duration::from_secs(60));
        assert_eq!(length, 60_061);
        let mut window = Window::default();
        window.count(length, 5_000);
        window.count(length, 5_900);
        window.count(length, 9_000);
        assert_eq!(window.slide(length, 5_900 + length - 1), 3);
        assert_eq!(window.slide(length, 5_900 + length), 1);
        assert_eq!(window.slide(length, 9_000 + length), 0);
    }

    #[test]
    fn there_are_never_more_runs_than_planned() {
        let length = length(Duration::from_secs(60));
        let mut window = Window::default();
        for now in (0..600_000).step_by(10) {
            window.slide(length, now);
            window.count(length, now);
            assert!(window.runs.len() as u64 <= MOST_RUNS);
        }
        assert!((6_000..6_110).contains(&window.count), "{}", window.count);
    }

    #[test]
    fn the_wait_is_for_one_more() {
        let length = length(Duration::from_secs(60));
        let mut window = Window::default();
        window.count(length, 0);
        window.count(length, 10_000);
        window.count(length, 20_000);
        assert_eq!(window.fits_after(length, 3, 30_000), length - 30_000);
        assert_eq!(window.fits_after(length, 1, 30_000), length - 10_000);
        assert_eq!(window.fits_after(length, 4, 30_000), 0);
    }
}
