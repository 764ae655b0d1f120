//! What the control plane stands on: the registry of API nodes, and the log. As ports, so that a simulation can lose, delay and
//! stop what real stores do not lose on command.

use std::sync::Arc;

use futures::future::BoxFuture;
use nexus_domain::validity::DialectEntry;
use nexus_validator::control::wanted::Wanted;
use uuid::Uuid;

use crate::problem::with_sources;

/// The store did not do it, and may have done it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

impl StoreError {
    /// What a real store says, with its causes.
    pub(super) fn of(error: impl std::error::Error) -> Self {
        Self(with_sources(&error))
    }
}

/// How an API node stands, as the store had it at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The log's end.
    pub head: u64,
    /// Whether the registration was there and not suspended.
    pub may_grant: bool,
}

/// A registered API node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its registration, which is never used again.
    pub epoch: Uuid,
    /// It gets no further right to grant, and is forgotten once all that it granted has ended.
    pub suspended: bool,
    /// Every node of its own shows everything up to here.
    pub confirmed: u64,
    /// Its own table shows everything up to here.
    pub read: u64,
    /// How many nodes it has, itself among them.
    pub nodes: u32,
    /// How many of them have not confirmed that; once all is confirmed, those that lapsed.
    pub lapsed: u32,
    /// Counts up while it is alive.
    pub beat: u64,
}

/// How an API node and its nodes stand: see [`Registered`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// See [`Registered::confirmed`].
    pub confirmed: u64,
    /// See [`Registered::read`].
    pub read: u64,
    /// See [`Registered::nodes`].
    pub nodes: u32,
    /// See [`Registered::lapsed`].
    pub lapsed: u32,
}

/// All API nodes, read at one instant.
#[derive(Debug, Clone)]
pub struct View {
    /// In no particular order.
    pub nodes: Arc<[Registered]>,
    /// Counts the views of this process: a later one has a higher number.
    pub number: u64,
}

/// The registry of API nodes. What is written counts for every API node from the answer on.
pub trait Registry: Send + Sync + 'static {
    /// Registers an API node. Must survive a crash of the store.
    fn register(&self, epoch: Uuid, confirmed: u64) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Log and registration as of one instant, behind the call.
    fn standing(&self, epoch: Uuid) -> BoxFuture<'_, Result<Standing, StoreError>>;
    /// Says how this API node and its nodes stand.
    fn report(&self, epoch: Uuid, account: Account) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Says that this API node is alive, and who its nodes are, as JSON, where that is to be replaced.
    fn beat(&self, epoch: Uuid, status: Option<String>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// All API nodes, read behind the call.
    fn fresh(&self) -> BoxFuture<'_, Result<View, StoreError>>;
    /// Returns when the registry may have changed since the view of this number was read, and in any case soon.
    fn changed(&self, view: u64) -> BoxFuture<'_, ()>;
    /// Takes the right to grant from an API node. Must survive a crash of the store.
    fn suspend(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Forgets an API node that is suspended. Must survive a crash of the store.
    fn evict(&self, epoch: Uuid) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Everything as of one position, piece by piece.
pub trait Snapshot: Send {
    /// What it is exact for.
    fn position(&self) -> u64;
    /// The next piece, tenants before their keys; nothing at the end.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<DialectEntry>>, StoreError>>;
}

/// A stretch of the log, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// How far it was read.
    pub to: u64,
    /// The last position in it that changed validity, and the state of all that changed.
    pub changed: Option<(u64, Vec<DialectEntry>)>,
}

/// The log.
///
/// Positions of two logs mean nothing to each other, so each log has an id.
pub trait Log: Send + Sync + 'static {
    /// The log's id.
    fn id(&self) -> Uuid;
    /// The next stretch behind `after`, of which there may be more; it waits until there is one. For one reader, which goes on from
    /// where it was: no state that it gets is older than one of the same thing before.
    fn follow(&self, after: u64) -> BoxFuture<'_, Result<Read, StoreError>>;
    /// The same for anybody, from the store.
    fn read(&self, after: u64) -> BoxFuture<'_, Result<Read, StoreError>>;
    /// Everything.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn Snapshot>, StoreError>>;
    /// What a node asks for one request, as of now, with its tenant before it; nothing where there is none.
    fn credential(&self, wanted: Wanted) -> BoxFuture<'_, Result<Vec<DialectEntry>, StoreError>>;
}
