//! Who is told of what a follower takes in: the disk cache.

use uuid::Uuid;

/// Hears of everything after it is applied. Must wait for nothing, the disk included: it is called on the way of revocations. What
/// is to be forgotten is the exception, since no right to answer holds then.
pub trait Observer: Send + std::fmt::Debug {
    /// Everything so far is forgotten, and must not come back with a crash from here on. A snapshot of this log comes.
    fn loading(&mut self, log: Uuid);
    /// A piece of the snapshot, or a delta that continues what is there, as the stream had it. With it, the log has come as far
    /// as this; 0: not yet.
    fn message(&mut self, text: &str, reached: u64);
    /// The snapshot is whole.
    fn loaded(&mut self);
    /// Nothing changed up to this position but what came.
    fn reached(&mut self, position: u64);
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn loading(&mut self, _: Uuid) {}
    fn message(&mut self, _: &str, _: u64) {}
    fn loaded(&mut self) {}
    fn reached(&mut self, _: u64) {}
}
