//! The writer's side: entries of the feed as they come. What is revoked stays revoked, whatever comes later.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::fast::RandomState;
use nexus_domain::ids::{JwtSecretId, KeyId, SigningKeyId, TenantId};
use nexus_domain::token::REMEMBERED;
use nexus_domain::validity::{ClientEntry, JwtSecretEntry, RevokedTokenEntry, VerifyingKeyEntry};
use nexus_domain::verification::SecretStatus;

use super::secret_keys::{Opener, SecretKeys};
use super::signature::VerifyingKey;
use super::{LEAST_SWEEP, Tokens};
use crate::rows::Tenant;

impl Tokens {
    pub(crate) fn put_tenant(&self, tenant: &Arc<Tenant>) {
        if self.tenants.pin().insert(tenant.id, Arc::clone(tenant)).is_some() {
            self.changed();
        }
    }

    /// All keys that there are. Those that stay as they were are not read again.
    pub(crate) fn put_keys(&self, entries: Vec<VerifyingKeyEntry>) {
        let known = self.keys.load();
        let mut keys: HashMap<SigningKeyId, Arc<VerifyingKey>, RandomState> = HashMap::default();
        for entry in entries {
            let same = known.get(&entry.kid).filter(|known| known.entry == entry).map(Arc::clone);
            match same.or_else(|| VerifyingKey::of(entry.clone()).map(Arc::new)) {
                Some(key) => {
                    keys.insert(entry.kid, key);
                }
                None => {
                    tracing::error!(kid = %entry.kid, "a signing key cannot be read; its tokens are refused")
                }
            }
        }
        let stays = |(kid, key): (&SigningKeyId, &Arc<VerifyingKey>)| {
            keys.get(kid).is_some_and(|now| Arc::ptr_eq(now, key))
        };
        let all_stay = known.iter().all(stays);
        self.keys.store(Arc::new(keys));
        if !all_stay {
            self.changed();
        }
    }

    pub(crate) fn put_client(&self, entry: ClientEntry) {
        self.holders.pin().insert(entry.id, entry.tenant_id);
        let clients = self.clients.pin();
        match clients.get(entry.client_id.as_str()) {
            Some(known) if (known.revoked && !entry.revoked) || **known == entry => {}
            Some(_) => {
                clients.insert(entry.client_id.as_str().into(), Arc::new(entry));
                self.changed();
            }
            None => {
                clients.insert(entry.client_id.as_str().into(), Arc::new(entry));
            }
        }
    }

    pub(crate) fn put_secret(&self, entry: JwtSecretEntry) {
        self.holders.pin().insert(entry.id.key_id(), entry.tenant_id);
        let secrets = self.secrets.pin();
        match secrets.get(&entry.id) {
            Some(known) if (is_revoked(known) && !is_revoked(&entry)) || **known == entry => {}
            Some(_) => {
                secrets.insert(entry.id, Arc::new(entry));
                self.changed();
            }
            None => {
                secrets.insert(entry.id, Arc::new(entry));
            }
        }
    }

    pub(crate) fn put_revoked(&self, entry: RevokedTokenEntry) {
        let RevokedTokenEntry { tenant_id, id, until } = entry;
        let revoked = self.revoked.pin();
        let before = revoked.insert((tenant_id, id.into()), until).copied();
        // As often as there are twice as many as were left: constant work for each, and half are over at the most.
        if revoked.len() as u64 >= self.sweep_at.load(Ordering::Relaxed) {
            let now = self.latest.load(Ordering::Relaxed);
            // Before anything is gone, so that whoever misses it sees this.
            self.forgotten.fetch_max(now, Ordering::AcqRel);
            self.changed();
            revoked.retain(|_, until| *until > now);
            self.sweep_at.store((revoked.len() as u64 * 2).max(LEAST_SWEEP), Ordering::Relaxed);
        }
        if before.is_none() {
            self.changed();
        }
    }

    /// Takes what opens secrets.
    pub(crate) fn learn(&self, keys: &SecretKeys) {
        self.opener.store(Arc::new(Opener::of(keys)));
    }

    /// Forgets everything but what opens secrets.
    pub(crate) fn clear(&self) {
        self.tenants.pin().clear();
        self.keys.store(Arc::default());
        self.clients.pin().clear();
        self.secrets.pin().clear();
        self.holders.pin().clear();
        self.revoked.pin().clear();
        self.forgotten.store(i64::MIN, Ordering::Release);
        if let Some(cache) = &self.cache {
            cache.clear();
        }
        self.changed();
    }

    pub(super) fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.tenants.pin().get(&id).map(Arc::clone)
    }

    pub(super) fn key(&self, kid: SigningKeyId) -> Option<Arc<VerifyingKey>> {
        self.keys.load().get(&kid).map(Arc::clone)
    }

    pub(super) fn client(&self, client_id: &str) -> Option<Arc<ClientEntry>> {
        self.clients.pin().get(client_id).map(Arc::clone)
    }

    /// A client's id, and who registered it.
    pub(crate) fn owner_of(&self, client_id: &str) -> Option<(KeyId, TenantId)> {
        self.clients.pin().get(client_id).map(|client| (client.id, client.tenant_id))
    }

    pub(super) fn secret(&self, id: JwtSecretId) -> Option<Arc<JwtSecretEntry>> {
        self.secrets.pin().get(&id).map(Arc::clone)
    }

    pub(super) fn is_revoked(&self, tenant: TenantId, id: &str) -> bool {
        !self.revoked.is_empty() && self.revoked.pin().contains_key(&(tenant, id.into()))
    }

    /// Whether a revocation of a token with this end would be forgotten by now.
    pub(super) fn has_forgotten(&self, expires_at: i64) -> bool {
        let remembered = REMEMBERED.num_microseconds().unwrap_or(0);
        expires_at.saturating_add(remembered) <= self.forgotten.load(Ordering::Acquire)
    }

    /// Whose tokens' uses are counted under this id.
    pub(crate) fn holder(&self, id: KeyId) -> Option<TenantId> {
        self.holders.pin().get(&id).copied()
    }

    #[cfg(test)]
    pub(crate) fn revoked_count(&self) -> usize {
        self.revoked.len()
    }

    /// Whether this is somebody's name who signs tokens here.
    pub(super) fn is_issuer(&self, name: &str) -> bool {
        self.keys.load().values().any(|key| key.entry.issuer == name)
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

/// Whether a secret is revoked, with all its versions.
pub(super) fn is_revoked(secret: &JwtSecretEntry) -> bool {
    secret.versions.iter().any(|version| version.status == SecretStatus::Revoked)
}
