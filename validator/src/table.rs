//! The look-up table: digest of a secret → what is known of it. Readers take a shard without
//! waiting for anybody; the one writer replaces shards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use nexus_domain::credential::Digest;
use nexus_domain::ids::KeyId;

use crate::rows::{Incoming, Slot, spread};
use crate::shard::{Place, Shard};
use crate::tokens::Tokens;

/// Few enough that their heads stay in a processor's cache, and many enough that copying one, about
/// 2,000 secrets of a million once in 64 changes, holds up nobody.
const SHARD_BITS: u32 = 9;

/// All secrets.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[ArcSwap<Shard>]>,
    /// The number of the shard that a digest belongs to stands in its highest bits, behind so many others.
    shift: u32,
    len: AtomicUsize,
    /// What tokens are checked by, beside them.
    pub(crate) tokens: Tokens,
}

/// A secret that was found. It keeps the shard that it was found in, and nothing newer. Holding
/// the guard itself, and not an `Arc` of its own, halves the atomic writes of a look-up.
#[derive(Debug)]
pub(crate) struct Found {
    shard: Guard<Arc<Shard>>,
    place: Place,
}

impl Clone for Found {
    fn clone(&self) -> Self {
        Self { shard: Guard::from_inner(Arc::clone(&self.shard)), place: self.place }
    }
}

impl Found {
    /// The secret.
    pub(crate) fn slot(&self) -> &Slot {
        self.shard.slot(self.place)
    }

    /// Its key.
    pub(crate) fn key_id(&self) -> KeyId {
        self.shard.key_id(self.place)
    }

    /// The name of its key.
    pub(crate) fn name(&self) -> &str {
        self.shard.name(self.place)
    }
}

impl Table {
    /// A table for all that there is.
    pub(crate) fn new() -> Self {
        Self::of(SHARD_BITS, Tokens::new())
    }

    /// A table for very few that are looked up once, beside the one for all.
    pub(crate) fn beside(all: &Self) -> Self {
        Self::of(1, all.tokens.beside())
    }

    fn of(bits: u32, tokens: Tokens) -> Self {
        let empty = Arc::new(Shard::default());
        let shards = (0..1usize << bits).map(|_| ArcSwap::new(Arc::clone(&empty))).collect();
        Self { shards, shift: u64::BITS - bits, len: AtomicUsize::new(0), tokens }
    }

    /// The number of the shard that a digest belongs to.
    fn home(&self, digest: &Digest) -> usize {
        usize::try_from(spread(digest) >> self.shift).unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<Found> {
        let shard = self.shards.get(self.home(digest))?.load();
        let place = shard.find(digest)?;
        Some(Found { shard, place })
    }

    /// Takes everything out. For one writer at a time.
    pub(crate) fn clear(&self) {
        let empty = Arc::new(Shard::default());
        for shard in &self.shards {
            shard.store(Arc::clone(&empty));
        }
        self.len.store(0, Ordering::Release);
        self.tokens.clear();
    }

    /// Puts secrets in, in order. For one writer at a time. Visible to every thread on return.
    pub(crate) fn put(&self, mut incoming: Vec<Incoming>) {
        let home = |incoming: &Incoming| self.home(&incoming.secret.digest);
        // Those of a shard stay in their order.
        incoming.sort_by_key(home);
        for changes in incoming.chunk_by(|one, next| home(one) == home(next)) {
            if let Some(cell) = changes.first().and_then(|first| self.shards.get(home(first))) {
                let old = cell.load();
                let new = old.with(changes);
                self.len.fetch_add(new.len() - old.len(), Ordering::AcqRel);
                cell.store(Arc::new(new));
            }
        }
    }
}
