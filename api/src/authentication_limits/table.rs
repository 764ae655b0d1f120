//! Counts by key, in bounded memory. A count is never thrown away before its windows are empty. When there are as many as may
//! be, further keys are counted together with others, so that a flood of keys makes the limits narrower and not wider.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash};

use foldhash::quality::RandomState;

use super::window::Window;

/// How many keys have a count of their own.
const MOST_KEPT: usize = 65_536;
/// How many counts the others share.
const SHARED: usize = 4_096;
/// How long the table is not gone through again after it was found full.
const SWEPT_EVERY: u64 = 1_000;

/// What is counted of one key, or of several.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Attempts that were begun.
    pub(super) requests: Window,
    /// Those that failed.
    pub(super) failures: Window,
    /// Those that nobody knows the end of yet.
    pub(super) running: u32,
}

impl Counts {
    /// Whether nothing is left to remember.
    fn is_empty(&mut self, length: u64, now: u64) -> bool {
        let counted = self.requests.slide(length, now) + self.failures.slide(length, now);
        counted == 0 && self.running == 0
    }
}

/// Where the counts of a key are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<K> {
    Own(K),
    Shared(usize),
}

/// The counts of all keys, over windows of one length.
#[derive(Debug)]
pub(super) struct Table<K> {
    kept: HashMap<K, Counts, RandomState>,
    shared: Box<[Counts]>,
    /// Not to be foreseen: nobody can choose whom a count is shared with.
    spread: RandomState,
    length: u64,
    most_kept: usize,
    swept: Option<u64>,
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// A table without counts.
    pub(super) fn new(length: u64) -> Self {
        Self::of(length, MOST_KEPT)
    }

    fn of(length: u64, most_kept: usize) -> Self {
        Self {
            kept: HashMap::default(),
            shared: (0..SHARED).map(|_| Counts::default()).collect(),
            spread: RandomState::default(),
            length,
            most_kept,
            swept: None,
        }
    }

    /// Where a key is counted from now on. `together` says which keys are counted together where there is no room.
    pub(super) fn place(&mut self, key: K, together: impl Hash, now: u64) -> Place<K> {
        if self.kept.contains_key(&key) {
            return Place::Own(key);
        }
        let due = self.swept.is_none_or(|swept| now.saturating_sub(swept) >= SWEPT_EVERY);
        if self.kept.len() >= self.most_kept && due {
            self.swept = Some(now);
            let length = self.length;
            self.kept.retain(|_, counts| !counts.is_empty(length, now));
        }
        if self.kept.len() < self.most_kept {
            return Place::Own(key);
        }
        let hash = self.spread.hash_one(together);
        Place::Shared(usize::try_from(hash % SHARED as u64).unwrap_or(0))
    }

    /// The counts at a place.
    #[expect(clippy::indexing_slicing, reason = "places are made with a remainder of the number of counts")]
    pub(super) fn at(&mut self, place: Place<K>) -> &mut Counts {
        match place {
            Place::Own(key) => self.kept.entry(key).or_default(),
            Place::Shared(at) => &mut self.shared[at % SHARED],
        }
    }

    /// How long the windows are.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_nothing_that_counts_and_lets_others_share() {
        let mut table = Table::of(1_000, 3);
        for key in 0..3_u32 {
            let place = table.place(key, 0, 0);
            table.at(place).requests.count(1_000, u64::from(key) * 100);
        }
        let place = table.place(7, 0, 500);
        assert!(matches!(place, Place::Shared(_)), "{place:?}");
        table.at(place).requests.count(1_000, 500);
        let neighbour = table.place(8, 0, 500);
        assert_eq!(table.at(neighbour).requests.slide(1_000, 500), 1, "counted together");
        let known = table.place(0, 0, 500);
        assert!(matches!(known, Place::Own(0)), "who is counted stays counted: {known:?}");
        assert_eq!(table.at(known).requests.slide(1_000, 500), 1);

        assert!(matches!(table.place(7, 0, 1_200), Place::Shared(_)), "not looked through again so soon");
        assert!(matches!(table.place(7, 0, 1_500), Place::Own(7)), "three have slid out by now");
        assert_eq!(table.kept.len(), 0);
    }

    #[test]
    fn what_has_not_ended_is_kept() {
        let mut table = Table::of(1_000, 1);
        let place = table.place(1, 1, 0);
        table.at(place).running += 1;
        assert!(matches!(table.place(2, 2, 10_000), Place::Shared(_)));
        table.at(place).running -= 1;
        assert!(matches!(table.place(2, 2, 20_000), Place::Own(2)));
    }
}
