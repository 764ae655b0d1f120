//! Log and registry as an API node has them: the ports of its control plane, onto the simulated store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_api::nodes::ports::{
    Account, Log, Read, Registered, Registry, Snapshot, Standing, StoreError, View,
};
use nexus_domain::validity::DialectEntry;
use nexus_validator::control::wanted::Wanted;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::broken::Broken;
use crate::network::Path;
use crate::store::{Stored, call};
use crate::world::{STORE, World};

/// As in the real registry's watch.
const READ_WITHIN: Duration = Duration::from_secs(2);
const AWAITED: Duration = Duration::from_millis(250);
/// How old what a broken adapter shows may be.
const STALE: Duration = Duration::from_secs(4);
/// Entries of a snapshot that are handed on at once.
const PIECE: usize = 4;

/// The registry.
pub(crate) struct SimulatedRegistry {
    world: Arc<World>,
    host: usize,
    views: AtomicU64,
    /// How many changes each of the last views had seen.
    seen: Mutex<BTreeMap<u64, u64>>,
    /// What broken adapters keep.
    head: Mutex<Option<(Instant, u64)>>,
    view: Mutex<Option<(Instant, Vec<Registered>)>>,
    own: Mutex<Vec<Uuid>>,
}

impl SimulatedRegistry {
    pub(crate) fn new(world: Arc<World>, host: usize) -> Self {
        Self {
            world,
            host,
            views: AtomicU64::new(0),
            seen: Mutex::default(),
            head: Mutex::default(),
            view: Mutex::default(),
            own: Mutex::default(),
        }
    }

    fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut Stored) -> T + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        async move { call(&self.world, self.host, what, act).await }.boxed()
    }

    /// The rows as this adapter shows them.
    fn shown(&self, rows: Vec<Registered>) -> Vec<Registered> {
        match self.world.broken {
            Some(Broken::OwnNodesAlone) => {
                let own = self.own.lock().unwrap().clone();
                rows.into_iter().filter(|row| own.contains(&row.epoch)).collect()
            }
            Some(Broken::RegistryBeforeCommit) => keep(&self.view, rows),
            _ => rows,
        }
    }
}

/// What was there before, unless that is too long ago.
fn keep<T: Clone>(kept: &Mutex<Option<(Instant, T)>>, now: T) -> T {
    let mut kept = kept.lock().unwrap();
    match &*kept {
        Some((at, value)) if at.elapsed() < STALE => value.clone(),
        _ => kept.insert((Instant::now(), now)).1.clone(),
    }
}

impl Registry for SimulatedRegistry {
    fn register(&self, epoch: Uuid, confirmed: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        self.own.lock().unwrap().push(epoch);
        let (world, host) = (Arc::clone(&self.world), self.host);
        self.call("register", move |stored| {
            world.note(host, &format!("registers as {epoch}"));
            let row = Registered {
                epoch,
                suspended: false,
                confirmed,
                read: confirmed,
                nodes: 1,
                lapsed: 0,
                beat: 0,
            };
            stored.registry.insert(epoch, row);
            stored.changes += 1;
        })
    }

    fn standing(&self, epoch: Uuid) -> BoxFuture<'_, Result<Standing, StoreError>> {
        async move {
            let standing = self.call("standing", move |stored| {
                let may_grant = stored.registry.get(&epoch).is_some_and(|row| !row.suspended);
                Standing { head: stored.history.head(), may_grant }
            });
            let mut standing = standing.await?;
            if self.world.is(Broken::StaleHead) {
                standing.head = keep(&self.head, standing.head);
            }
            Ok(standing)
        }
        .boxed()
    }

    fn report(&self, epoch: Uuid, account: Account) -> BoxFuture<'_, Result<(), StoreError>> {
        let Account { confirmed, nodes, lapsed, .. } = account;
        self.world.note(self.host, &format!("reports {confirmed} of {nodes}, {lapsed} lapsed"));
        self.call("report", move |stored| stored.report(epoch, account))
    }

    fn beat(&self, epoch: Uuid, _: Option<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.call("beat", move |stored| {
            if let Some(row) = stored.registry.get_mut(&epoch) {
                row.beat += 1;
            }
        })
    }

    fn fresh(&self) -> BoxFuture<'_, Result<View, StoreError>> {
        async move {
            let number = self.views.fetch_add(1, Ordering::Relaxed) + 1;
            let read = self.call("fresh", |stored| {
                (stored.registry.values().cloned().collect::<Vec<_>>(), stored.changes)
            });
            let late = |_| StoreError("the store did not answer in time".to_owned());
            let (rows, changes) = timeout(READ_WITHIN, read).await.map_err(late)??;
            let mut seen = self.seen.lock().unwrap();
            seen.insert(number, changes);
            while seen.len() > 16 {
                seen.pop_first();
            }
            Ok(View { nodes: self.shown(rows).into(), number })
        }
        .boxed()
    }

    fn changed(&self, view: u64) -> BoxFuture<'_, ()> {
        async move {
            let seen = self.seen.lock().unwrap().get(&view).copied().unwrap_or_default();
            let mut changes = self.world.store.changes();
            let announced = async {
                let _changed = changes.wait_for(|changes| *changes > seen).await.is_ok();
                announcement(&self.world, self.host).await;
            };
            let _quiet = timeout(AWAITED, announced).await;
        }
        .boxed()
    }

    fn suspend(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>> {
        let (world, host) = (Arc::clone(&self.world), self.host);
        self.call("suspend", move |stored| {
            world.note(host, &format!("suspends {epoch}"));
            if let Some(row) = stored.registry.get_mut(&epoch) {
                row.suspended = true;
                stored.changes += 1;
            }
            if world.is(Broken::EvictedWithoutFence) {
                stored.registry.remove(&epoch);
            }
        })
    }

    fn evict(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>> {
        let (world, host) = (Arc::clone(&self.world), self.host);
        self.call("evict", move |stored| {
            if stored.registry.get(&epoch).is_some_and(|row| row.suspended) {
                world.note(host, &format!("evicts {epoch}"));
                stored.registry.remove(&epoch);
                stored.changes += 1;
            }
        })
    }
}

/// How long word of a change is under way.
async fn announcement(world: &World, host: usize) {
    let path: Path = (STORE, host);
    world.network.opened(path).await;
    sleep(world.network.delay(world, path, "announcement")).await;
}

/// The log.
pub(crate) struct SimulatedLog {
    pub(crate) world: Arc<World>,
    pub(crate) host: usize,
}

impl Log for SimulatedLog {
    fn id(&self) -> Uuid {
        self.world.log
    }

    /// In two statements, as the real one: what has changed is read later than that it has.
    fn follow(&self, after: u64) -> BoxFuture<'_, Result<Read, StoreError>> {
        self.read(after)
    }

    fn read(&self, after: u64) -> BoxFuture<'_, Result<Read, StoreError>> {
        async move {
            let (world, host) = (&self.world, self.host);
            let mut head = world.store.head();
            let announced = async {
                let _moved = head.wait_for(|head| *head > after).await.is_ok();
                announcement(world, host).await;
            };
            let _quiet = timeout(AWAITED, announced).await;
            world.store.unstuck(host).await;
            let most = world.chance.of(("stretch", host, after)).between(1, 20);
            let to = loop {
                let to =
                    call(world, host, "read", move |stored| stored.history.head().min(after + most)).await?;
                if to > after {
                    break to;
                }
                sleep(AWAITED).await;
            };
            let states = call(world, host, "states", move |stored| {
                (stored.history.changed_by(to), stored.history.touched(after, to))
            });
            let (changed, entries) = states.await?;
            Ok(Read { to, changed: (changed > after).then_some((changed, entries)) })
        }
        .boxed()
    }

    /// From a projection, which may be behind.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        async move {
            let (world, host) = (Arc::clone(&self.world), self.host);
            let chance = world.chance.of(("behind", host, world.millis()));
            let behind = if chance.per_mille(300) { chance.between(0, 4) } else { 0 };
            let read = call(&world, host, "snapshot", move |stored| {
                let position = stored.history.head().saturating_sub(behind);
                (position, stored.history.everything(position))
            });
            let (position, entries) = read.await?;
            Ok(Box::new(Pieces { world, host, position, entries }) as Box<dyn Snapshot>)
        }
        .boxed()
    }

    fn credential(&self, _: Wanted) -> BoxFuture<'_, Result<Vec<DialectEntry>, StoreError>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

struct Pieces {
    world: Arc<World>,
    host: usize,
    position: u64,
    entries: Vec<DialectEntry>,
}

impl Snapshot for Pieces {
    fn position(&self) -> u64 {
        self.position
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<DialectEntry>>, StoreError>> {
        async move {
            call(&self.world, self.host, "piece", |_| ()).await?;
            let piece: Vec<_> = self.entries.drain(..PIECE.min(self.entries.len())).collect();
            Ok(Some(piece).filter(|piece| !piece.is_empty()))
        }
        .boxed()
    }
}
