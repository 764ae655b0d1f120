//! Who holds a right to answer that this API node gave, without IO: the nodes that a revocation waits for.
//!
//! A holder is one run of a node's process. It is recorded when its question **arrives**, before the log is read for the answer:
//! a right that rests on a log without a revocation is so always on record when that revocation looks.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use nexus_domain::ids::KeyId;
use nexus_validator::lease::LENGTH;
use uuid::Uuid;

/// How far two clocks may drift apart: 0.1 %.
const DRIFT_PER_MILLE: u32 = 1;
/// What is added for rounding, and for the time between reading a clock and acting upon it.
const MARGIN: Duration = Duration::from_millis(50);

/// How long after the arrival of a question, by this process's clock, the right that answers it has certainly ended by the
/// node's: `L (1 + ρ) / (1 − ρ)`, and a margin. It began at the node's own clock before the question was sent.
#[must_use]
pub fn longest_lease() -> Duration {
    LENGTH * (1000 + DRIFT_PER_MILLE) / (1000 - DRIFT_PER_MILLE) + MARGIN
}

/// How long a holder whose right has ended is still listed.
const REMEMBERED: Duration = Duration::from_secs(60);

/// One run of a node's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HolderId {
    /// The node.
    pub node: Uuid,
    /// The run.
    pub incarnation: Uuid,
    /// The credential that it came with, where that is known: nobody with another one can speak for it.
    pub credential: Option<KeyId>,
}

/// What is known of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Everything up to here is visible on the node.
    pub acked: u64,
    /// When its right has certainly ended, by this process's clock.
    pub until: Duration,
}

/// How many holders there are for a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// They have said that it is visible.
    pub confirmed: u32,
    /// They have not, and their right has ended since `then`.
    pub lapsed: u32,
    /// They have not, and may still answer without it.
    pub pending: u32,
}

/// All holders of an API node. Times are readings of one clock of this process.
#[derive(Debug, Default)]
pub struct Holders {
    holders: HashMap<HolderId, Holder>,
    /// The same by what they acknowledged, to find the one that is farthest behind.
    by_acked: BTreeSet<(u64, HolderId)>,
}

impl Holders {
    /// A question for the right to answer arrived from a node that shows everything up to `acked`.
    pub fn asked(&mut self, id: HolderId, acked: u64, now: Duration) {
        let until = now.saturating_add(longest_lease());
        let holder = self.holders.entry(id).or_insert(Holder { acked, until });
        holder.until = until.max(holder.until);
        self.by_acked.insert((holder.acked, id));
        self.acked(id, acked);
    }

    /// A node shows everything up to `acked`. Nothing for a node that never asked for a right.
    pub fn acked(&mut self, id: HolderId, acked: u64) {
        if let Some(holder) = self.holders.get_mut(&id)
            && acked > holder.acked
        {
            let listed = self.by_acked.remove(&(holder.acked, id));
            holder.acked = acked;
            if listed {
                self.by_acked.insert((acked, id));
            }
        }
    }

    /// A node said that it answers nothing any more.
    pub fn left(&mut self, id: HolderId) {
        if let Some(holder) = self.holders.remove(&id) {
            self.by_acked.remove(&(holder.acked, id));
        }
    }

    /// The position that every holder whose right may not have ended shows; `None` where there is none.
    pub fn confirmed(&mut self, now: Duration) -> Option<u64> {
        while let Some((acked, id)) = self.by_acked.first().copied() {
            match self.holders.get(&id) {
                Some(holder) if now < holder.until => return Some(acked),
                // Whoever asks again is listed again.
                Some(_) | None => {
                    self.by_acked.remove(&(acked, id));
                }
            }
        }
        None
    }

    /// When the right of the holder ends that is farthest behind.
    #[must_use]
    pub fn next_lapse(&self) -> Option<Duration> {
        let (_, id) = self.by_acked.first()?;
        self.holders.get(id).map(|holder| holder.until)
    }

    /// How the holders stand to a position, of those whose right had not ended `then`.
    #[must_use]
    pub fn count(&self, position: u64, then: Duration, now: Duration) -> Count {
        let mut count = Count::default();
        for holder in self.holders.values().filter(|holder| then < holder.until) {
            if holder.acked >= position {
                count.confirmed += 1;
            } else if now < holder.until {
                count.pending += 1;
            } else {
                count.lapsed += 1;
            }
        }
        count
    }

    /// What is known of a holder.
    #[must_use]
    pub fn get(&self, id: HolderId) -> Option<Holder> {
        self.holders.get(&id).copied()
    }

    /// Whether any right may not have ended.
    #[must_use]
    pub fn any(&self, now: Duration) -> bool {
        self.holders.values().any(|holder| now < holder.until)
    }

    /// Forgets those whose right ended long ago.
    pub fn forget(&mut self, now: Duration) {
        self.holders.retain(|id, holder| {
            let kept = now < holder.until.saturating_add(REMEMBERED);
            if !kept {
                self.by_acked.remove(&(holder.acked, *id));
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(number: u128) -> HolderId {
        HolderId { node: Uuid::from_u128(number), incarnation: Uuid::from_u128(number), credential: None }
    }

    #[test]
    fn a_right_is_waited_for_until_it_has_ended_by_any_clock() {
        assert!(longest_lease() > LENGTH.mul_f64(1.002) && longest_lease() < Duration::from_millis(3_100));
        let mut holders = Holders::default();
        assert_eq!(holders.confirmed(SECOND), None);
        holders.asked(id(1), 5, SECOND);
        let end = SECOND + longest_lease();
        assert_eq!(holders.next_lapse(), Some(end));
        assert_eq!(holders.confirmed(end - Duration::from_nanos(1)), Some(5));
        assert_eq!(holders.confirmed(end), None);
        holders.asked(id(1), 5, end);
        assert_eq!(holders.confirmed(end), Some(5), "who asks again is waited for again");
    }

    #[test]
    fn the_one_farthest_behind_counts() {
        let mut holders = Holders::default();
        for number in 1..=3 {
            holders.asked(id(number), 10, SECOND);
        }
        holders.acked(id(1), 12);
        holders.acked(id(2), 11);
        assert_eq!(holders.confirmed(SECOND), Some(10));
        holders.acked(id(3), 12);
        assert_eq!(holders.confirmed(SECOND), Some(11));
        holders.acked(id(2), 9);
        assert_eq!(holders.confirmed(SECOND), Some(11), "a late word takes nothing back");
        holders.left(id(2));
        assert_eq!(holders.confirmed(SECOND), Some(12));
    }

    #[test]
    fn another_run_of_a_node_speaks_for_itself_alone() {
        let mut holders = Holders::default();
        let before = HolderId { incarnation: Uuid::from_u128(9), ..id(1) };
        holders.asked(before, 10, SECOND);
        holders.asked(id(1), 10, SECOND);
        holders.acked(id(1), 12);
        assert_eq!(holders.confirmed(SECOND), Some(10));
    }

    #[test]
    fn nobody_speaks_for_a_node_with_another_credential() {
        let mut holders = Holders::default();
        let credential = |number| Some(KeyId::new(Uuid::from_u128(number)));
        holders.asked(HolderId { credential: credential(1), ..id(1) }, 10, SECOND);
        let other = HolderId { credential: credential(2), ..id(1) };
        holders.acked(other, 12);
        holders.left(other);
        assert_eq!(holders.confirmed(SECOND), Some(10));
    }

    #[test]
    fn holders_are_counted_for_a_receipt() {
        let mut holders = Holders::default();
        holders.asked(id(1), 12, SECOND);
        holders.asked(id(2), 10, SECOND);
        holders.asked(id(3), 10, 2 * SECOND);
        let count = |confirmed, lapsed, pending| Count { confirmed, lapsed, pending };
        assert_eq!(holders.count(12, 2 * SECOND, 2 * SECOND), count(1, 0, 2));
        let later = SECOND + longest_lease();
        assert_eq!(holders.count(12, 2 * SECOND, later), count(1, 1, 1));
        assert_eq!(holders.count(12, later, later), count(0, 0, 1), "who had no right then does not count");
    }

    #[test]
    fn a_word_from_somebody_unknown_is_nothing() {
        let mut holders = Holders::default();
        holders.acked(id(1), 12);
        assert_eq!(holders.confirmed(SECOND), None);
        assert!(!holders.any(SECOND));
    }

    #[test]
    fn the_forgotten_are_not_waited_for() {
        let mut holders = Holders::default();
        holders.asked(id(1), 5, SECOND);
        holders.forget(SECOND + longest_lease() + REMEMBERED);
        assert_eq!((holders.get(id(1)), holders.next_lapse()), (None, None));
    }
}
