//! The registry of API nodes out of the store, for the control plane.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_infrastructure::database::{DatabaseError, SoleUse};
use nexus_infrastructure::registry as store;
use tokio::sync::watch;
use uuid::Uuid;

use super::ports::{Account, Registered, Registry, Standing, StoreError, View};

/// How long nothing may be heard of a change.
const AWAITED: Duration = Duration::from_millis(250);

/// How this process presents itself.
#[derive(Debug, Clone)]
pub struct Presentation {
    /// Where the outside reaches it.
    pub address: String,
    /// The version of the program.
    pub version: String,
    /// When the process started, in unix microseconds.
    pub started_at: i64,
}

/// The registry of the process's store.
pub struct StoredRegistry {
    registry: store::Registry,
    watch: store::RegistryWatch,
    presentation: Presentation,
    sole: Option<Sole>,
}

/// What is known of a store that belongs to this process alone: nobody else changes the registry.
struct Sole {
    /// As long as this is held, nobody else can serve from the store.
    _use: SoleUse,
    /// Counts up before and after each change.
    changes: watch::Sender<u64>,
    /// What was read when the count stood at this.
    read: Mutex<Option<(u64, View)>>,
}

impl Sole {
    fn new(alone: SoleUse) -> Self {
        Self { _use: alone, changes: watch::Sender::default(), read: Mutex::default() }
    }

    fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    fn count(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn read(&self) -> MutexGuard<'_, Option<(u64, View)>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read since the last change.
    fn still(&self) -> Option<View> {
        self.read().as_ref().filter(|(changes, _)| *changes == self.changes()).map(|(_, view)| view.clone())
    }

    /// Returns when something was changed since it was read, and in any case soon.
    async fn outdated(&self) {
        let known = self.read().as_ref().map(|(changes, _)| *changes);
        let mut changes = self.changes.subscribe();
        let changed = changes.wait_for(|changes| known != Some(*changes));
        let _quiet = tokio::time::timeout(AWAITED, changed).await;
    }
}

/// A change under way. It counts at its end too, for whoever read meanwhile may have read what stood before; also where nobody
/// waits for that end.
struct UnderWay<'a>(&'a Sole);

impl<'a> UnderWay<'a> {
    fn begin(sole: &'a Sole) -> Self {
        sole.count();
        Self(sole)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.count();
    }
}

impl StoredRegistry {
    /// The registry, watched by `watch`. `alone`: the store belongs to this process alone, so that nobody waits for its reports
    /// and its signs of life, which are then not written, and what was read holds until it changes something itself.
    #[must_use]
    pub fn new(
        registry: store::Registry,
        watch: store::RegistryWatch,
        presentation: Presentation,
        alone: Option<SoleUse>,
    ) -> Self {
        Self { registry, watch, presentation, sole: alone.map(Sole::new) }
    }

    /// Changes the registry.
    async fn change<T>(
        &self,
        change: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<(), StoreError> {
        let _under_way = self.sole.as_ref().map(UnderWay::begin);
        change.await.map(drop).map_err(StoreError::of)
    }
}

impl Registry for StoredRegistry {
    fn register(&self, epoch: Uuid, confirmed: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let Presentation { address, version, started_at } = self.presentation.clone();
            let registration = store::Registration { id: epoch, address, version, started_at, confirmed };
            self.change(self.registry.register(&registration)).await
        }
        .boxed()
    }

    fn standing(&self, epoch: Uuid) -> BoxFuture<'_, Result<Standing, StoreError>> {
        async move {
            let store::Standing { head, may_grant } =
                self.registry.standing(epoch).await.map_err(StoreError::of)?;
            Ok(Standing { head, may_grant })
        }
        .boxed()
    }

    fn report(&self, epoch: Uuid, account: Account) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if self.sole.is_some() {
                return Ok(());
            }
            let Account { confirmed, read, nodes, lapsed } = account;
            let report = store::Report { confirmed, read, nodes, lapsed };
            self.registry.report(epoch, &report).await.map(drop).map_err(StoreError::of)
        }
        .boxed()
    }

    fn beat(&self, epoch: Uuid, status: Option<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if self.sole.is_some() {
                return Ok(());
            }
            self.registry.beat(epoch, status.as_deref()).await.map(drop).map_err(StoreError::of)
        }
        .boxed()
    }

    fn fresh(&self) -> BoxFuture<'_, Result<View, StoreError>> {
        async move {
            if let Some(still) = self.sole.as_ref().and_then(Sole::still) {
                return Ok(still);
            }
            let changes = self.sole.as_ref().map(Sole::changes);
            let view = self.watch.fresh().await.map_err(StoreError::of)?;
            let nodes = view.nodes.iter().map(|node| Registered {
                epoch: node.id,
                suspended: node.suspended,
                confirmed: node.confirmed,
                read: node.read,
                nodes: node.nodes,
                lapsed: node.lapsed,
                beat: node.beat,
            });
            let view = View { nodes: nodes.collect(), number: view.read };
            if let Some((sole, changes)) = self.sole.as_ref().zip(changes) {
                *sole.read() = Some((changes, view.clone()));
            }
            Ok(view)
        }
        .boxed()
    }

    fn changed(&self, view: u64) -> BoxFuture<'_, ()> {
        match &self.sole {
            Some(sole) => sole.outdated().boxed(),
            None => self.watch.changed_after(view).map(drop).boxed(),
        }
    }

    fn suspend(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(self.registry.suspend(epoch)).boxed()
    }

    fn evict(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(self.registry.evict(epoch)).boxed()
    }
}
