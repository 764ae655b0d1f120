//! Tokens: what is known of those who sign them and of those that were revoked, and which were seen before. The tokens
//! themselves are held nowhere.
//!
//! [`Tokens::verify`] gives the facts of a token whose signature is right; what may have changed since is looked at with each
//! use, in [`Verified::lives`].

mod cache;
mod held;
mod keys;
mod name;
mod secret_keys;
mod shared_rights;
mod signature;
#[cfg(test)]
mod tests;
mod verified;
mod verify;
mod wrong_signatures;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use nexus_domain::ids::{JwtSecretId, KeyId, SigningKeyId, TenantId};
use nexus_domain::validity::{ClientEntry, JwtSecretEntry};

use self::cache::Cache;
pub(crate) use self::cache::Seen;
use self::keys::SignedKeys;
use self::secret_keys::Opener;
pub use self::secret_keys::SecretKeys;
use self::shared_rights::SharedRights;
use self::signature::VerifyingKey;
pub(crate) use self::verify::Unverified;
use self::wrong_signatures::WrongSignatures;
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
    /// Counts up behind every change by which something of what is above is taken away or altered: what was worked out at one
    /// count holds for as long as it stays. What only comes in addition was not there to rest anything on.
    changes: AtomicU64,
    /// The time that a token was last verified at, in Unix microseconds.
    latest: AtomicI64,
    /// What had to be remembered until then, in Unix microseconds, is forgotten: of tokens that ended before, nobody can tell
    /// whether they were revoked, whatever a clock says that was set back.
    forgotten: AtomicI64,
    /// Absent where nothing is looked up twice.
    cache: Option<Cache>,
    shared_rights: SharedRights,
    wrong_signatures: Arc<WrongSignatures>,
    signed_keys: SignedKeys,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self { cache: Some(Cache::default()), ..Self::of(Arc::default(), Arc::default()) }
    }

    /// For what is looked up once, beside what all requests share: what opens secrets, and the count of wrong signatures.
    pub(crate) fn beside(&self) -> Self {
        Self::of(self.opener.load_full(), Arc::clone(&self.wrong_signatures))
    }

    fn of(opener: Arc<Opener>, wrong_signatures: Arc<WrongSignatures>) -> Self {
        Self {
            tenants: papaya::HashMap::with_hasher(RandomState::default()),
            keys: ArcSwap::default(),
            clients: papaya::HashMap::with_hasher(RandomState::default()),
            secrets: papaya::HashMap::with_hasher(RandomState::default()),
            holders: papaya::HashMap::with_hasher(RandomState::default()),
            revoked: papaya::HashMap::with_hasher(RandomState::default()),
            sweep_at: AtomicU64::new(LEAST_SWEEP),
            opener: ArcSwap::new(opener),
            changes: AtomicU64::new(0),
            latest: AtomicI64::new(0),
            forgotten: AtomicI64::new(i64::MIN),
            cache: None,
            shared_rights: SharedRights::default(),
            wrong_signatures,
            signed_keys: SignedKeys::default(),
        }
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}
