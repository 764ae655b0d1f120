//! An immutable set of secrets, sorted so that a look-up reads few cache lines.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use nexus_domain::credential::Digest;
use nexus_domain::dialect::Dialect;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::SecretEntry;
use nexus_domain::verification::{Rights, SecretStatus, SwitchedOff};

/// A tenant as all its keys see it that belong to the same integration, or to none, so that a suspension acts on all of them at
/// once, and what is switched off as well.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) dialect: Arc<Dialect>,
    standing: AtomicU8,
}

/// What keeps keys from being used that are in order themselves. One number, so that a verdict reads it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing(u8);

impl Standing {
    const SUSPENDED: u8 = 1;
    const DISABLED: u8 = 1 << 1;
    const RESTRICTED: u8 = 1 << 2;

    pub(crate) fn of_tenant(suspended: bool) -> Self {
        Self(u8::from(suspended) * Self::SUSPENDED)
    }

    /// That of the tenant's keys of an integration.
    pub(crate) fn of_integration(self, enabled: bool, agent_restricted: bool) -> Self {
        let suspended = self.0 & Self::SUSPENDED;
        let disabled = u8::from(!enabled) * Self::DISABLED;
        let restricted = u8::from(agent_restricted) * Self::RESTRICTED;
        Self(suspended | disabled | restricted)
    }

    pub(crate) fn suspended(self) -> bool {
        self.0 & Self::SUSPENDED != 0
    }

    pub(crate) fn switched_off(self) -> Option<SwitchedOff> {
        if self.0 & Self::DISABLED != 0 {
            Some(SwitchedOff::Integration)
        } else if self.0 & Self::RESTRICTED != 0 {
            Some(SwitchedOff::Agent)
        } else {
            None
        }
    }
}

impl Tenant {
    pub(crate) fn new(id: TenantId, dialect: Arc<Dialect>, standing: Standing) -> Self {
        Self { id, dialect, standing: AtomicU8::new(standing.0) }
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing(self.standing.load(Ordering::Acquire))
    }

    pub(crate) fn set_standing(&self, standing: Standing) {
        self.standing.store(standing.0, Ordering::Release);
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

/// What a verdict reads of a secret. It fills one cache line and crosses none, because in a large
/// table each line is a wait for memory. The rest stands in its [`Label`].
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    pub(crate) digest: Digest,
    pub(crate) tenant: Arc<Tenant>,
    /// Of all tenants with such rights, so that the few that there are stay in the cache.
    pub(crate) rights: Arc<Rights>,
    pub(crate) not_after: i64,
    pub(crate) version: u32,
    pub(crate) status: SecretStatus,
}

/// What is told of a secret's key once the verdict stands.
#[derive(Debug, Clone)]
struct Label {
    key_id: KeyId,
    name_at: u32,
    name_length: u16,
}

/// A secret that goes into rows, or comes out of them to go into others.
#[derive(Debug, Clone)]
pub(crate) struct Row<'a> {
    pub(crate) slot: Slot,
    pub(crate) key_id: KeyId,
    pub(crate) name: &'a str,
}

impl<'a> Row<'a> {
    pub(crate) fn of(incoming: &'a Incoming) -> Self {
        let slot = Slot {
            digest: incoming.secret.digest,
            tenant: Arc::clone(&incoming.tenant),
            rights: Arc::clone(&incoming.rights),
            not_after: incoming.secret.not_after,
            version: incoming.secret.version,
            status: incoming.secret.status,
        };
        Self { slot, key_id: incoming.key_id, name: &incoming.name }
    }
}

impl Slot {
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
const BUCKET: usize = 8;

/// How many of them have a tag. One bucket in fifteen holds more.
const TAGS: usize = 12;

/// The part of a digest that rows are sorted by. The highest bits have told the shard.
fn order(spread: u64) -> u64 {
    spread & u64::from(u32::MAX)
}

/// A part of a digest that spares a look at nearly all slots that only share a bucket. Never 0,
/// which stands where no slot is.
fn tag(spread: u64) -> u8 {
    u8::try_from((spread >> 32) & 0xff).unwrap_or(1).max(1)
}

fn bucket(spread: u64, buckets: usize) -> usize {
    let buckets = u64::try_from(buckets).unwrap_or(u64::MAX);
    usize::try_from(order(spread).wrapping_mul(buckets) >> 32).unwrap_or(0)
}

/// Slots that stand together: the position of the first in the low 32 bits, then a byte for the tag
/// of each. In one number, so that all tags are compared at once: which of them is the wanted one is
/// chance, and a branch on it would be mispredicted in nearly every look-up.
#[derive(Debug, Clone, Copy)]
struct Bucket(u128);

impl Bucket {
    const START_BITS: u32 = 32;
    const EACH: u128 = (u128::MAX / 0xff) << Self::START_BITS;
    const LOW: u128 = Self::EACH * 0x7f;

    fn new(start: u32) -> Self {
        Self(u128::from(start))
    }

    fn start(self) -> usize {
        usize::try_from(self.0 & u128::from(u32::MAX)).unwrap_or(usize::MAX)
    }

    /// Notes the tag of the slot at a position, where there is room.
    fn note(&mut self, position: usize, tag: u8) {
        let place = position.saturating_sub(self.start());
        if let Some(shift) = u32::try_from(place).ok().filter(|_| place < TAGS) {
            self.0 |= u128::from(tag) << (Self::START_BITS + shift * u8::BITS);
        }
    }

    /// The positions of the slots with this tag.
    fn tagged(self, tag: u8) -> impl Iterator<Item = usize> {
        let differences = (self.0 ^ (Self::EACH * u128::from(tag))) & (Self::EACH * 0xff);
        // The highest bit of each byte that is 0.
        let mut equal =
            !(((differences & Self::LOW) + Self::LOW) | differences | Self::LOW) & (Self::EACH << 7);
        let start = self.start();
        std::iter::from_fn(move || {
            let place = (equal != 0).then(|| (equal.trailing_zeros() - Self::START_BITS) / u8::BITS)?;
            equal &= equal - 1;
            Some(start + usize::try_from(place).ok()?)
        })
    }
}

/// An immutable set of secrets with their names. A look-up reads one of a small array that stays in
/// a processor's cache, and then one slot.
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub(crate) struct Rows {
    /// And one that begins where the last one ends.
    buckets: Arc<[Bucket]>,
    /// In order of their digests, as [`order`] has it.
    pub(crate) slots: Arc<[Slot]>,
    /// Of the slots, in their order.
    labels: Arc<[Label]>,
    names: Arc<str>,
}

impl Rows {
    pub(crate) fn find(&self, digest: &Digest) -> Option<usize> {
        let spread = spread(digest);
        let at = bucket(spread, self.buckets.len().checked_sub(1)?);
        let bucket = *self.buckets.get(at)?;
        let here = |at: &usize| self.slots.get(*at).is_some_and(|slot| slot.digest == *digest);
        bucket.tagged(tag(spread)).find(here).or_else(|| {
            let end = self.buckets.get(at + 1)?.start();
            (bucket.start() + TAGS..end).find(here)
        })
    }

    /// The key of the secret at a position that [`Rows::find`] gave.
    #[expect(clippy::indexing_slicing, reason = "rows never change, so what was found in them is in them")]
    pub(crate) fn key_id(&self, at: usize) -> KeyId {
        self.labels[at].key_id
    }

    /// The name of that key.
    pub(crate) fn name(&self, at: usize) -> &str {
        self.labels.get(at).map_or("", |label| self.name_of(label))
    }

    fn name_of(&self, label: &Label) -> &str {
        let start = usize::try_from(label.name_at).unwrap_or(usize::MAX);
        self.names.get(start..start.saturating_add(usize::from(label.name_length))).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.slots.iter().zip(self.labels.iter()).map(|(slot, label)| Row {
            slot: slot.clone(),
            key_id: label.key_id,
            name: self.name_of(label),
        })
    }

    /// These rows with changes applied in order; at most `new` of them are new.
    pub(crate) fn with<'a>(&'a self, changes: impl Iterator<Item = Row<'a>>, new: usize) -> Self {
        let mut rows: Vec<Row<'_>> = Vec::with_capacity(self.slots.len() + new);
        rows.extend(self.iter());
        let mut added: HashMap<Digest, usize> = HashMap::new();
        for change in changes {
            let digest = change.slot.digest;
            let known = self.find(&digest).or_else(|| added.get(&digest).copied());
            match known.and_then(|at| rows.get_mut(at)) {
                Some(row) if row.slot.revived_by(&change.slot) => {}
                Some(row) => *row = change,
                None => {
                    added.insert(digest, rows.len());
                    rows.push(change);
                }
            }
        }
        rows.sort_by_key(|row| order(spread(&row.slot.digest)));
        Self::build(rows)
    }

    /// Rows that are in order.
    fn build(rows: Vec<Row<'_>>) -> Self {
        let mut names = String::with_capacity(rows.iter().map(|row| row.name.len()).sum());
        let labels = rows.iter().map(|row| {
            let name_at = u32::try_from(names.len()).unwrap_or(u32::MAX);
            names.push_str(row.name);
            // Names have at most 100 characters, hence at most 400 bytes.
            Label { key_id: row.key_id, name_at, name_length: u16::try_from(row.name.len()).unwrap_or(0) }
        });
        let labels: Arc<[Label]> = labels.collect();
        let slots: Arc<[Slot]> = rows.into_iter().map(|row| row.slot).collect();
        let count = slots.len().div_ceil(BUCKET);
        let mut buckets = Vec::with_capacity(count + 1);
        for (position, slot) in slots.iter().enumerate() {
            let spread = spread(&slot.digest);
            let start = Bucket::new(u32::try_from(position).unwrap_or(u32::MAX));
            let begun = bucket(spread, count) + 1;
            buckets.resize(begun.max(buckets.len()), start);
            if let Some(bucket) = buckets.last_mut() {
                bucket.note(position, tag(spread));
            }
        }
        buckets.resize(count + 1, Bucket::new(u32::try_from(slots.len()).unwrap_or(u32::MAX)));
        Self { buckets: buckets.into(), slots, labels, names: names.into() }
    }
}
