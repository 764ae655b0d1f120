//! The right to answer from a node's table: it runs out unless it is renewed, so that a node that is cut off stops accepting
//! what was revoked meanwhile. Whoever brings changes extends it; whoever answers takes a [`Permit`] from it first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a table may be answered from after it was known to be complete. No option: a revocation waits as long for a node
/// that does not answer.
pub const LENGTH: Duration = Duration::from_secs(3);

/// A node's right to answer, shared by all its threads. None holds at the start, whatever held before a restart.
///
/// All times are readings of one clock of the caller's, which must not stand still while the machine is suspended.
#[derive(Debug, Default)]
pub struct Lease {
    /// Nanoseconds of the clock; 0: none.
    deadline: AtomicU64,
}

/// A lease held when this was taken. [`crate::Validator`] asks for it **before** it looks anything up: were the lease looked at
/// behind the look-up, a revoked key could be accepted. A thread looks into the old table and pauses; the lease lapses, and
/// therefore the revocation is answered; the node applies it and renews; the thread goes on, finds a lease that holds, and
/// accepts by what it read before.
///
/// In this order, a lease that holds was extended with a table that already had everything that was answered by then, and the
/// look-up sees that table or a newer one. So a permit is for the one request at whose beginning it was taken: never keep one.
/// Nothing but a lease makes one; tests and measurements extend a lease of their own.
#[derive(Debug, Clone, Copy)]
pub struct Permit(());

impl Lease {
    /// No right to answer yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { deadline: AtomicU64::new(0) }
    }

    /// The right to answer until then, where it does not last longer already. Everything that it rests on must have been applied
    /// to the table: `until` is a time that was read before asking for what is new, and [`LENGTH`] added to it.
    pub fn extend(&self, until: Duration) {
        // Released, so that whoever sees the new deadline sees the table that it rests on.
        self.deadline.fetch_max(nanoseconds(until), Ordering::Release);
    }

    /// Drops the right at once. Later extensions count again.
    pub fn end(&self) {
        self.deadline.store(0, Ordering::Release);
    }

    /// Leave to answer the request that arrived before `now` was read.
    #[must_use]
    pub fn holds(&self, now: Duration) -> Option<Permit> {
        (nanoseconds(now) < self.deadline.load(Ordering::Acquire)).then_some(Permit(()))
    }

    /// When the right ends or ended; `None` where none was given since it was dropped.
    #[must_use]
    pub fn until(&self) -> Option<Duration> {
        Some(self.deadline.load(Ordering::Acquire)).filter(|deadline| *deadline > 0).map(Duration::from_nanos)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(7);
    const INSTANT: Duration = Duration::from_nanos(1);

    #[test]
    fn nothing_holds_before_the_first_grant() {
        let lease = Lease::new();
        assert!(lease.holds(Duration::ZERO).is_none());
        assert_eq!(lease.until(), None);
    }

    #[test]
    fn a_lease_holds_until_its_deadline_and_not_at_it() {
        let lease = Lease::new();
        lease.extend(AT);
        assert!(lease.holds(AT - INSTANT).is_some());
        assert!(lease.holds(AT).is_none());
        assert!(lease.holds(Duration::MAX).is_none());
        assert_eq!(lease.until(), Some(AT));
        lease.extend(AT + INSTANT);
        assert!(lease.holds(AT).is_some(), "it comes back");
    }

    #[test]
    fn a_grant_that_comes_late_takes_nothing_back() {
        let lease = Lease::new();
        lease.extend(AT);
        lease.extend(AT - INSTANT);
        assert_eq!(lease.until(), Some(AT));
    }

    #[test]
    fn what_is_dropped_is_gone_at_once_and_can_be_given_again() {
        let lease = Lease::new();
        lease.extend(AT);
        lease.end();
        assert!(lease.holds(Duration::ZERO).is_none());
        assert_eq!(lease.until(), None);
        lease.extend(AT - INSTANT);
        assert_eq!(lease.until(), Some(AT - INSTANT));
    }
}
