//! Rate limits on a node: requests are counted against shares that the node holds of each subject's
//! limits, so that no request waits for another process and no limit is ever exceeded.
//!
//! [`Budgets::admit`] decides, from any thread. Beside the requests one task carries asks to the ledger
//! ([`nexus_domain::rate_limit::Ledger`]) and its answers back: whenever [`Budgets::due`] resolves, and
//! at least every [`TICK`] while any is remembered, it sends what [`Budgets::requests`] returns, and hands what comes back to
//! [`Budgets::granted`]. Messages may be lost, doubled, late and in any order.
//!
//! All times are readings of one clock of the node that goes on while the machine sleeps
//! (CLOCK_BOOTTIME) and is wrong by a thousandth at the most; its origin is of no matter. The guarantee
//! counts a request at a time between its `now` and its answer.

mod subject;
mod window;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use nexus_domain::rate_limit::{Ask, Counted, MOST_WINDOWS, RateLimit, Shares};
use tokio::sync::Notify;

use self::subject::Subject;

/// How often [`Budgets::requests`] wants to be asked at the least.
pub const TICK: Duration = Duration::from_millis(25);

/// So many that two threads seldom meet at one.
const SHARDS: usize = 64;

/// The budgets of all subjects on a node. One per life of the node: what was counted is lost with it,
/// so the next one must ask as another holder.
#[derive(Debug)]
pub struct Budgets {
    shards: Box<[Shard]>,
    spread: RandomState,
    /// The number of the latest ask.
    numbers: AtomicU64,
    due: Notify,
}

#[derive(Debug, Default)]
struct Shard {
    contents: Mutex<Contents>,
    answered: Notify,
}

#[derive(Debug)]
struct Contents {
    subjects: HashMap<Counted, Subject, RandomState>,
    /// No subject has anything to ask before.
    due: u64,
}

impl Default for Contents {
    fn default() -> Self {
        Self { subjects: HashMap::default(), due: u64::MAX }
    }
}

/// What is left on this node of each limit after a request was admitted. Other nodes may hold more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remaining {
    windows: [Option<Left>; MOST_WINDOWS],
}

/// What is left on this node of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How many requests.
    pub requests: u32,
    /// When the oldest of those that count slide out, so that there is room for more.
    pub more_after: Duration,
}

impl Remaining {
    /// What is left, limit by limit in the order that they were given in.
    pub fn iter(&self) -> impl Iterator<Item = Left> {
        self.windows.into_iter().flatten()
    }
}

/// A request is not admitted. It counts against no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// This node's share of a limit is used up.
    #[error("more than {} requests in {} s", .limit.limit(), .limit.window().as_secs())]
    Exceeded {
        /// The limit that has to be waited for longest.
        limit: RateLimit,
        /// When so much has slid out that the request could be admitted, if no other one came. At
        /// most a window and a little.
        retry_after: Duration,
    },
    /// This node holds no share of the subject's limits: it serves the subject for the first time in a
    /// while, or the ledger is out of reach. Says nothing about how many requests there were.
    #[error("the node has no share of the rate limit yet")]
    NoShare {
        /// When a share should be there.
        retry_after: Duration,
    },
}

impl Refusal {
    fn exceeded(limit: RateLimit, micros: u64) -> Self {
        Self::Exceeded { limit, retry_after: Duration::from_micros(micros) }
    }

    fn no_share(micros: u64) -> Self {
        Self::NoShare { retry_after: Duration::from_micros(micros) }
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self::new()
    }
}

impl Budgets {
    /// Budgets without any share.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            spread: RandomState::default(),
            numbers: AtomicU64::new(0),
            due: Notify::new(),
        }
    }

    /// Admits a request that counts `cost` against each of these limits, or refuses it. Takes the
    /// lock of a few others for well under a microsecond and waits for nothing else. Without limits,
    /// everything is admitted and nothing remembered; of more than [`MOST_WINDOWS`], the first count.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn admit(
        &self,
        counted: Counted,
        limits: &[RateLimit],
        cost: u32,
        now: Duration,
    ) -> Result<Remaining, Refusal> {
        if limits.is_empty() {
            return Ok(Remaining::default());
        }
        let now = micros(now);
        let mut contents = self.shard(counted).lock();
        let subject = contents.subjects.entry(counted).or_insert_with(|| Subject::new(limits, now));
        let outcome = subject.admit(limits, cost, now);
        let due = subject.due();
        let sooner = due < contents.due;
        contents.due = contents.due.min(due);
        drop(contents);
        if sooner && due <= now {
            self.due.notify_one();
        }
        outcome
    }

    /// Resolves once the ledger has answered for those that [`Refusal::NoShare`] was returned for; then
    /// [`Budgets::admit`] decides. For callers who may wait a moment, once, rather than refuse; they set
    /// the bound, since there may be no answer. At once for those that are not remembered.
    pub async fn first_share(&self, counted: Counted) {
        self.answered(counted, Subject::is_answered).await;
    }

    /// Resolves once the ledger has said whether there is more than the share that was too small for a request. At once where
    /// nothing is asked. As [`Budgets::first_share`].
    pub async fn larger_share(&self, counted: Counted) {
        self.answered(counted, |subject| !subject.is_short()).await;
    }

    async fn answered(&self, counted: Counted, enough: impl Fn(&Subject) -> bool) {
        let shard = self.shard(counted);
        loop {
            // Before the look: whoever answers after it wakes this one.
            let answered = shard.answered.notified();
            if shard.lock().subjects.get(&counted).is_none_or(&enough) {
                return;
            }
            answered.await;
        }
    }

    /// Resolves when [`Budgets::requests`] has something that should not wait for the next [`TICK`].
    /// For one task.
    pub async fn due(&self) {
        self.due.notified().await;
    }

    /// What to ask the ledger now. Each ask invalidates the earlier ones of the same: what is
    /// returned should be sent, though it may be lost. Forgets those that have not been tried for a
    /// window.
    #[must_use]
    pub fn requests(&self, now: Duration) -> Vec<(Counted, Ask)> {
        let now = micros(now);
        let mut asks = Vec::new();
        for shard in &self.shards {
            let mut contents = shard.lock();
            if now < contents.due {
                continue;
            }
            let mut next_due = u64::MAX;
            contents.subjects.retain(|counted, subject| {
                if subject.due() <= now {
                    let idle = subject.is_idle(now);
                    let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
                    asks.push((
                        *counted,
                        if idle { subject.leave(number) } else { subject.ask(number, now) },
                    ));
                    if idle {
                        return false;
                    }
                }
                next_due = next_due.min(subject.due());
                true
            });
            contents.due = next_due;
        }
        asks
    }

    /// Takes the ledger's answer to an ask. Returns whether it was of use: answers to asks that a later
    /// one has overtaken are not.
    pub fn granted(&self, counted: Counted, shares: &Shares, now: Duration) -> bool {
        let shard = self.shard(counted);
        let mut contents = shard.lock();
        let Some(subject) = contents.subjects.get_mut(&counted) else { return false };
        let taken = subject.take(shares, micros(now));
        let due = subject.due();
        contents.due = contents.due.min(due);
        drop(contents);
        if taken {
            shard.answered.notify_waiters();
        }
        taken
    }

    /// How many are remembered: those that were tried within their longest window.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().subjects.len()).sum()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[expect(clippy::indexing_slicing, reason = "there are as many shards as the remainder has values")]
    fn shard(&self, counted: Counted) -> &Shard {
        let at = self.spread.hash_one(counted) >> (u64::BITS - SHARDS.trailing_zeros());
        &self.shards[usize::try_from(at).unwrap_or(0) % SHARDS]
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(now: Duration) -> u64 {
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
