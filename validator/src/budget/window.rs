//! What a node counts in one window: admitted requests that have not slid out, and how many were
//! tried lately. Times are microseconds on the node's clock.

use std::collections::VecDeque;

use nexus_domain::rate_limit::RateLimit;

/// The most sub-windows that a window's count is kept in. The finer, the sooner a request slides out:
/// each counts until the last one of its sub-window has.
const MOST_RUNS: u64 = 128;

/// Over how many slots of time demand is measured, and how long each is: together a quarter of a window,
/// or longer where chance would make too much of so short a time.
const SLOTS: usize = 8;
const SLOTS_PER_WINDOW: u64 = 32;
const SHORTEST_SLOT: u64 = 150_000;
/// Fewer requests than this say nothing about how many come in two slots.
const TELLING: u64 = 32;

/// Requests that were admitted one after another.
#[derive(Debug, Clone, Copy)]
struct Run {
    last: u64,
    /// How long before the last one the first was.
    span: u32,
    count: u32,
}

/// One window of a subject on this node.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) limit: RateLimit,
    /// How many requests may be counted in the window.
    pub(super) share: u32,
    /// The count: the sum of `runs`.
    pub(super) used: u32,
    /// The oldest first.
    runs: VecDeque<Run>,
    /// A window, and so much more that it is none too short on a clock that runs fast by a thousandth.
    length: u64,
    demand: Demand,
}

impl Window {
    pub(super) fn new(limit: RateLimit) -> Self {
        let window = u64::from(limit.window_ms()) * 1_000;
        Self {
            limit,
            share: 0,
            used: 0,
            runs: VecDeque::new(),
            length: window + window.div_ceil(1_000) + 1_000,
            demand: Demand::default(),
        }
    }

    /// Forgets what has slid out.
    pub(super) fn slide(&mut self, now: u64) {
        while let Some(oldest) = self.runs.front()
            && oldest.last.saturating_add(self.length) <= now
        {
            self.used -= oldest.count;
            self.runs.pop_front();
        }
    }

    /// Whether so many more fit into `share`.
    pub(super) fn fits(&self, cost: u32, share: u32) -> bool {
        self.used.checked_add(cost).is_some_and(|used| used <= share)
    }

    /// Counts an admitted request.
    pub(super) fn count(&mut self, cost: u32, now: u64) {
        self.used += cost;
        let run_length = self.length / (MOST_RUNS - 2);
        if let Some(run) = self.runs.back_mut()
            && let Ok(span) = u32::try_from(now.saturating_sub(run.last) + u64::from(run.span))
            && u64::from(span) < run_length
        {
            *run = Run { last: now, span, count: run.count + cost };
        } else {
            self.runs.push_back(Run { last: now, span: 0, count: cost });
        }
    }

    /// Remembers that a request was tried, admitted or refused for this window's sake.
    pub(super) fn tried(&mut self, cost: u32, now: u64) {
        self.demand.add(cost, now / self.slot());
    }

    /// How many requests would be admitted in a window at the present rate, or are counted if that is more.
    /// Where fewer came of late, only as many as are counted and may come soon: what is not used is of use
    /// elsewhere.
    pub(super) fn needed(&mut self, now: u64) -> u32 {
        let slot = self.slot();
        self.demand.slide(now / slot);
        let in_window = |tried: u64, slots: u64| tried.saturating_mul(self.length) / (slots * slot);
        let lately = self.demand.latest(SLOTS);
        let mut needed = in_window(lately, SLOTS as u64);
        if lately >= TELLING {
            needed = needed.min(u64::from(self.used) + in_window(self.demand.latest(2), 2) / 2);
        }
        u32::try_from(needed).unwrap_or(u32::MAX).max(self.used)
    }

    fn slot(&self) -> u64 {
        (self.length / SLOTS_PER_WINDOW).max(SHORTEST_SLOT)
    }

    /// How long until so many more fit into the share, if nothing else is admitted. A share that is too
    /// small for them may grow: what is told then is how often the limit allows them.
    pub(super) fn fits_after(&self, cost: u32, share: u32, now: u64) -> u64 {
        let Some(most) = share.checked_sub(cost) else {
            let limit = u64::from(self.limit.limit());
            return self.length.saturating_mul(u64::from(cost).min(limit)) / limit;
        };
        let mut used = self.used;
        for run in &self.runs {
            if used <= most {
                break;
            }
            used -= run.count;
            if used <= most {
                return run.last.saturating_add(self.length).saturating_sub(now);
            }
        }
        0
    }

    /// How long until the oldest of those that count have slid out.
    pub(super) fn slides_after(&self, now: u64) -> u64 {
        self.runs.front().map_or(0, |oldest| oldest.last.saturating_add(self.length).saturating_sub(now))
    }

    /// How long the window is here.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }
}

/// A sum over the latest slots of time.
#[derive(Debug, Default)]
struct Demand {
    slots: [u32; SLOTS],
    /// The slot that time stands in.
    at: u64,
}

impl Demand {
    fn slide(&mut self, at: u64) {
        let passed = at.saturating_sub(self.at);
        for slot in (self.at + 1..=at).take(SLOTS) {
            self.clear(slot);
        }
        if passed >= SLOTS as u64 {
            self.slots = [0; SLOTS];
        }
        self.at = self.at.max(at);
    }

    fn clear(&mut self, slot: u64) {
        if let Some(count) = self.slots.get_mut(place(slot)) {
            *count = 0;
        }
    }

    /// The sum of so many slots up to now.
    fn latest(&self, slots: usize) -> u64 {
        let of = |back: u64| self.slots.get(place(self.at.wrapping_sub(back))).copied().map_or(0, u64::from);
        (0..slots as u64).map(of).sum()
    }

    fn add(&mut self, cost: u32, at: u64) {
        self.slide(at);
        if let Some(count) = self.slots.get_mut(place(self.at)) {
            *count = count.saturating_add(cost);
        }
    }
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn window() -> Window {
        Window::new(RateLimit::new(100, Duration::from_secs(10)).unwrap())
    }

    #[test]
    fn a_request_slides_out_a_window_after_the_last_of_its_run() {
        let mut window = window();
        window.count(3, 5 * SECOND);
        window.count(2, 5 * SECOND + 50_000);
        let out = 5 * SECOND + 50_000 + window.length();
        assert!(window.length() > 10 * SECOND && window.length() < 10 * SECOND + 20_000);
        window.slide(out - 1);
        assert_eq!(window.used, 5);
        window.slide(out);
        assert_eq!(window.used, 0);
    }

    #[test]
    fn there_are_never_more_runs_than_planned() {
        let mut window = window();
        for step in 0..40_000 {
            let now = step * 1_000;
            window.slide(now);
            window.count(1, now);
            assert!(window.runs() as u64 <= MOST_RUNS);
        }
        assert!((10_000..10_200).contains(&window.used), "{}", window.used);
    }

    #[test]
    fn the_wait_is_for_as_many_as_are_needed() {
        let mut window = window();
        window.count(60, 0);
        window.count(40, SECOND);
        assert_eq!(window.fits_after(10, 100, 2 * SECOND), window.length() - 2 * SECOND);
        assert_eq!(window.fits_after(70, 100, 2 * SECOND), window.length() - SECOND);
        assert_eq!(window.fits_after(1, 0, 2 * SECOND), window.length() / 100);
        assert_eq!(window.fits_after(101, 100, 2 * SECOND), window.length());
        assert_eq!(window.fits_after(10, 110, 2 * SECOND), 0);
    }

    #[test]
    fn demand_is_measured_over_a_quarter_of_the_window() {
        let mut window = window();
        for step in 0..100 {
            window.tried(1, step * 100_000);
        }
        let needed = window.needed(10 * SECOND);
        assert!((80..=100).contains(&needed), "{needed}");
        assert!(window.needed(11 * SECOND) < needed);
        assert_eq!(window.needed(13 * SECOND), 0);
        window.tried(u32::MAX, 14 * SECOND);
        assert_eq!(window.needed(14 * SECOND), u32::MAX);
        assert_eq!(window.needed(1_000_000 * SECOND), 0);
    }
}
