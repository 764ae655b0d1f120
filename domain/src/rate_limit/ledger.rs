//! Who holds which share of one subject's limits.
//!
//! What it keeps to: for every window, the shares that holders may be using, or may have used within
//! the last window, add up to no more than the limit. Together with what a node promises in its
//! [`Ask`], no window of any position ever sees more than the limit.
//!
//! A ledger is changed by one process at a time, with the time of one clock. That clock may run
//! faster or slower than a node's by a thousandth, step back by any time, and leap forward by
//! [`LEAP_MS`], also after a step back. A greater leap frees the shares of nodes too early that do not
//! ask again within it.

use serde::{Deserialize, Serialize};

use crate::rate_limit::division::{divide, is_contended};
use crate::rate_limit::message::{Ask, Declined, Holder, Shares, WindowAsk, WindowShare};
use crate::rate_limit::{MOST_WINDOWS, RateLimit};

/// How long shares may be used without asking again, in milliseconds. A node that vanishes withholds
/// its share for so long and a window more.
pub const LEASE_MS: u32 = 20_000;

/// By how much the ledger's clock may leap forward without harm, in milliseconds: a vanished node's
/// share is withheld for so much longer.
pub const LEAP_MS: u32 = 1_000;

/// The most holders of a subject: nodes, and lives of nodes that ended lately.
pub const MOST_HOLDERS: usize = 256;

/// The state of one subject. Its JSON is what is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The latest time seen.
    clock_ms: u64,
    /// By holder.
    holdings: Vec<Holding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    holder: Holder,
    /// The latest ask.
    number: u64,
    /// When the shares have surely lapsed on the holder's clock.
    until_ms: u64,
    windows: Vec<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    window_ms: u32,
    held: u32,
    needed: u32,
}

impl Holding {
    fn window(&self, window_ms: u32) -> Option<&Held> {
        self.windows.iter().find(|window| window.window_ms == window_ms)
    }

    /// What may have been counted within the last window at `now`.
    fn blocks(&self, window_ms: u32, now: u64) -> u32 {
        let free_at = self.until_ms.saturating_add(stretched(window_ms));
        self.window(window_ms).filter(|_| now < free_at).map_or(0, |window| window.held)
    }
}

/// A time on a node's clock as it is at the most on the ledger's: each may be wrong by a thousandth,
/// in opposite directions, and the same again to be sure.
fn stretched(ms: u32) -> u64 {
    u64::from(ms) + u64::from(ms.div_ceil(250)) + 1
}

impl Ledger {
    /// Answers a holder that asks at `now_ms`, the time of the ledger's clock in milliseconds.
    ///
    /// # Errors
    /// [`Declined`]; what expired by `now_ms` is free nevertheless.
    pub fn ask(&mut self, holder: &Holder, ask: &Ask, now_ms: u64) -> Result<Shares, Declined> {
        check(ask)?;
        self.expire(now_ms);
        let at = self.place_of(holder, ask)?;
        let mut shares = Shares {
            number: ask.number,
            lease_ms: LEASE_MS,
            contended: false,
            windows: Vec::with_capacity(ask.windows.len()),
        };
        let mut windows = Vec::with_capacity(ask.windows.len());
        for asked in &ask.windows {
            let held = self.confirmed(at, asked);
            let room = asked.limit.limit().saturating_sub(self.blocked_by_others(at, asked.limit));
            let (wanted, contended) = self.wanted(at, asked, held);
            let share = if ask.leaves() { 0 } else { wanted.min(room) };
            shares.contended |= share < wanted || contended;
            shares.windows.push(WindowShare { window_ms: asked.limit.window_ms(), share });
            windows.push(Held {
                window_ms: asked.limit.window_ms(),
                // What the holder has counted stays its own until it has slid out and it says so.
                held: held.max(share),
                needed: asked.needed,
            });
        }
        let until_ms = self.clock_ms.saturating_add(stretched(LEASE_MS)).saturating_add(u64::from(LEAP_MS));
        if let Some(holding) = self.holdings.get_mut(at) {
            holding.number = ask.number;
            holding.until_ms = holding.until_ms.max(until_ms);
            holding.windows = windows;
        }
        Ok(shares)
    }

    /// Forgets the holders whose shares lapsed a window ago. [`Ledger::ask`] does it by itself.
    pub fn expire(&mut self, now_ms: u64) {
        self.clock_ms = self.clock_ms.max(now_ms);
        let now = self.clock_ms;
        self.holdings.retain(|holding| {
            now < holding.until_ms
                || holding.windows.iter().any(|window| holding.blocks(window.window_ms, now) > 0)
        });
    }

    /// Whether nobody holds anything, so that nothing is lost with this ledger.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holdings.is_empty()
    }

    /// How much of a window is held, or cooling down: never more than the highest limit that was
    /// asked for with it.
    #[must_use]
    pub fn held(&self, window_ms: u32) -> u64 {
        self.holdings.iter().map(|holding| u64::from(holding.blocks(window_ms, self.clock_ms))).sum()
    }

    /// The index of the holder's entry, a new one if there is none.
    fn place_of(&mut self, holder: &Holder, ask: &Ask) -> Result<usize, Declined> {
        match self.holdings.binary_search_by(|holding| holding.holder.cmp(holder)) {
            Ok(at) if self.holdings.get(at).is_some_and(|holding| holding.number >= ask.number) => {
                Err(Declined::Overtaken)
            }
            Ok(at) => Ok(at),
            Err(_) if self.holdings.len() >= MOST_HOLDERS => Err(Declined::Full),
            Err(at) => {
                let holding = Holding { holder: holder.clone(), number: 0, until_ms: 0, windows: Vec::new() };
                self.holdings.insert(at, holding);
                Ok(at)
            }
        }
    }

    /// What the holder goes on holding by its own word, and no more than it was given: of an entry
    /// that is new here, whatever the holder still counts slid out of every window before it went.
    fn confirmed(&self, at: usize, asked: &WindowAsk) -> u32 {
        let known = self.holdings.get(at).and_then(|holding| holding.window(asked.limit.window_ms()));
        known.map_or(0, |known| known.held.min(asked.held))
    }

    fn blocked_by_others(&self, at: usize, limit: RateLimit) -> u32 {
        let others = self.holdings.iter().enumerate().filter(|(other, _)| *other != at);
        others.fold(0, |sum, (_, other)| sum.saturating_add(other.blocks(limit.window_ms(), self.clock_ms)))
    }

    /// What the holder should hold, and whether there is little to go round.
    fn wanted(&self, at: usize, asked: &WindowAsk, held: u32) -> (u32, bool) {
        let limit = asked.limit.limit();
        let window_ms = asked.limit.window_ms();
        let mut needs = Vec::new();
        let mut holds = Vec::new();
        let mut own = 0;
        for (place, holding) in self.holdings.iter().enumerate() {
            if place == at {
                own = needs.len();
                needs.push(u64::from(asked.needed));
                holds.push(held);
            } else if self.clock_ms < holding.until_ms // Who has lapsed takes no part.
                && let Some(window) = holding.window(window_ms)
                && (window.held > 0 || window.needed > 0)
            {
                needs.push(u64::from(window.needed));
                holds.push(window.held);
            }
        }
        // Seldom enough that what moves with it is nothing beside the window.
        let turn = self.clock_ms / (u64::from(window_ms) * 4);
        let parts = divide(limit, &needs, turn);
        let part = parts.get(own).copied().unwrap_or(0);
        // A holder that uses what it holds keeps what differs little from its part, as far as nobody has
        // next to nothing: demand never stands still, and what moves is of no use on its way.
        let little = part < held && held - part <= held / 4 && asked.needed > held;
        let lacking = |(part, held): (&u32, &u32)| if *held < part.div_ceil(2) { part - held } else { 0 };
        let wanted = if little {
            let lacked = parts.iter().zip(&holds).fold(0, |sum: u32, pair| sum.saturating_add(lacking(pair)));
            held - lacked.min(held - part)
        } else {
            part
        };
        (wanted, is_contended(limit, &needs))
    }
}

fn check(ask: &Ask) -> Result<(), Declined> {
    let count = ask.windows.len();
    let mut lengths: Vec<u32> = ask.windows.iter().map(|window| window.limit.window_ms()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    if (1..=MOST_WINDOWS).contains(&count) && lengths.len() == count {
        Ok(())
    } else {
        Err(Declined::Malformed)
    }
}
