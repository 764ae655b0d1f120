//! One look at the store for all who ask at once.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::database::DatabaseError;

/// A position that is read from the store. Whoever asks gets what was read by a look that began after they asked: a look that was
/// under way by then may have missed what they know of, and the next one is for all who wait for it.
pub(super) struct SharedRead {
    begun: AtomicU64,
    /// The number of the last look, and what it came to.
    last: Mutex<(u64, Result<u64, DatabaseError>)>,
}

impl Default for SharedRead {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), last: Mutex::new((0, Ok(0))) }
    }
}

impl SharedRead {
    /// What `read` gives, or another caller's that began since.
    pub(super) async fn read<F>(&self, read: impl FnOnce() -> F) -> Result<u64, DatabaseError>
    where
        F: Future<Output = Result<u64, DatabaseError>>,
    {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.0 > before {
            // Failures too: whoever waits must not wait for each of those before them to fail.
            return last.1.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let outcome = read().await;
        *last = (number, outcome.clone());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_share_a_look_that_began_after_they_asked() {
        let (shared, looks, go_on) = (SharedRead::default(), AtomicU64::new(0), Semaphore::new(0));
        let look = async || {
            let look = || async {
                let number = looks.fetch_add(1, Ordering::SeqCst) + 1;
                go_on.acquire().await.expect("open").forget();
                Ok(number)
            };
            shared.read(look).await.expect("a number")
        };
        // The first one begins to look before the others ask.
        let answers = join_all((0..8).map(|_| look()));
        let release = async { go_on.add_permits(2) };
        let (answers, ()) = tokio::join!(answers, release);
        assert_eq!(answers, [1, 2, 2, 2, 2, 2, 2, 2]);
        go_on.add_permits(1);
        assert_eq!(look().await, 3, "what was read before is not told again");
    }

    #[tokio::test]
    async fn a_look_that_is_given_up_is_made_by_the_next_one() {
        let shared = SharedRead::default();
        let given_up = shared.read(std::future::pending);
        assert!(futures::poll!(std::pin::pin!(given_up)).is_pending());
        assert_eq!(shared.read(|| async { Ok(7) }).await.expect("a number"), 7);
    }
}
