//! An immutable set of secrets, sorted so that a look-up reads few cache lines.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nexus_domain::credential::Digest;
use nexus_domain::dialect::Dialect;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::SecretEntry;
use nexus_domain::verification::{Rights, SecretStatus};

/// A tenant as all its keys see it, so that a suspension acts on all of them at once.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) dialect: Arc<Dialect>,
    suspended: AtomicBool,
}

impl Tenant {
    pub(crate) fn new(id: TenantId, dialect: Arc<Dialect>, suspended: bool) -> Self {
        Self { id, dialect, suspended: AtomicBool::new(suspended) }
    }

    pub(crate) fn suspended(&self) -> bool {
        self.suspended.load(Ordering::Acquire)
    }

    pub(crate) fn set_suspended(&self, suspended: bool) {
        self.suspended.store(suspended, Ordering::Release);
    }
}

/// A secret on its way into the table.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) secret: SecretEntry,
    pub(crate) key_id: KeyId,
    pub(crate) name: Arc<str>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) rights: Arc<Rights>,
}

/// A secret in the table: 88 bytes, and its name in [`Rows::names`]. What a verdict reads stands
/// together at the front, in as few cache lines as can be.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) digest: Digest,
    pub(crate) tenant: Arc<Tenant>,
    /// Of all tenants with such rights, so that the few that there are stay in the cache.
    pub(crate) rights: Arc<Rights>,
    pub(crate) not_after: i64,
    pub(crate) status: SecretStatus,
    name_length: u16,
    name_at: u32,
    pub(crate) version: u32,
    pub(crate) key_id: KeyId,
}

impl Slot {
    pub(crate) fn of(incoming: &Incoming) -> Self {
        Self {
            digest: incoming.secret.digest,
            key_id: incoming.key_id,
            not_after: incoming.secret.not_after,
            tenant: Arc::clone(&incoming.tenant),
            rights: Arc::clone(&incoming.rights),
            version: incoming.secret.version,
            name_at: 0,
            name_length: 0,
            status: incoming.secret.status,
        }
    }

    /// Whether a change would revive a revoked secret. Nothing in the domain does, so a change that
    /// seems to is a stale one.
    pub(crate) fn revived_by(&self, change: &Self) -> bool {
        self.status == SecretStatus::Revoked && change.status != SecretStatus::Revoked
    }
}

/// The bits of a digest that place it, which SHA-256 has spread evenly already.
pub(crate) fn spread(digest: &Digest) -> u64 {
    digest.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// How many secrets a bucket holds on average.
const BUCKET: usize = 16;

/// The part of a digest that rows are sorted by. The highest bits have told the shard.
fn order(spread: u64) -> u64 {
    spread & u64::from(u32::MAX)
}

/// A part of a digest that spares a look at nearly all slots that only share a bucket.
fn tag(spread: u64) -> u8 {
    u8::try_from((spread >> 32) & 0xff).unwrap_or(0)
}

fn bucket(spread: u64, buckets: usize) -> usize {
    let buckets = u64::try_from(buckets).unwrap_or(u64::MAX);
    usize::try_from(order(spread).saturating_mul(buckets) >> 32).unwrap_or(0)
}

/// An immutable set of secrets with their names. A look-up reads two small arrays that stay in a
/// processor's cache, and then one slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// Where each bucket of slots begins, and where the last one ends.
    starts: Arc<[u32]>,
    /// The tag of each slot.
    tags: Arc<[u8]>,
    /// In order of their digests, as [`order`] has it.
    pub(crate) slots: Arc<[Slot]>,
    names: Arc<str>,
}

impl Rows {
    pub(crate) fn find(&self, digest: &Digest) -> Option<usize> {
        let spread = spread(digest);
        let bucket = bucket(spread, self.starts.len().checked_sub(1)?);
        let start = usize::try_from(*self.starts.get(bucket)?).ok()?;
        let end = usize::try_from(*self.starts.get(bucket + 1)?).ok()?;
        let wanted = tag(spread);
        let mut candidates = (start..end).zip(self.tags.get(start..end)?).filter(|(_, tag)| **tag == wanted);
        candidates
            .find(|(at, _)| self.slots.get(*at).is_some_and(|slot| slot.digest == *digest))
            .map(|(at, _)| at)
    }

    pub(crate) fn name(&self, slot: &Slot) -> &str {
        let start = usize::try_from(slot.name_at).unwrap_or(usize::MAX);
        self.names.get(start..start.saturating_add(usize::from(slot.name_length))).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &str)> {
        self.slots.iter().map(|slot| (slot.clone(), self.name(slot)))
    }

    /// These rows with changes applied in order; at most `new` of them are new.
    pub(crate) fn with<'a>(&'a self, changes: impl Iterator<Item = (Slot, &'a str)>, new: usize) -> Self {
        let mut rows: Vec<(Slot, &str)> = Vec::with_capacity(self.slots.len() + new);
        rows.extend(self.iter());
        let mut added: HashMap<Digest, usize> = HashMap::new();
        for (change, name) in changes {
            let known = self.find(&change.digest).or_else(|| added.get(&change.digest).copied());
            match known.and_then(|at| rows.get_mut(at)) {
                Some((slot, _)) if slot.revived_by(&change) => {}
                Some(row) => *row = (change, name),
                None => {
                    added.insert(change.digest, rows.len());
                    rows.push((change, name));
                }
            }
        }
        rows.sort_by_key(|(slot, _)| order(spread(&slot.digest)));
        Self::build(rows)
    }

    /// Rows that are in order.
    fn build(rows: Vec<(Slot, &str)>) -> Self {
        let buckets = rows.len().div_ceil(BUCKET);
        let mut names = String::with_capacity(rows.iter().map(|(_, name)| name.len()).sum());
        let mut starts = Vec::with_capacity(buckets + 1);
        let mut tags = Vec::with_capacity(rows.len());
        let mut slots = Vec::with_capacity(rows.len());
        for (mut slot, name) in rows {
            let spread = spread(&slot.digest);
            let at = u32::try_from(slots.len()).unwrap_or(u32::MAX);
            let begun = bucket(spread, buckets) + 1;
            starts.resize(begun.max(starts.len()), at);
            tags.push(tag(spread));
            slot.name_at = u32::try_from(names.len()).unwrap_or(u32::MAX);
            // Names have at most 100 characters, hence at most 400 bytes.
            slot.name_length = u16::try_from(name.len()).unwrap_or(0);
            names.push_str(name);
            slots.push(slot);
        }
        starts.resize(buckets + 1, u32::try_from(slots.len()).unwrap_or(u32::MAX));
        Self { starts: starts.into(), tags: tags.into(), slots: slots.into(), names: names.into() }
    }
}
