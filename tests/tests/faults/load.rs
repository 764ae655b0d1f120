//! Many threads at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Runs `work` on `threads` threads, each told its number, until `meanwhile` is over. `work` looks at the flag.
pub(crate) fn during<T: Send, R>(
    threads: usize,
    work: impl Fn(usize, &AtomicBool) -> T + Sync,
    meanwhile: impl FnOnce() -> R,
) -> (Vec<T>, R) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (work, over) = (&work, &over);
        let running: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number, over))).collect();
        let end = End(over);
        let result = meanwhile();
        drop(end);
        let done = running.into_iter().map(|thread| thread.join().expect("a thread of the load")).collect();
        (done, result)
    })
}

/// Does `work` for each item on `threads` threads; the results in the order of the items.
pub(crate) fn spread<I: Sync, T: Send>(items: &[I], threads: usize, work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let size = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = items
            .chunks(size)
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<T>>()))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    })
}

/// Ends the load also when the test fails in the middle of it.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A source of numbers that are the same in every run.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound` (splitmix64).
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
