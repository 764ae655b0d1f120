//! Tenants' secrets for service JWTs.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DialectEntry, Entry, Shown};
use crate::dialect::{Dialect, KeyType};
use crate::ids::{JwtSecretId, TenantId};
use crate::jwt::LONGEST_LIFE;
use crate::jwt_secret::{JwtSecret, JwtSecretState};
use crate::scope::{Scope, ScopeSet};
use crate::verification::{Restrictions, Rights, SecretStatus};

/// A tenant's secret for service JWTs, as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecretEntry {
    /// Its id, the `kid` of what is signed with it.
    pub id: JwtSecretId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// The environment's name.
    pub environment: String,
    /// What its tokens may do at the most.
    pub scopes: ScopeSet,
    /// Its versions, also those that are no longer valid.
    pub versions: Vec<JwtSecretVersionEntry>,
}

/// A version of a secret as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecretVersionEntry {
    /// 1 for the first.
    pub version: u32,
    /// Whether it can be used, apart from time.
    pub status: SecretStatus,
    /// Unix time in microseconds from which it is refused; `i64::MAX`: never.
    pub not_after: i64,
    /// Under which id it is sealed.
    pub sealed_id: Uuid,
    /// The secret, sealed for the dialect's nodes; base64url. Empty until whoever has the store fills it in, and where it is not
    /// valid any more.
    pub sealed: String,
}

impl JwtSecretEntry {
    fn of(id: JwtSecretId, secret: &JwtSecretState) -> Self {
        let versions = secret.versions.iter().map(|version| {
            let (status, not_after) = secret.standing(version);
            let sealed_id = version.sealed_id;
            JwtSecretVersionEntry {
                version: version.number,
                status,
                not_after,
                sealed_id,
                sealed: String::new(),
            }
        });
        Self {
            id,
            tenant_id: secret.tenant_id,
            name: secret.name.clone(),
            environment: secret.environment.clone(),
            scopes: secret.scopes.clone(),
            versions: versions.collect(),
        }
    }

    /// What a token with these permissions may do: those that the secret's scopes contain.
    #[must_use]
    pub fn rights<'p>(&self, permissions: impl IntoIterator<Item = &'p str>, dialect: &Dialect) -> Rights {
        let most = dialect.effective_scopes(&self.scopes);
        let granted = permissions.into_iter().filter(|permission| most.allow(permission));
        let granted: ScopeSet = granted.filter_map(|permission| permission.parse().ok()).collect();
        Rights {
            key_type: KeyType::Secret,
            environment: self.environment.clone(),
            granted: granted.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
            scopes: dialect.effective_scopes(&granted),
            ip_allowlist: Vec::new(),
            restrictions: Restrictions::new(),
            client_id: None,
        }
    }
}

impl DialectEntry {
    /// The entry of a secret in this state, without the secret itself.
    #[must_use]
    pub fn of_jwt_secret(id: JwtSecretId, secret: &JwtSecretState) -> Self {
        let entry = JwtSecretEntry::of(id, secret);
        Self { dialect: secret.dialect.clone(), entry: Entry::JwtSecret(Box::new(entry)) }
    }
}

impl Shown for JwtSecret {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        Some(DialectEntry::of_jwt_secret(id.parse().ok()?, self.state()?))
    }
}

impl DialectEntry {
    /// Without what nobody needs at `now`, in Unix microseconds: of a secret, the versions whose grace has been over for as long as
    /// a token lives. Until then, whoever shows one is told that its secret was replaced.
    #[must_use]
    pub fn lasting(mut self, now: i64) -> Self {
        if let Entry::JwtSecret(secret) = &mut self.entry {
            secret.versions.retain(|version| {
                version.status != SecretStatus::Superseded
                    || version.not_after.saturating_add(LONGEST_LIFE) > now
            });
        }
        self
    }

    /// Whether something must be filled in out of the store: see [`DialectEntry::fill`].
    #[must_use]
    pub fn needs_store(&self) -> bool {
        matches!(self.entry, Entry::JwtSecret(_))
    }

    /// Where the store keeps what is to be filled in.
    pub fn sealed_contexts(&self) -> impl Iterator<Item = String> {
        let secret = if let Entry::JwtSecret(secret) = &self.entry { Some(secret) } else { None };
        secret.into_iter().flat_map(|secret| secret.versions.iter().map(|version| secret.context(version)))
    }

    /// Fills in what the store keeps, by its contexts.
    pub fn fill(&mut self, sealed: &HashMap<String, String>) {
        let Entry::JwtSecret(secret) = &mut self.entry else { return };
        let found: Vec<Option<String>> =
            secret.versions.iter().map(|version| sealed.get(&secret.context(version)).cloned()).collect();
        for (version, found) in secret.versions.iter_mut().zip(found) {
            version.sealed = found.unwrap_or_default();
        }
    }
}

impl JwtSecretEntry {
    /// What the seal of a version is bound to: its owner and its id.
    #[must_use]
    pub fn context(&self, version: &JwtSecretVersionEntry) -> String {
        sealed_context(self.tenant_id, version.sealed_id)
    }
}

/// What the seal of a secret is bound to, and where the store keeps it.
#[must_use]
pub fn sealed_context(tenant_id: TenantId, sealed_id: Uuid) -> String {
    format!("jwt-secret/{tenant_id}/{sealed_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_once_no_token_of_theirs_is_left() {
        let end = 1_750_000_000_000_000;
        let version = |version: u32, status: SecretStatus, not_after: i64| JwtSecretVersionEntry {
            version,
            status,
            not_after,
            sealed_id: Uuid::from_u128(version.into()),
            sealed: String::new(),
        };
        let versions = vec![
            version(1, SecretStatus::Superseded, end),
            version(2, SecretStatus::Superseded, end + 1),
            version(3, SecretStatus::Revoked, 0),
            version(4, SecretStatus::Current, i64::MAX),
        ];
        let secret = JwtSecretEntry {
            id: JwtSecretId::new(Uuid::from_u128(1)),
            tenant_id: TenantId::new(Uuid::from_u128(2)),
            name: "Payments".into(),
            environment: "live".into(),
            scopes: ScopeSet::new(),
            versions,
        };
        let left = |now: i64| {
            let entry = Entry::JwtSecret(Box::new(secret.clone()));
            let held = DialectEntry { dialect: "nexus".into(), entry }.lasting(now);
            let Entry::JwtSecret(secret) = held.entry else { unreachable!() };
            secret.versions.iter().map(|version| version.version).collect::<Vec<_>>()
        };
        assert_eq!(left(end + LONGEST_LIFE - 1), [1, 2, 3, 4]);
        assert_eq!(left(end + LONGEST_LIFE), [2, 3, 4]);
        assert_eq!(left(i64::MAX), [3, 4]);
    }
}
