//! Looks after the other API nodes: one that died is suspended, waited out, and forgotten, so that revocations do not wait for it
//! for ever. Safe whoever does it and however often: what is suspended gets no more rights to give, and what it gave has ended
//! before it is forgotten.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::holders::longest_lease;
use super::plane::Plane;
use super::ports::{Registered, StoreError};

/// How often this API node says that it is alive, and looks who else is.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How long an API node may give no sign of life.
const DEAD_AFTER: Duration = Duration::from_secs(5);

/// What was seen of another API node, and when, by this process's clock.
#[derive(Debug, Clone, Copy)]
struct Seen {
    beat: u64,
    moved: Duration,
    suspended: Option<Duration>,
}

impl Plane {
    /// Works for ever.
    pub(super) async fn watch_over(&self) {
        let mut seen = HashMap::new();
        loop {
            if let Err(error) = self.look_around(&mut seen).await {
                tracing::debug!(%error, "the other API nodes cannot be looked after just now");
            }
            tokio::time::sleep(next(&seen, self.clock().monotonic())).await;
        }
    }

    async fn look_around(&self, seen: &mut HashMap<Uuid, Seen>) -> Result<(), StoreError> {
        let own = *self.epoch().borrow();
        self.registry().beat(own, None).await?;
        let view = self.registry().fresh().await?;
        let now = self.clock().monotonic();
        seen.retain(|epoch, _| view.nodes.iter().any(|other| other.epoch == *epoch));
        for other in view.nodes.iter().filter(|other| other.epoch != own) {
            let seen = note(seen, other, now);
            match seen.suspended {
                // Counted from when this process first saw it: whoever suspended it did so before.
                Some(since) if now.saturating_sub(since) >= longest_lease() => {
                    tracing::info!(epoch = %other.epoch, "an API node is gone and forgotten");
                    self.registry().evict(other.epoch).await?;
                }
                Some(_) => {}
                None if now.saturating_sub(seen.moved) >= DEAD_AFTER => {
                    tracing::warn!(epoch = %other.epoch, "an API node gives no sign of life and is suspended");
                    self.registry().suspend(other.epoch).await?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn note<'s>(seen: &'s mut HashMap<Uuid, Seen>, other: &Registered, now: Duration) -> &'s Seen {
    let entry = seen.entry(other.epoch).or_insert(Seen { beat: other.beat, moved: now, suspended: None });
    if entry.beat != other.beat {
        (entry.beat, entry.moved) = (other.beat, now);
    }
    if other.suspended {
        entry.suspended.get_or_insert(now);
    }
    entry
}

/// When to look again: soon enough to forget whom all has ended of.
fn next(seen: &HashMap<Uuid, Seen>, now: Duration) -> Duration {
    let due = seen.values().filter_map(|seen| seen.suspended);
    let due = due.map(|since| (since + longest_lease()).saturating_sub(now)).min();
    due.unwrap_or(BEAT_EVERY).clamp(Duration::from_millis(10), BEAT_EVERY)
}
