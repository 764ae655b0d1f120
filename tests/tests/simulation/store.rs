//! The store: one log and one registry, whose statements each take effect at one instant, if they arrive. Answers may get lost,
//! and whoever asked may be gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use nexus_api::nodes::ports::{Account, Registered, StoreError};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::chance::Chance;
use crate::history::{Change, History};
use crate::turns::Turns;
use crate::world::{STORE, World};

/// What a crash of the store may take back, where the statement did not wait for the disk.
const UNWRITTEN: Duration = Duration::from_millis(200);

/// What is stored.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) history: History,
    pub(crate) registry: BTreeMap<Uuid, Registered>,
    /// Counts what others are told of.
    pub(crate) changes: u64,
    /// What was confirmed before each report of late.
    reports: Vec<(Instant, Uuid, u64)>,
    chance: Option<Chance>,
}

impl Stored {
    /// Commits an event, if it changes anything, and tells its position.
    pub(crate) fn commit(&mut self, change: Change) -> Option<u64> {
        let chance = self.chance?;
        self.history.moves(change).then(|| self.history.append(change, chance))
    }

    pub(crate) fn report(&mut self, epoch: Uuid, account: Account) {
        if let Some(row) = self.registry.get_mut(&epoch) {
            self.reports.retain(|(at, ..)| at.elapsed() < UNWRITTEN);
            self.reports.push((Instant::now(), epoch, row.confirmed));
            row.confirmed = account.confirmed.max(row.confirmed);
            row.read = account.read.max(row.read);
            (row.nodes, row.lapsed) = (account.nodes, account.lapsed);
            self.changes += 1;
        }
    }
}

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    stored: Mutex<Stored>,
    head: watch::Sender<u64>,
    changes: watch::Sender<u64>,
    /// Odd while it is down.
    outages: watch::Sender<u64>,
    /// The longest delay beyond the usual one, in milliseconds.
    slow: watch::Sender<u64>,
    turns: Turns,
    /// For which API nodes, as bits, the log is not read though everything else is.
    stuck: watch::Sender<usize>,
}

impl Store {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            stored: Mutex::new(Stored { chance: Some(chance), ..Stored::default() }),
            head: watch::Sender::new(0),
            changes: watch::Sender::new(0),
            outages: watch::Sender::new(0),
            slow: watch::Sender::new(0),
            turns: Turns::default(),
            stuck: watch::Sender::new(0),
        }
    }

    /// A look from outside of the simulation.
    pub(crate) fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap()
    }

    /// Acts at once, and tells those who listen.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut Stored) -> T) -> T {
        let mut stored = self.stored();
        let value = act(&mut stored);
        let (head, changes) = (stored.history.head(), stored.changes);
        drop(stored);
        for (sender, value) in [(&self.head, head), (&self.changes, changes)] {
            sender.send_if_modified(|known| std::mem::replace(known, value) != value);
        }
        value
    }

    pub(crate) fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn is_well(&self) -> bool {
        self.is_up() && *self.slow.borrow() == 0
    }

    fn is_up(&self) -> bool {
        self.outages.borrow().is_multiple_of(2)
    }

    pub(crate) fn slow(&self, most: u64) {
        self.slow.send_replace(most);
    }

    /// Crashes: what the disk did not have yet is lost.
    pub(crate) fn crash(&self) {
        if self.is_up() {
            let mut stored = self.stored();
            for (at, epoch, confirmed) in std::mem::take(&mut stored.reports).into_iter().rev() {
                if at.elapsed() < UNWRITTEN
                    && let Some(row) = stored.registry.get_mut(&epoch)
                {
                    row.confirmed = confirmed;
                }
            }
            drop(stored);
            self.outages.send_modify(|outages| *outages += 1);
        }
    }

    pub(crate) fn restart(&self) {
        if !self.is_up() {
            self.outages.send_modify(|outages| *outages += 1);
        }
    }

    /// Lets an API node's reading of the log stand still, or go on.
    pub(crate) fn stick(&self, host: usize) {
        self.stuck.send_modify(|stuck| *stuck ^= 1 << host);
    }

    pub(crate) fn is_stuck(&self, host: usize) -> bool {
        *self.stuck.borrow() & (1 << host) != 0
    }

    /// Returns when an API node may read the log.
    pub(crate) async fn unstuck(&self, host: usize) {
        let mut stuck = self.stuck.subscribe();
        let _free = stuck.wait_for(|stuck| *stuck & (1 << host) == 0).await.is_ok();
    }

    fn latency(&self, chance: Chance) -> Duration {
        let slow = *self.slow.borrow();
        let usual = chance.skewed(6);
        if slow == 0 { usual } else { usual + chance.of("slow").millis(1, slow) }
    }
}

/// Runs a statement for an API node, which hears of its outcome if it is still there.
pub(crate) async fn call<T: Send + 'static>(
    world: &Arc<World>,
    host: usize,
    what: &'static str,
    act: impl FnOnce(&mut Stored) -> T + Send + 'static,
) -> Result<T, StoreError> {
    call_for(world, host, what, 0, act).await
}

/// The same, of a statement that another one of that name and instant must not be confused with.
pub(crate) async fn call_for<T: Send + 'static>(
    world: &Arc<World>,
    host: usize,
    what: &'static str,
    detail: u64,
    act: impl FnOnce(&mut Stored) -> T + Send + 'static,
) -> Result<T, StoreError> {
    let (tell, told) = oneshot::channel();
    let world = Arc::clone(world);
    let chance = world.chance.of((what, host, world.millis(), detail));
    tokio::task::spawn_local(async move {
        let outcome = travel(&world, host, chance, act).await;
        if outcome.is_err() {
            world.note(host, &format!("has no answer to {what}"));
        }
        let _gone = tell.send(outcome);
    });
    told.await.unwrap_or_else(|_| Err(StoreError("nobody is there".to_owned())))
}

/// There and back, in the time that a client of the store would wait.
async fn travel<T>(
    world: &World,
    host: usize,
    chance: Chance,
    act: impl FnOnce(&mut Stored) -> T,
) -> Result<T, StoreError> {
    let store = &world.store;
    let deadline = Instant::now() + chance.of("patience").millis(500, 4_000);
    let late = |_| StoreError("the store did not answer".to_owned());
    let down = || StoreError("the connection broke".to_owned());
    sleep(store.latency(chance.of("there"))).await;
    timeout_at(deadline, world.network.opened((host, STORE))).await.map_err(late)?;
    if !store.is_up() {
        return Err(down());
    }
    store.turns.turn((1, host, chance.bits())).await;
    let outages = *store.outages.borrow();
    let value = store.act(act);
    sleep(store.latency(chance.of("back"))).await;
    timeout_at(deadline, world.network.opened((STORE, host))).await.map_err(late)?;
    world.hosts[host].turns.turn((2, STORE, chance.bits())).await;
    if *store.outages.borrow() == outages { Ok(value) } else { Err(down()) }
}
