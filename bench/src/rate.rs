//! How much many tasks do in a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::timer::Stopwatch;

/// How long everything runs before it counts.
const WARM_UP: Duration = Duration::from_millis(500);

/// Counts what tasks do until it tells them to end. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    over: AtomicBool,
}

impl Counter {
    pub(crate) fn goes_on(&self) -> bool {
        !self.0.over.load(Ordering::Relaxed)
    }

    pub(crate) fn one(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that was done, also before and after what counts for the rate.
    pub(crate) fn total(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// How many a second within a span, after a warm-up. Then it tells the tasks to end.
    pub(crate) async fn watch(&self, span: Duration) -> f64 {
        tokio::time::sleep(WARM_UP).await;
        let before = self.total();
        let watch = Stopwatch::start();
        tokio::time::sleep(span).await;
        let rate = (self.total() - before) as f64 / watch.seconds();
        self.0.over.store(true, Ordering::Relaxed);
        rate
    }
}
