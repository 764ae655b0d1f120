//! The control plane of an API node: whom it gave the right to answer, what they confirmed, and the same of the other API
//! nodes. Here the promise is kept that a revocation, once answered, holds everywhere.
//!
//! [`Plane::ask`] takes a node's question, [`Plane::run`] answers questions and keeps the registration, and
//! [`Plane::barrier`] waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_infrastructure::clock::SharedClock;
use nexus_validator::control::message::Grant;
use nexus_validator::lease::{LENGTH, Lease};
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, SemaphorePermit, mpsc, watch};
use uuid::Uuid;

use super::deltas::Deltas;
use super::holders::{Count, HolderId, Holders, longest_lease};
use super::ports::{Account, Registered, Registry, Standing, StoreError};
use super::roster::Roster;

/// How often the own table's right to answer is renewed.
const RENEW_EVERY: Duration = Duration::from_millis(750);
/// How long the store may take to say how things stand, before whoever waits tries elsewhere.
const STANDS_WITHIN: Duration = Duration::from_secs(2);
/// The pause after the store failed.
const PAUSE: Duration = Duration::from_millis(100);
/// How long nodes may take to confirm a change before other API nodes are told that they are waited for.
const CONFIRMS_WITHIN: Duration = Duration::from_millis(300);
/// How long questions for the right to answer gather: all that wait are answered with one look at the store, and a right is
/// shorter by that much.
const GATHER: Duration = Duration::from_millis(5);
/// How long a right that has ended may go unnoticed while somebody waits for that.
const LAPSE_TICK: Duration = Duration::from_millis(10);

/// Snapshots that are read at once: each holds a connection to the store.
const SNAPSHOTS_AT_ONCE: usize = 3;
/// Batches of nodes' usage that are worked on at once: each takes memory, 200 MB at the worst.
const BATCHES_AT_ONCE: usize = 4;
/// Stretches of the log that are read at once for nodes that are far behind. Each loads up to a thousand keys.
const STRETCHES_AT_ONCE: usize = 2;

/// A node's question under way.
#[derive(Debug)]
struct Question {
    t0: u64,
    answers: mpsc::Sender<Granted>,
}

/// The answer: the right begins at `t0` for whoever shows everything up to `tail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// That of the question.
    pub t0: u64,
    /// The log's end.
    pub tail: u64,
    /// The registration.
    pub epoch: Uuid,
}

impl Granted {
    /// As a message, for a node that was sent everything up to `from`.
    #[must_use]
    pub const fn message(self, from: u64) -> Grant {
        Grant { t0: self.t0, epoch: self.epoch, from, tail: self.tail }
    }
}

/// The control plane of a process. Shared by `Arc`.
pub struct Plane {
    clock: SharedClock,
    entropy: Box<dyn Fn() -> Uuid + Send + Sync>,
    registry: Arc<dyn Registry>,
    deltas: Arc<Deltas>,
    /// The right of the process's own table.
    own: Arc<Lease>,
    holders: Mutex<Holders>,
    questions: Mutex<Vec<Question>>,
    asked: Notify,
    /// Every holder, and the own table, shows everything up to here.
    confirmed: watch::Sender<u64>,
    /// Changes of what was confirmed that nobody has looked at yet.
    acked: Notify,
    /// The registration; a new one ends all streams.
    epoch: watch::Sender<Uuid>,
    /// Held while it registers anew: of two at a time, one would stay behind that nobody reports for.
    registering: AsyncMutex<()>,
    roster: Roster,
    /// The end of the log, as it was last read.
    head: AtomicU64,
    /// The other API nodes that may grant nothing any more, and since when that is known.
    suspended: Mutex<HashMap<Uuid, Duration>>,
    /// How many API nodes may serve, this one included, as far as this one has seen.
    api_nodes: AtomicU32,
    snapshots: Semaphore,
    batches: Semaphore,
    stretches: Semaphore,
    closing: watch::Sender<bool>,
}

impl Plane {
    /// A control plane that has yet to register.
    pub fn new(
        clock: SharedClock,
        entropy: impl Fn() -> Uuid + Send + Sync + 'static,
        registry: Arc<dyn Registry>,
        deltas: Arc<Deltas>,
        own: Arc<Lease>,
    ) -> Self {
        let epoch = watch::Sender::new(entropy());
        let confirmed = watch::Sender::new(deltas.ends().newest);
        Self {
            clock,
            entropy: Box::new(entropy),
            registry,
            deltas,
            own,
            holders: Mutex::default(),
            questions: Mutex::default(),
            asked: Notify::new(),
            confirmed,
            acked: Notify::new(),
            epoch,
            registering: AsyncMutex::new(()),
            roster: Roster::default(),
            head: AtomicU64::new(0),
            suspended: Mutex::default(),
            api_nodes: AtomicU32::new(1),
            snapshots: Semaphore::new(SNAPSHOTS_AT_ONCE),
            batches: Semaphore::new(BATCHES_AT_ONCE),
            stretches: Semaphore::new(STRETCHES_AT_ONCE),
            closing: watch::Sender::new(false),
        }
    }

    /// The list of what changed.
    #[must_use]
    pub const fn deltas(&self) -> &Arc<Deltas> {
        &self.deltas
    }

    /// The registration. Streams that began under another one are to be ended.
    #[must_use]
    pub fn epoch(&self) -> watch::Receiver<Uuid> {
        self.epoch.subscribe()
    }

    /// The registry of API nodes.
    #[must_use]
    pub fn registry(&self) -> &Arc<dyn Registry> {
        &self.registry
    }

    /// The nodes that have a stream.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The right of the process's own table.
    pub(super) const fn own(&self) -> &Arc<Lease> {
        &self.own
    }

    /// The end of the log, as it was last read.
    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }

    /// The other API nodes that may grant nothing any more, and since when that is known here.
    pub(super) fn suspended(&self) -> MutexGuard<'_, HashMap<Uuid, Duration>> {
        self.suspended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many API nodes may serve, this one included: those that are registered and not known to be gone. What others see of one
    /// that came or went may be a second old, or five where it died.
    #[must_use]
    pub fn api_nodes(&self) -> u32 {
        self.api_nodes.load(Ordering::Relaxed)
    }

    /// Looks who else is registered. Once it has, what is divided among API nodes may be given out.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn find_others(&self) -> Result<(), StoreError> {
        self.see(&self.registry.fresh().await?.nodes);
        Ok(())
    }

    /// Counts those that are registered.
    pub(super) fn see(&self, registered: &[Registered]) {
        let own = *self.epoch.borrow();
        let others = registered.iter().filter(|other| other.epoch != own && !other.suspended).count();
        self.api_nodes.store(u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1), Ordering::Relaxed);
    }

    /// Waits for leave to read a snapshot.
    pub(super) async fn snapshot_turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, and a snapshot without leave is only slower for others.
        self.snapshots.acquire().await.ok()
    }

    /// Waits for leave to work on a batch of usage.
    pub(super) async fn usage_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.batches.acquire().await.ok()
    }

    /// Waits for leave to read a stretch of the log for one node alone.
    pub(super) async fn stretch_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.stretches.acquire().await.ok()
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Takes a node's question for the right to answer. The answer goes to `answers` if there is one.
    pub fn ask(&self, id: HolderId, t0: u64, applied: u64, answers: mpsc::Sender<Granted>) {
        // On record before the log is read for the answer: see `holders`.
        self.holders().asked(id, applied, self.clock.monotonic());
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).push(Question { t0, answers });
        self.asked.notify_one();
        self.acked.notify_one();
    }

    /// A node shows everything up to a position.
    pub fn acknowledge(&self, id: HolderId, applied: u64) {
        self.holders().acked(id, applied);
        // Here and at once: of a thousand words the last one counts, and another thread would have to be woken for each.
        self.advance();
    }

    /// A node answers nothing any more.
    pub fn leave(&self, id: HolderId) {
        self.holders().left(id);
        self.acked.notify_one();
    }

    /// How the nodes stand to a position, of those that could answer `then`.
    #[must_use]
    pub fn count(&self, position: u64, then: Duration) -> Count {
        self.holders().count(position, then, self.clock.monotonic())
    }

    /// What is known of the holders.
    pub fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every node of this process, the own table among them, shows everything up to here.
    #[must_use]
    pub fn confirmed(&self) -> watch::Receiver<u64> {
        self.confirmed.subscribe()
    }

    /// Registers. Before this nothing may be granted.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn register(&self) -> Result<(), StoreError> {
        let epoch = (self.entropy)();
        let confirmed = *self.confirmed.borrow();
        self.registry.register(epoch, confirmed).await?;
        // An old registration stays until others forget it: whoever waits for that one does not know of this one, and would take
        // its end for the end of all that was granted.
        self.epoch.send_replace(epoch);
        Ok(())
    }

    /// Ends all streams, so that nodes go elsewhere while this process finishes what it has begun.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Turns true when streams are to be ended.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Leaves the registry. Nothing may be granted afterwards, and the own table gets no right any more. Where nodes may still
    /// answer with what they were granted, other API nodes, or the next run of this one, forget the registration when that has
    /// ended.
    ///
    /// # Errors
    /// [`StoreError`]; then the registration is suspended by others as that of a process that died.
    pub async fn depart(&self) -> Result<(), StoreError> {
        self.own.end();
        let epoch = *self.epoch.borrow();
        self.registry.suspend(epoch).await?;
        if self.holders().any(self.clock.monotonic()) {
            return Ok(());
        }
        self.registry.evict(epoch).await
    }

    /// Suspends all other registrations: for a store that belongs to one process, whose earlier runs they are.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn succeed_earlier_runs(&self) -> Result<(), StoreError> {
        let own = *self.epoch.borrow();
        let view = self.registry.fresh().await?;
        for earlier in view.nodes.iter().filter(|other| other.epoch != own && !other.suspended) {
            self.registry.suspend(earlier.epoch).await?;
        }
        Ok(())
    }

    /// Works until `stop` turns true: grants, the own table's right, reports.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let work = async {
            tokio::join!(self.grant(), self.renew_own(), self.confirm(), self.report(), self.watch_over());
        };
        tokio::select! {
            () = work => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Answers questions, all that wait with one look at the store.
    async fn grant(&self) {
        loop {
            self.asked.notified().await;
            tokio::time::sleep(GATHER).await;
            let questions =
                std::mem::take(&mut *self.questions.lock().unwrap_or_else(PoisonError::into_inner));
            if questions.is_empty() {
                continue;
            }
            let epoch = *self.epoch.borrow();
            match self.standing(epoch).await {
                Ok(Standing { head, may_grant: true }) => {
                    for Question { t0, answers } in questions {
                        // A stream that ended has no more use for it, and one that has many answers not for another.
                        let _useless = answers.try_send(Granted { t0, tail: head, epoch });
                    }
                }
                Ok(Standing { may_grant: false, .. }) => self.register_anew(epoch).await,
                Err(error) => {
                    tracing::warn!(%error, "nodes get no right to answer just now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn standing(&self, epoch: Uuid) -> Result<Standing, StoreError> {
        let asked = tokio::time::timeout(STANDS_WITHIN, self.registry.standing(epoch)).await;
        let standing =
            asked.unwrap_or_else(|_| Err(StoreError("the store did not answer in time".to_owned())))?;
        self.head.fetch_max(standing.head, Ordering::Relaxed);
        Ok(standing)
    }

    /// After others have taken this process for dead: what it gave has ended for them, so it begins anew, and its nodes do.
    async fn register_anew(&self, epoch: Uuid) {
        let _alone = self.registering.lock().await;
        if *self.epoch.borrow() != epoch {
            return;
        }
        tracing::warn!("other API nodes took this one for dead; it registers anew");
        metrics::counter!("nexus_api_node_suspensions_total").increment(1);
        if let Err(error) = self.register().await {
            tracing::warn!(%error, "this API node cannot register just now");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Renews the right of the own table, by the same rules as a node's.
    async fn renew_own(&self) {
        let mut read = self.deltas.read();
        loop {
            let asked = self.clock.monotonic();
            let epoch = *self.epoch.borrow();
            match self.standing(epoch).await {
                Ok(Standing { head, may_grant: true }) => {
                    let until = asked.saturating_add(LENGTH);
                    let shown = read.wait_for(|read| *read >= head);
                    if let Ok(Ok(_)) = tokio::time::timeout(LENGTH, shown).await {
                        self.own.extend(until);
                    }
                }
                Ok(Standing { may_grant: false, .. }) => {
                    self.register_anew(epoch).await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "this node's table gets no right to answer just now");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            tokio::time::sleep(RENEW_EVERY).await;
        }
    }

    /// Moves what is confirmed when the own table, an acknowledgement or a lapse allows it.
    async fn confirm(&self) {
        let mut newest = self.deltas.newest();
        loop {
            let (behind, lapse) = self.advance();
            let lapses = async {
                match lapse.filter(|_| behind) {
                    Some(left) => tokio::time::sleep(left.max(LAPSE_TICK)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.acked.notified() => {}
                _ = newest.changed() => {}
                () = lapses => {}
            }
        }
    }

    /// Moves what is confirmed to what all show. Tells whether one of them is behind the own table, and how long the right that
    /// ends first may last.
    fn advance(&self) -> (bool, Option<Duration>) {
        let own = self.deltas.ends().newest;
        let now = self.clock.monotonic();
        let mut holders = self.holders();
        let shown = holders.confirmed(now).map_or(own, |confirmed| confirmed.min(own));
        let lapse = holders.next_lapse().map(|until| until.saturating_sub(now));
        drop(holders);
        self.confirmed.send_if_modified(|confirmed| {
            let moved = shown > *confirmed;
            *confirmed = shown.max(*confirmed);
            moved
        });
        (shown < own, lapse)
    }

    /// Tells the other API nodes what is confirmed here, and in time that this one is alive and waits for others.
    async fn report(&self) {
        let mut confirmed = self.confirmed.subscribe();
        let mut epochs = self.epoch.subscribe();
        let mut newest = self.deltas.newest();
        loop {
            let epoch = *epochs.borrow_and_update();
            let (confirmed_to, read) = (*confirmed.borrow_and_update(), *newest.borrow_and_update());
            let then = self.clock.monotonic().saturating_sub(longest_lease());
            let count = self.count(read, then);
            let lapsed = count.lapsed + count.pending;
            let account =
                Account { confirmed: confirmed_to, read, nodes: 1 + count.confirmed + lapsed, lapsed };
            if let Err(error) = self.registry.report(epoch, account).await {
                tracing::debug!(%error, "others wait for a report of this API node");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            tokio::select! {
                biased;
                _ = epochs.changed() => {}
                _ = confirmed.changed() => {}
                () = waits_long(&mut newest) => {}
            }
        }
    }
}

/// Returns when something changed that has not been confirmed since: then others should know that it is waited for.
async fn waits_long(newest: &mut watch::Receiver<u64>) {
    // The sender lives as long as the control plane.
    let _never = newest.changed().await;
    tokio::time::sleep(CONFIRMS_WITHIN).await;
}
