//! Tokens: what is known of those who sign them and of those that were revoked, and which were seen before. The tokens
//! themselves are held nowhere.
//!
//! [`Tokens::verify`] gives the facts of a token whose signature is right; what may have changed since is looked at with each
//! use, in [`Verified::lives`].

mod cache;
mod held;
mod keys;
mod secret_keys;
mod signature;
#[cfg(test)]
mod tests;
mod verified;
mod verify;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use nexus_domain::ids::{JwtSecretId, KeyId, SigningKeyId, TenantId};
use nexus_domain::validity::{ClientEntry, JwtSecretEntry};

use self::cache::Cache;
use self::keys::SignedKeys;
use self::secret_keys::Opener;
pub use self::secret_keys::SecretKeys;
use self::signature::VerifyingKey;
pub(crate) use self::verified::Verified;
pub(crate) use self::verify::Unverified;
use crate::rows::Tenant;

/// Below this, sweeping would free nothing worth the while.
const LEAST_SWEEP: u64 = 1024;

/// A token or a consent, by its tenant and its own id.
type TokenId = (TenantId, Box<str>);

/// What tokens are checked by. Readers wait for nobody; one writer at a time.
#[derive(Debug)]
pub(crate) struct Tokens {
    tenants: papaya::HashMap<TenantId, Arc<Tenant>, RandomState>,
    keys: ArcSwap<HashMap<SigningKeyId, Arc<VerifyingKey>, RandomState>>,
    clients: papaya::HashMap<Box<str>, Arc<ClientEntry>, RandomState>,
    secrets: papaya::HashMap<JwtSecretId, Arc<JwtSecretEntry>, RandomState>,
    /// Whose the ids are under which uses of tokens are counted.
    holders: papaya::HashMap<KeyId, TenantId, RandomState>,
    /// Until when each must be remembered.
    revoked: papaya::HashMap<TokenId, i64, RandomState>,
    sweep_at: AtomicU64,
    opener: ArcSwap<Opener>,
    /// Counts up behind every change of what is above: what was worked out at one count holds for as long as it stays.
    changes: AtomicU64,
    /// The latest time that a token was verified at, in Unix microseconds.
    latest: AtomicI64,
    cache: Cache,
    signed_keys: SignedKeys,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            tenants: papaya::HashMap::with_hasher(RandomState::default()),
            keys: ArcSwap::default(),
            clients: papaya::HashMap::with_hasher(RandomState::default()),
            secrets: papaya::HashMap::with_hasher(RandomState::default()),
            holders: papaya::HashMap::with_hasher(RandomState::default()),
            revoked: papaya::HashMap::with_hasher(RandomState::default()),
            sweep_at: AtomicU64::new(LEAST_SWEEP),
            opener: ArcSwap::default(),
            changes: AtomicU64::new(0),
            latest: AtomicI64::new(0),
            cache: Cache::default(),
            signed_keys: SignedKeys::default(),
        }
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}
