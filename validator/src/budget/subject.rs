//! One subject on this node: what it counts, what share it holds until when, and what it has asked.
//! Times are microseconds on the node's clock.

use std::time::Duration;

use nexus_domain::rate_limit::{Ask, MOST_WINDOWS, RateLimit, Shares, WindowAsk};

use crate::budget::window::Window;
use crate::budget::{Left, Refusal, Remaining};

/// How soon an ask that got no answer is repeated, at first; twice as long each time after that.
const PATIENCE: u64 = 250_000;
const LONGEST_PATIENCE: u64 = 4_000_000;
/// What someone is told who came before the first share.
const SOON: u64 = 50_000;
/// The least time between two asks.
const LEAST_GAP: u64 = 25_000;
/// How often a part of the lease passes before shares are asked for again, without need.
const RENEWALS_PER_LEASE: u64 = 4;

#[derive(Debug)]
pub(super) struct Subject {
    windows: Vec<Window>,
    /// The latest time seen. Threads come with times that were read in another order; who is late is
    /// counted as if it were now, since shares were given back by what is counted now.
    clock: u64,
    /// When the shares lapse.
    until: u64,
    /// The ask that is on its way, and when it was sent.
    asked: Option<(u64, u64)>,
    patience: u64,
    /// When the latest answer came.
    answered: Option<u64>,
    /// How long until shares are asked for again without need.
    interval: u64,
    /// Whether more is wanted than is there.
    short: bool,
    /// When a request was last tried.
    tried: u64,
    /// When to ask next.
    due: u64,
}

impl Subject {
    pub(super) fn new(limits: &[RateLimit], now: u64) -> Self {
        Self {
            windows: limits.iter().take(MOST_WINDOWS).map(|limit| Window::new(*limit)).collect(),
            clock: now,
            until: 0,
            asked: None,
            patience: PATIENCE,
            answered: None,
            interval: u64::MAX,
            short: false,
            tried: now,
            due: now,
        }
    }

    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// Whether the ledger has answered since the subject was made, or its limits changed.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// Whether more is wanted than is there, and the ledger has not been heard on that.
    pub(super) fn is_short(&self) -> bool {
        self.short
    }

    /// Admits a request or refuses it, and moves [`Subject::due`] where that changes when to ask.
    pub(super) fn admit(&mut self, limits: &[RateLimit], cost: u32, now: u64) -> Result<Remaining, Refusal> {
        self.adopt(limits);
        let now = self.advance(now);
        self.tried = now;
        let outcome = self.decide(cost, now);
        // A window that another one keeps from being used needs no more than it has.
        let blocking = match outcome {
            Err(Refusal::Exceeded { limit, .. }) => Some(limit),
            Ok(()) | Err(Refusal::NoShare { .. }) => None,
        };
        for window in &mut self.windows {
            if blocking.is_none_or(|limit| limit == window.limit) {
                window.tried(cost, now);
            }
            if outcome.is_ok() {
                window.count(cost, now);
            }
        }
        self.want(outcome.is_err(), now);
        outcome.map(|()| {
            let mut remaining = Remaining::default();
            for (left, window) in remaining.windows.iter_mut().zip(&self.windows) {
                let more_after = Duration::from_micros(window.slides_after(now));
                *left = Some(Left { requests: window.share.saturating_sub(window.used), more_after });
            }
            remaining
        })
    }

    fn decide(&self, cost: u32, now: u64) -> Result<(), Refusal> {
        let lapsed = now >= self.until;
        let mut refusal = None;
        for window in &self.windows {
            let share = if lapsed { 0 } else { window.share };
            if window.fits(cost, share) {
                continue;
            }
            // Of several limits, the one that keeps the request waiting longest.
            let mut after = window.fits_after(cost, share, now);
            if share < window.limit.limit() && !self.is_contended() {
                // There is more than this share, and it has been asked for.
                after = after.min(SOON);
            }
            if refusal.is_none_or(|(_, longest)| after > longest) {
                refusal = Some((window.limit, after));
            }
        }
        match refusal {
            None => Ok(()),
            Some(_) if lapsed => Err(Refusal::no_share(SOON)),
            Some((limit, after)) => Err(Refusal::exceeded(limit, after)),
        }
    }

    /// Asks soon where little is left or something was refused, before the next request finds nothing.
    fn want(&mut self, refused: bool, now: u64) {
        let low = |window: &Window| {
            window.share < window.limit.limit() && window.used >= window.share - window.share / 4
        };
        let short = self.windows.iter().any(low) || refused && now >= self.until;
        if short && !self.short {
            self.short = true;
            self.due = self.due.min(self.earliest());
        }
    }

    /// Whether the ledger said so the last time.
    fn is_contended(&self) -> bool {
        self.interval <= self.gap()
    }

    /// The earliest time for another ask.
    fn earliest(&self) -> u64 {
        match (self.asked, self.answered) {
            (Some((_, at)), _) => at.saturating_add(self.patience),
            (None, Some(at)) if self.is_contended() => at.saturating_add(self.gap()),
            (None, Some(at)) => at.saturating_add(LEAST_GAP),
            (None, None) => self.clock,
        }
    }

    /// The time between two asks where nodes want more than there is: a small part of the shortest window,
    /// since what moves between nodes is of no use to anybody for so long.
    fn gap(&self) -> u64 {
        let shortest = self.windows.iter().map(Window::length).min().unwrap_or(0);
        (shortest / 128).clamp(LEAST_GAP, 1_000_000)
    }

    /// Whether nothing is counted, and nobody came for as long as the longest window.
    pub(super) fn is_idle(&mut self, now: u64) -> bool {
        let now = self.advance(now);
        let longest = self.windows.iter().map(Window::length).max().unwrap_or(0);
        self.tried.saturating_add(longest) <= now && self.windows.iter().all(|window| window.used == 0)
    }

    /// The next ask. From here on no answer to an earlier one is taken.
    pub(super) fn ask(&mut self, number: u64, now: u64) -> Ask {
        let now = self.advance(now);
        let lapsed = now >= self.until;
        let windows = self
            .windows
            .iter_mut()
            .map(|window| WindowAsk {
                limit: window.limit,
                held: if lapsed { window.used } else { window.used.max(window.share) },
                needed: window.needed(now),
            })
            .collect();
        self.patience = match self.asked {
            Some(_) => self.patience.saturating_mul(2).min(LONGEST_PATIENCE),
            None => PATIENCE,
        };
        self.asked = Some((number, now));
        self.due = now.saturating_add(self.patience);
        Ask { number, windows }
    }

    /// The ask of a subject that is idle and about to be forgotten: gives everything back.
    pub(super) fn leave(&self, number: u64) -> Ask {
        let gone = |window: &Window| WindowAsk { limit: window.limit, held: 0, needed: 0 };
        Ask { number, windows: self.windows.iter().map(gone).collect() }
    }

    /// Takes the answer to the latest ask. Any other is of no use: a later ask promised otherwise.
    pub(super) fn take(&mut self, shares: &Shares, now: u64) -> bool {
        let now = self.advance(now);
        let Some((_, asked_at)) = self.asked.filter(|(number, _)| *number == shares.number) else {
            return false;
        };
        for window in &mut self.windows {
            let window_ms = window.limit.window_ms();
            let of_window = shares.windows.iter().find(|share| share.window_ms == window_ms);
            window.share = of_window.map_or(0, |share| share.share);
        }
        let lease = u64::from(shares.lease_ms).saturating_mul(1_000);
        self.until = asked_at.saturating_add(lease);
        self.asked = None;
        self.answered = Some(now);
        // After contention a node looks again a few times: its need often falls just before another's rises.
        self.interval = if shares.contended { self.gap() } else { self.interval.saturating_mul(2) };
        self.interval = self.interval.min(lease / RENEWALS_PER_LEASE);
        self.short = false;
        let holds = self.windows.iter().any(|window| window.share > 0 || window.used > 0);
        self.due = if holds { now.saturating_add(self.interval) } else { self.until };
        if self.tried >= asked_at {
            self.want(false, now);
        }
        true
    }

    /// Takes over limits that have changed. What is counted in a window of the same length stays.
    fn adopt(&mut self, limits: &[RateLimit]) {
        let same = self.windows.len() == limits.len().min(MOST_WINDOWS)
            && self.windows.iter().zip(limits).all(|(window, limit)| window.limit == *limit);
        if same {
            return;
        }
        let mut old = std::mem::take(&mut self.windows);
        for limit in limits.iter().take(MOST_WINDOWS) {
            let known = old.iter().position(|window| window.limit.window_ms() == limit.window_ms());
            let mut window = known.map_or_else(|| Window::new(*limit), |at| old.swap_remove(at));
            window.limit = *limit;
            window.share = window.share.min(limit.limit());
            self.windows.push(window);
        }
        self.answered = None;
        self.due = self.earliest();
    }

    /// Lets time pass up to `now`, and says what time it is here.
    fn advance(&mut self, now: u64) -> u64 {
        self.clock = self.clock.max(now);
        for window in &mut self.windows {
            window.slide(self.clock);
        }
        self.clock
    }
}
