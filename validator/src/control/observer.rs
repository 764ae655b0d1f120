//! Who is told of what a follower takes in: the disk cache, and metrics.

use std::time::Duration;

use nexus_domain::validity::Entry;
use uuid::Uuid;

use super::message::Delta;

/// Sees everything before it is applied. Must not block for long: it is called on the way of revocations.
pub trait Observer: Send + std::fmt::Debug {
    /// Everything so far is forgotten, and a snapshot of this log comes.
    fn loading(&mut self, log: Uuid);
    /// A piece of the snapshot.
    fn snapshot(&mut self, entries: &[Entry]);
    /// The snapshot is whole, and exact for this position.
    fn loaded(&mut self, position: u64);
    /// A delta that continues what is there.
    fn delta(&mut self, delta: &Delta);
    /// The right to answer lasts until then, by the clock of the lease.
    fn granted(&mut self, until: Duration);
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn loading(&mut self, _: Uuid) {}
    fn snapshot(&mut self, _: &[Entry]) {}
    fn loaded(&mut self, _: u64) {}
    fn delta(&mut self, _: &Delta) {}
    fn granted(&mut self, _: Duration) {}
}
