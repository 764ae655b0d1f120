//! The barrier: a change that is committed is waited for until it holds on every validating node, whatever has happened to it.

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use super::holders::longest_lease;
use super::plane::Plane;
use super::ports::{Registered, View};

/// How long a change that only adds waits for nodes that do not confirm it.
pub const ADDS_WITHIN: Duration = Duration::from_secs(1);
/// How long an API node may leave others without a report before it is suspended.
const REPORTS_WITHIN: Duration = Duration::from_millis(900);
/// The pause after the registry could not be read.
const PAUSE: Duration = Duration::from_millis(20);

/// What a change does to what credentials may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It takes something away: the answer waits for the last node that may still act otherwise.
    Reduces,
    /// It only adds: the answer waits for healthy nodes, and for [`ADDS_WITHIN`] at most.
    Adds,
}

/// Who confirmed a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confirmation {
    /// Validating nodes that could have answered when it was committed; API nodes are validating nodes as well. By the rights
    /// that were given: a node that has just gone to another API node has one from each.
    pub nodes: u32,
    /// Those that said that they show it.
    pub confirmed: u32,
    /// Those whose right to answer had ended before they did.
    pub lapsed: u32,
    /// The time from the commit until the last of them.
    pub held_after: Duration,
}

/// What a change did to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It stands at this position.
    At(u64),
    /// Nothing had to be done, and whatever did it before stands at this position at the latest.
    UpTo(u64),
}

impl Plane {
    /// Waits until a change that is committed is confirmed by all nodes that could answer without it, or until none of those can
    /// answer any more.
    pub async fn barrier(&self, moved: Moved, effect: Effect) -> Confirmation {
        let committed = self.clock().monotonic();
        let within = match effect {
            Effect::Reduces => longest_lease(),
            Effect::Adds => ADDS_WITHIN,
        };
        let (Moved::At(mut position) | Moved::UpTo(mut position)) = moved;
        let mut others = Others::default();
        let waiting = async {
            if matches!(moved, Moved::UpTo(_)) {
                position = self.changed_by(position).await;
            }
            tokio::join!(self.here(position), self.elsewhere(position, &mut others));
        };
        // Whoever has not confirmed by then answers nothing any more.
        let _late = tokio::time::timeout(within, waiting).await;
        let here = self.count(position, committed);
        let lost = here.lapsed + here.pending + others.lapsed();
        // The own table is one of the nodes.
        let own = u32::from(self.deltas().ends().newest >= position);
        let lost = lost + 1 - own;
        let confirmed = own + here.confirmed + others.confirmed();
        let held_after = self.clock().monotonic().saturating_sub(committed);
        if effect == Effect::Reduces {
            metrics::histogram!("nexus_revoke_to_deny_seconds").record(held_after);
        }
        Confirmation { nodes: confirmed + lost, confirmed, lapsed: lost, held_after }
    }

    /// The last position at or before this one that changed validity: nodes confirm no others.
    async fn changed_by(&self, position: u64) -> u64 {
        let mut read = self.deltas().read();
        // The sender lives in `self`.
        let _never = read.wait_for(|read| *read >= position).await;
        position.min(self.deltas().ends().newest)
    }

    /// The nodes of this process.
    async fn here(&self, position: u64) {
        let mut confirmed = self.confirmed();
        let _never = confirmed.wait_for(|confirmed| *confirmed >= position).await;
    }

    /// Those of the other API nodes that were registered when the change was committed. Whoever registers later reads a log
    /// with the change in it before granting anything.
    async fn elsewhere(&self, position: u64, others: &mut Others) {
        let began = self.clock().monotonic();
        let own = *self.epoch().borrow();
        let mut view = self.registered().await;
        let mut waited_for: HashSet<Uuid> =
            view.nodes.iter().map(|other| other.epoch).filter(|epoch| *epoch != own).collect();
        let mut suspended = false;
        loop {
            others.look(&view, &mut waited_for, position);
            if waited_for.is_empty() {
                return;
            }
            let left = REPORTS_WITHIN.saturating_sub(self.clock().monotonic().saturating_sub(began));
            tokio::select! {
                biased;
                () = self.registry().changed(view.number) => {}
                () = tokio::time::sleep(left), if !suspended => {
                    suspended = true;
                    self.suspend(&view, &waited_for, position).await;
                }
            }
            view = self.registered().await;
        }
    }

    async fn registered(&self) -> View {
        loop {
            match self.registry().fresh().await {
                Ok(view) => return view,
                Err(error) => {
                    tracing::warn!(%error, "the registry of API nodes cannot be read just now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// From now on they grant nothing, so that one change alone waits for what they granted. Not those that are alive, and wait
    /// for a node of theirs.
    async fn suspend(&self, view: &View, silent: &HashSet<Uuid>, position: u64) {
        let dead =
            |other: &&Registered| silent.contains(&other.epoch) && !other.suspended && other.read < position;
        for other in view.nodes.iter().filter(dead) {
            tracing::warn!(epoch = %other.epoch, "an API node does not report and is suspended");
            if let Err(error) = self.registry().suspend(other.epoch).await {
                tracing::warn!(%error, "an API node cannot be suspended just now");
            }
        }
    }
}

/// What the other API nodes said.
#[derive(Debug, Default)]
struct Others {
    confirmed: u32,
    lapsed: u32,
    /// Of those that have not reported yet: nodes that have confirmed, and that have not.
    waiting: (u32, u32),
}

impl Others {
    fn look(&mut self, view: &View, waited_for: &mut HashSet<Uuid>, position: u64) {
        let waited = |other: &&Registered| waited_for.contains(&other.epoch);
        let (reported, silent): (Vec<_>, Vec<_>) =
            view.nodes.iter().filter(waited).partition(|other| other.confirmed >= position);
        for other in &reported {
            self.confirmed += other.nodes.saturating_sub(other.lapsed);
            self.lapsed += other.lapsed;
        }
        let gone = waited_for.len() - reported.len() - silent.len();
        // Forgotten meanwhile: all that it granted has ended.
        self.lapsed += u32::try_from(gone).unwrap_or(u32::MAX);
        self.waiting = silent.iter().fold((0, 0), |(confirmed, lapsed), other| {
            // One that is dead counts itself: its nodes are elsewhere, or lapse unseen.
            if other.read < position || other.suspended {
                (confirmed, lapsed + 1)
            } else {
                (confirmed + other.nodes.saturating_sub(other.lapsed), lapsed + other.lapsed)
            }
        });
        *waited_for = silent.iter().map(|other| other.epoch).collect();
    }

    fn confirmed(&self) -> u32 {
        self.confirmed + self.waiting.0
    }

    fn lapsed(&self) -> u32 {
        self.lapsed + self.waiting.1
    }
}
