//! Looks after the other API nodes: one that died is suspended, waited out, and forgotten, so that revocations do not wait for it
//! for ever. Safe whoever does it and however often: what is suspended gets no more rights to give, and what it gave has ended
//! before it is forgotten.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::holders::longest_lease;
use super::plane::Plane;
use super::ports::{Registered, StoreError};
use super::status::Status;

/// How often this API node says that it is alive, and looks who else is.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How long an API node may give no sign of life.
const DEAD_AFTER: Duration = Duration::from_secs(5);

/// How soon after the last one a document about this API node's nodes may follow.
const TELLS_AFTER: Duration = Duration::from_secs(2);
/// How old what is told may become although nothing has changed: ages are reckoned from it by beats, which are not exact.
const TELLS_ANEW_AFTER: Duration = Duration::from_secs(60);

/// What was seen of another API node, and when, by this process's clock.
#[derive(Debug, Clone, Copy)]
struct Seen {
    beat: u64,
    moved: Duration,
    suspended: Option<Duration>,
}

/// What this API node has told the others under its present registration.
#[derive(Debug, Default)]
struct Told {
    epoch: Uuid,
    beats: u64,
    last: Option<(Status, Duration)>,
}

impl Told {
    /// The document that goes with the next beat, if one has to.
    fn next(&mut self, epoch: Uuid, status: Status, now: Duration) -> Option<String> {
        if self.epoch != epoch {
            *self = Self { epoch, ..Self::default() };
        }
        self.beats += 1;
        let due = self.last.as_ref().is_none_or(|(last, at)| {
            let age = now.saturating_sub(*at);
            age >= TELLS_ANEW_AFTER || (age >= TELLS_AFTER && !status.says_the_same_as(last))
        });
        let status = Some(Status { beat: self.beats, ..status }).filter(|_| due)?;
        let document = serde_json::to_string(&status).ok()?;
        self.last = Some((status, now));
        Some(document)
    }
}

impl Plane {
    /// Works for ever.
    pub(super) async fn watch_over(&self) {
        let mut seen = HashMap::new();
        let mut told = Told::default();
        loop {
            self.forget();
            let status = self.status();
            measure(&status);
            let own = *self.epoch().borrow();
            let document = told.next(own, status, self.clock().monotonic());
            if let Err(error) = self.look_around(own, document, &mut seen).await {
                // Whether it was told is not known.
                told.last = None;
                tracing::debug!(%error, "the other API nodes cannot be looked after just now");
            }
            tokio::time::sleep(next(&seen, self.clock().monotonic())).await;
        }
    }

    /// Forgets nodes that went long ago.
    fn forget(&self) {
        let mut holders = self.holders();
        holders.forget(self.clock().monotonic());
        self.roster().forget(|id| holders.get(id).is_some());
    }

    async fn look_around(
        &self,
        own: Uuid,
        document: Option<String>,
        seen: &mut HashMap<Uuid, Seen>,
    ) -> Result<(), StoreError> {
        self.registry().beat(own, document).await?;
        let view = self.registry().fresh().await?;
        self.see(&view.nodes);
        let now = self.clock().monotonic();
        seen.retain(|epoch, _| view.nodes.iter().any(|other| other.epoch == *epoch));
        for other in view.nodes.iter().filter(|other| other.epoch != own) {
            note(seen, other, now);
        }
        let suspended = seen.iter().filter_map(|(epoch, seen)| Some((*epoch, seen.suspended?)));
        *self.suspended() = suspended.collect();
        for other in view.nodes.iter().filter(|other| other.epoch != own) {
            let Some(seen) = seen.get(&other.epoch) else { continue };
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

/// This API node's own nodes as gauges.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float by definition")]
fn measure(status: &Status) {
    let held = status.nodes.iter().filter(|node| node.lease_ms.is_some()).count();
    let behind = status.nodes.iter().filter(|node| node.connected_ms.is_some()).map(|node| node.lag).max();
    metrics::gauge!("nexus_nodes", "state" => "held").set(held as f64);
    metrics::gauge!("nexus_nodes", "state" => "lapsed").set((status.nodes.len() - held) as f64);
    metrics::gauge!("nexus_node_lag_positions").set(behind.unwrap_or_default() as f64);
}

fn note(seen: &mut HashMap<Uuid, Seen>, other: &Registered, now: Duration) {
    let entry = seen.entry(other.epoch).or_insert(Seen { beat: other.beat, moved: now, suspended: None });
    if entry.beat != other.beat {
        (entry.beat, entry.moved) = (other.beat, now);
    }
    if other.suspended {
        entry.suspended.get_or_insert(now);
    }
}

/// When to look again: soon enough to forget whom all has ended of.
fn next(seen: &HashMap<Uuid, Seen>, now: Duration) -> Duration {
    let due = seen.values().filter_map(|seen| seen.suspended);
    let due = due.map(|since| (since + longest_lease()).saturating_sub(now)).min();
    due.unwrap_or(BEAT_EVERY).clamp(Duration::from_millis(10), BEAT_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_goes_out_when_something_changed_and_not_too_often() {
        let epoch = Uuid::from_u128(1);
        let status =
            |applied| Status { beat: 0, applied, lag: 0, lease_ms: Some(applied), nodes: Vec::new() };
        let mut told = Told::default();
        let mut next = |epoch, applied, seconds| {
            let document = told.next(epoch, status(applied), Duration::from_secs(seconds))?;
            Some(serde_json::from_str::<Status>(&document).unwrap())
                .map(|status| (status.beat, status.applied))
        };
        assert_eq!(next(epoch, 5, 100), Some((1, 5)), "the first one");
        assert_eq!(next(epoch, 6, 101), None, "too soon");
        assert_eq!(next(epoch, 6, 102), Some((3, 6)));
        assert_eq!(next(epoch, 6, 161), None, "nothing new");
        assert_eq!(next(epoch, 6, 162), Some((5, 6)), "ages would become wrong");
        assert_eq!(next(Uuid::from_u128(2), 6, 163), Some((1, 6)), "a new registration has none");
    }
}
