//! Randomness as a port: ids and secrets are drawn from a [`SharedEntropy`] at the edge, and tests hand in a
//! [`SeededEntropy`]. Nothing outside this file asks the system for random bytes.

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The random bytes of an id, some of whose bits a version 7 UUID replaces.
pub const ID_BYTES: usize = 10;

/// A source that is handed around.
pub type SharedEntropy = Arc<dyn Entropy>;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random ones, fit for keys.
    fn fill(&self, bytes: &mut [u8]);

    /// The random bytes of an id, which must be unique and need not be secret.
    fn id_bytes(&self) -> [u8; ID_BYTES] {
        let mut bytes = [0; ID_BYTES];
        self.fill(&mut bytes);
        bytes
    }

    /// A version 7 UUID (RFC 9562, section 5.7) of this time: 48 bits of milliseconds, 12 bits of their fraction
    /// (section 6.2, method 3), 62 random bits. Ids of different microseconds sort as they were made.
    fn uuid_v7(&self, now: DateTime<Utc>) -> Uuid {
        self.uuid_v7_at(now.timestamp_micros())
    }

    /// The same of a Unix time in microseconds.
    fn uuid_v7_at(&self, micros: i64) -> Uuid {
        let mut rest = self.id_bytes();
        let fraction = u64::try_from(micros.rem_euclid(1_000)).unwrap_or(0) * 4_096 / 1_000;
        let [.., high, low] = fraction.to_be_bytes();
        let [first, second, ..] = &mut rest;
        (*first, *second) = (high, low);
        // A clock before 1970 is wrong by so much that the order of ids no longer matters.
        let milliseconds = u64::try_from(micros.div_euclid(1_000)).unwrap_or(0);
        Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid()
    }
}

// Not in the trait: a generic method would keep it from being a `dyn Entropy`, which is how it is handed around.
impl dyn Entropy + '_ {
    /// `N` random bytes. For secrets fill an array that is wiped instead.
    #[must_use]
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// How many ids' bytes a thread asks the system for at once.
const IDS_AT_ONCE: usize = 64;

thread_local! {
    /// Bytes for ids, and how many of them are used up.
    static FOR_IDS: RefCell<([u8; ID_BYTES * IDS_AT_ONCE], usize)> =
        const { RefCell::new(([0; ID_BYTES * IDS_AT_ONCE], ID_BYTES * IDS_AT_ONCE)) };
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl SystemEntropy {
    /// The system's generator, ready to hand around.
    #[must_use]
    pub fn shared() -> SharedEntropy {
        Arc::new(Self)
    }
}

impl Entropy for SystemEntropy {
    /// Ends the process when the system has no randomness to give. Nothing that this program does is safe without: an
    /// error could be caught and worked around somewhere, and a guessable key be issued. It does not happen on a
    /// system that has started, `getrandom` being a system call without a file to run out of.
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is the port's one real implementation")]
        let filled = getrandom::fill(bytes);
        if let Err(error) = filled {
            // To the descriptor itself: no logger may be running yet, and none gets to flush after this.
            let _ =
                writeln!(std::io::stderr(), "nexus: the system gives no random bytes ({error}): stopping");
            std::process::abort();
        }
    }

    /// From a block: every request gets an id, and a system call for each would cost more than all else that is done for it.
    fn id_bytes(&self) -> [u8; ID_BYTES] {
        FOR_IDS.with_borrow_mut(|(block, used)| {
            if *used + ID_BYTES > block.len() {
                self.fill(block);
                *used = 0;
            }
            let bytes = block.get(*used..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
            *used += ID_BYTES;
            bytes
        })
    }
}

/// The same bytes for the same seed, for tests: SHA-256 of the seed and a counter. Predictable, so never for real keys.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    blocks: AtomicU64,
}

impl SeededEntropy {
    /// A source whose whole output follows from `seed` and the order of the calls.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, blocks: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = self.blocks.fetch_add(1, Ordering::Relaxed);
            let digest = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(block.to_be_bytes())
                .finalize();
            for (byte, random) in chunk.iter_mut().zip(digest) {
                *byte = random;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;
    use uuid::Version;

    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap()
    }

    #[test]
    fn ids_are_version_7_and_carry_their_time() {
        let id = SystemEntropy.uuid_v7(noon());
        assert_eq!(id.get_version(), Some(Version::SortRand));
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanoseconds) = id.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanoseconds / 1_000_000), (1_700_000_000, 123));
    }

    #[test]
    fn ids_of_later_microseconds_sort_later() {
        let ids: Vec<_> =
            (0..3_000).map(|n| SystemEntropy.uuid_v7(noon() + TimeDelta::microseconds(n))).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn ids_of_one_instant_differ() {
        let ids: BTreeSet<Uuid> = (0..1_000).map(|_| SystemEntropy.uuid_v7(noon())).collect();
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn the_system_gives_other_bytes_each_time() {
        let system = SystemEntropy::shared();
        assert_ne!(system.array::<32>(), system.array::<32>());
    }

    #[test]
    fn a_seed_fixes_the_bytes() {
        let source = |seed| -> SharedEntropy { Arc::new(SeededEntropy::new(seed)) };
        let (one, same, other) = (source(1), source(1), source(2));
        let first = one.array::<70>();
        assert_eq!(first, same.array::<70>());
        assert_ne!(first, other.array::<70>());
        assert_ne!(first, one.array::<70>());
    }
}
