//! A shard of the table: immutable sets of secrets, replaced as a whole by the one writer, so that
//! readers need neither lock nor reclamation of single records.

use nexus_domain::credential::Digest;
use nexus_domain::ids::KeyId;

use crate::rows::{Incoming, Row, Rows, Slot};

/// How many changes a shard gathers before they are worked into its rows.
const MOST_RECENT: usize = 64;

/// The secrets of one range of digests: many in rows that are seldom copied, and the latest
/// changes in a few that are copied with each further change. What nearly all look-ups read fills
/// the first cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Shard {
    /// Which digests may be in `recent`, a bit for each value of a byte of theirs, so that nearly
    /// all look-ups that end in `settled` touch nothing else.
    maybe_recent: [u64; 4],
    settled: Rows,
    recent: Rows,
    len: usize,
}

/// Where in a shard a secret is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    recent: bool,
    position: usize,
}

/// The word and the bit of [`Shard::maybe_recent`] that a digest belongs to.
fn trace(digest: &Digest) -> (usize, u64) {
    let [.., byte] = *digest.as_bytes();
    (usize::from(byte >> 6), 1 << (byte & 63))
}

impl Shard {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<Place> {
        let (word, bit) = trace(digest);
        if self.maybe_recent.get(word).is_some_and(|word| word & bit != 0)
            && let Some(position) = self.recent.find(digest)
        {
            return Some(Place { recent: true, position });
        }
        let position = self.settled.find(digest)?;
        Some(Place { recent: false, position })
    }

    fn rows(&self, place: Place) -> &Rows {
        if place.recent { &self.recent } else { &self.settled }
    }

    /// The secret at a place that this shard's [`Shard::find`] gave.
    #[expect(clippy::indexing_slicing, reason = "a shard never changes, so what was found in it is in it")]
    pub(crate) fn slot(&self, place: Place) -> &Slot {
        &self.rows(place).slots[place.position]
    }

    /// The key of that secret.
    pub(crate) fn key_id(&self, place: Place) -> KeyId {
        self.rows(place).key_id(place.position)
    }

    /// The name of that key.
    pub(crate) fn name(&self, place: Place) -> &str {
        self.rows(place).name(place.position)
    }

    /// This shard with changes applied in order. A revoked secret stays revoked.
    pub(crate) fn with(&self, changes: &[Incoming]) -> Self {
        let new = changes.iter().filter(|change| self.find(&change.secret.digest).is_none()).count();
        let changed = changes.iter().map(Row::of);
        if self.recent.slots.len() + changes.len() > MOST_RECENT {
            // Of the recent ones, those that are not settled yet are `len` less the settled ones.
            let unsettled = self.len.saturating_sub(self.settled.slots.len());
            let settled = self.settled.with(self.recent.iter().chain(changed), unsettled + new);
            return Self { len: settled.slots.len(), settled, ..Self::default() };
        }
        let stale =
            |change: &Slot| self.settled_slot(&change.digest).is_some_and(|slot| slot.revived_by(change));
        let recent = self.recent.with(changed.filter(|change| !stale(&change.slot)), changes.len());
        let mut maybe_recent = [0; 4];
        let mut unsettled = 0;
        for slot in recent.slots.iter() {
            let (word, bit) = trace(&slot.digest);
            if let Some(word) = maybe_recent.get_mut(word) {
                *word |= bit;
            }
            unsettled += usize::from(self.settled.find(&slot.digest).is_none());
        }
        let len = self.settled.slots.len() + unsettled;
        Self { maybe_recent, settled: self.settled.clone(), recent, len }
    }

    fn settled_slot(&self, digest: &Digest) -> Option<&Slot> {
        self.settled.slots.get(self.settled.find(digest)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nexus_domain::dialect::{Dialect, KeyType};
    use nexus_domain::ids::{KeyId, TenantId};
    use nexus_domain::validity::SecretEntry;
    use nexus_domain::verification::{Rights, SecretStatus};
    use uuid::Uuid;

    use super::*;
    use crate::rows::{Standing, Tenant};

    fn incoming(
        place: u32,
        low: u8,
        version: u32,
        name: &str,
        shared: &(Arc<Tenant>, Arc<Rights>),
    ) -> Incoming {
        let mut digest = [0u8; 32];
        digest[4..8].copy_from_slice(&place.to_be_bytes());
        digest[31] = low;
        let secret = SecretEntry {
            digest: Digest::from_bytes(digest),
            version,
            status: SecretStatus::Current,
            not_after: 0,
        };
        Incoming {
            secret,
            key_id: KeyId::new(Uuid::nil()),
            name: name.into(),
            tenant: Arc::clone(&shared.0),
            rights: Arc::clone(&shared.1),
        }
    }

    fn shared() -> (Arc<Tenant>, Arc<Rights>) {
        let dialect = Dialect::parse("nexus.toml", include_str!("../../dialects/nexus.toml")).unwrap();
        let rights = Rights {
            key_type: KeyType::Secret,
            environment: "live".into(),
            granted: String::new(),
            scopes: dialect.effective_scopes(&Default::default()),
            ip_allowlist: Vec::new(),
            restrictions: Default::default(),
            client_id: None,
        };
        let tenant =
            Arc::new(Tenant::new(TenantId::new(Uuid::nil()), Arc::new(dialect), Standing::default()));
        (tenant, Arc::new(rights))
    }

    #[test]
    fn secrets_that_share_a_place_are_told_apart() {
        let shared = shared();
        // All in one bucket, with one tag.
        let all: Vec<Incoming> =
            (0..40).map(|low| incoming(u32::MAX, low, u32::from(low), &format!("n{low}"), &shared)).collect();
        let (first, second) = all.split_at(17);
        let shard = Shard::default().with(first).with(second);
        assert_eq!(shard.len(), 40);
        for wanted in &all {
            let place = shard.find(&wanted.secret.digest).unwrap();
            assert_eq!(
                (shard.slot(place).version, shard.name(place)),
                (wanted.secret.version, &*wanted.name)
            );
        }
        assert!(shard.find(&incoming(u32::MAX, 99, 1, "", &shared).secret.digest).is_none());
        assert!(shard.find(&incoming(5, 0, 1, "", &shared).secret.digest).is_none());
    }

    #[test]
    fn the_last_change_of_a_batch_counts_and_the_old_shard_stays() {
        let shared = shared();
        let old = Shard::default()
            .with(&[incoming(1, 1, 1, "first", &shared), incoming(1, 1, 2, "second", &shared)]);
        let new = old.with(&[incoming(1, 1, 3, "third", &shared), incoming(2, 2, 4, "other", &shared)]);
        let digest = incoming(1, 1, 0, "", &shared).secret.digest;
        let name = |shard: &Shard| shard.name(shard.find(&digest).unwrap()).to_owned();
        assert_eq!((old.len(), name(&old)), (1, "second".to_owned()));
        assert_eq!((new.len(), name(&new)), (2, "third".to_owned()));
    }

    #[test]
    fn changes_settle_and_nothing_is_lost_or_counted_twice() {
        let shared = shared();
        let mut shard = Shard::default();
        for round in 0..5u32 {
            for number in 0..100u32 {
                let low = u8::try_from(number).unwrap();
                shard = shard.with(&[incoming(
                    number.wrapping_mul(0x1234_5678),
                    low,
                    round,
                    &format!("{round}.{number}"),
                    &shared,
                )]);
                assert_eq!(shard.len(), if round == 0 { usize::from(low) + 1 } else { 100 });
            }
            for number in 0..100u32 {
                let wanted = incoming(
                    number.wrapping_mul(0x1234_5678),
                    u8::try_from(number).unwrap(),
                    round,
                    "",
                    &shared,
                );
                let place = shard.find(&wanted.secret.digest).unwrap();
                assert_eq!(
                    (shard.slot(place).version, shard.name(place)),
                    (round, format!("{round}.{number}").as_str())
                );
            }
        }
    }

    #[test]
    fn a_slot_is_as_small_as_planned() {
        assert_eq!(size_of::<Slot>(), 64);
    }
}
