//! Chance out of a seed, without a sequence: a draw depends on what it is for, and on when. One draw more or less, or two of one
//! instant in another order, so change nothing for all the others, and a run can be replayed.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use uuid::Uuid;

/// A draw that has not been made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance(u64);

/// FNV-1a. Of the standard library's hashers none promises to stay what it is.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        scatter(self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// The last step of `SplitMix64`.
const fn scatter(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(scatter(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// The draw for this.
    pub(crate) fn of(self, what: impl Hash) -> Self {
        let mut hasher = Fnv(self.0 ^ 0xcbf2_9ce4_8422_2325);
        what.hash(&mut hasher);
        Self(hasher.finish())
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Both ends included.
    pub(crate) fn between(self, least: u64, most: u64) -> u64 {
        least + scatter(self.0 ^ 1) % (most - least + 1)
    }

    pub(crate) fn index(self, length: usize) -> usize {
        usize::try_from(self.between(0, length as u64 - 1)).unwrap()
    }

    pub(crate) fn per_mille(self, odds: u64) -> bool {
        scatter(self.0 ^ 2) % 1_000 < odds
    }

    pub(crate) fn millis(self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// Short as a rule, and long now and then: each half of the draws has twice the length of the other.
    pub(crate) fn skewed(self, most: u64) -> Duration {
        self.of("skew").millis(1, (most >> self.between(0, 6)).max(1))
    }

    pub(crate) fn uuid(self) -> Uuid {
        Uuid::from_u64_pair(scatter(self.0 ^ 3), scatter(self.0 ^ 4))
    }
}

/// Draws one after the other, for somebody who makes all of them alone.
#[derive(Debug)]
pub(crate) struct Dice {
    chance: Chance,
    thrown: u64,
}

impl Dice {
    pub(crate) const fn new(chance: Chance) -> Self {
        Self { chance, thrown: 0 }
    }

    pub(crate) fn throw(&mut self) -> Chance {
        self.thrown += 1;
        self.chance.of(self.thrown)
    }
}
