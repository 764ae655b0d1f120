//! The registry of API nodes out of the store, for the control plane.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_infrastructure::registry as store;
use uuid::Uuid;

use super::ports::{Account, Registered, Registry, Standing, StoreError, View};

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
    sole: bool,
}

impl StoredRegistry {
    /// The registry, watched by `watch`. `sole`: the store belongs to this process alone, so that nobody waits for its reports
    /// and its signs of life, which are then not written.
    #[must_use]
    pub const fn new(
        registry: store::Registry,
        watch: store::RegistryWatch,
        presentation: Presentation,
        sole: bool,
    ) -> Self {
        Self { registry, watch, presentation, sole }
    }
}

impl Registry for StoredRegistry {
    fn register(&self, epoch: Uuid, confirmed: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let Presentation { address, version, started_at } = self.presentation.clone();
            let registration = store::Registration { id: epoch, address, version, started_at, confirmed };
            self.registry.register(&registration).await.map_err(StoreError::of)
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
            if self.sole {
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
            if self.sole {
                return Ok(());
            }
            self.registry.beat(epoch, status.as_deref()).await.map(drop).map_err(StoreError::of)
        }
        .boxed()
    }

    fn fresh(&self) -> BoxFuture<'_, Result<View, StoreError>> {
        async move {
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
            Ok(View { nodes: nodes.collect(), number: view.read })
        }
        .boxed()
    }

    fn changed(&self, view: u64) -> BoxFuture<'_, ()> {
        self.watch.changed_after(view).map(drop).boxed()
    }

    fn suspend(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.registry.suspend(epoch).await.map(drop).map_err(StoreError::of) }.boxed()
    }

    fn evict(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.registry.evict(epoch).await.map(drop).map_err(StoreError::of) }.boxed()
    }
}
