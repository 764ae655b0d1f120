//! What the log holds, and what follows from it: the truth that every node's answers are measured by.

use nexus_domain::credential::Digest;
use nexus_domain::dialect::KeyType;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::{DialectEntry, Entry, KeyEntry, SecretEntry, TenantEntry};
use nexus_domain::verification::{Code, SecretStatus};
use uuid::Uuid;

use crate::chance::Chance;

pub(crate) const DIALECT: &str = "nexus";
pub(crate) const TENANTS: usize = 3;
/// Every key has the one, and a wide key the other as well.
pub(crate) const READS: &str = "read:users";
pub(crate) const WRITES: &str = "write:users";

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    Tenant {
        tenant: usize,
        suspended: bool,
    },
    Issue {
        key: usize,
        tenant: usize,
    },
    Scopes {
        key: usize,
        wide: bool,
    },
    Revoke {
        key: usize,
    },
    /// Something that concerns no node.
    Other,
}

impl Change {
    /// Whether it takes something away.
    pub(crate) const fn reduces(self) -> bool {
        matches!(
            self,
            Self::Tenant { suspended: true, .. } | Self::Scopes { wide: false, .. } | Self::Revoke { .. }
        )
    }
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Absent,
    Live { wide: bool },
    Revoked { wide: bool },
}

#[derive(Debug, Clone)]
struct Key {
    tenant: usize,
    digest: Digest,
    /// From which position on.
    states: Vec<(u64, Standing)>,
}

/// The log and what it led to.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    log: Vec<Change>,
    tenants: [Vec<(u64, bool)>; TENANTS],
    keys: Vec<Key>,
}

fn at<T: Copy>(states: &[(u64, T)], position: u64) -> Option<T> {
    states.iter().rev().find(|(from, _)| *from <= position).map(|(_, state)| *state)
}

/// All states that were in force somewhere in a stretch; `None` where there was none yet.
fn during<T: Copy>(states: &[(u64, T)], from: u64, to: u64) -> Vec<Option<T>> {
    let later = states.iter().filter(|(at, _)| *at > from && *at <= to).map(|(_, state)| Some(*state));
    std::iter::once(at(states, from)).chain(later).collect()
}

fn tenant_id(tenant: usize) -> TenantId {
    TenantId::new(Uuid::from_u64_pair(1, tenant as u64))
}

impl History {
    pub(crate) fn head(&self) -> u64 {
        self.log.len() as u64
    }

    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn digest(&self, key: usize) -> Digest {
        self.keys[key].digest
    }

    pub(crate) fn standing(&self, key: usize) -> Standing {
        self.keys.get(key).and_then(|key| at(&key.states, u64::MAX)).unwrap_or(Standing::Absent)
    }

    pub(crate) fn suspended(&self, tenant: usize) -> bool {
        at(&self.tenants[tenant], u64::MAX).unwrap_or_default()
    }

    /// Whether it would change anything.
    pub(crate) fn moves(&self, change: Change) -> bool {
        match change {
            Change::Tenant { tenant, suspended } => at(&self.tenants[tenant], u64::MAX) != Some(suspended),
            Change::Issue { key, .. } => key >= self.keys.len(),
            Change::Scopes { key, wide } => self.standing(key) == (Standing::Live { wide: !wide }),
            Change::Revoke { key } => matches!(self.standing(key), Standing::Live { .. }),
            Change::Other => true,
        }
    }

    /// Appends an event that changes something, and tells its position.
    pub(crate) fn append(&mut self, change: Change, chance: Chance) -> u64 {
        self.log.push(change);
        let position = self.head();
        match change {
            Change::Tenant { tenant, suspended } => self.tenants[tenant].push((position, suspended)),
            Change::Issue { key, tenant } => {
                let mut digest = [0; 32];
                digest[..16].copy_from_slice(chance.of(("digest", key)).uuid().as_bytes());
                let states = vec![(position, Standing::Live { wide: true })];
                self.keys.push(Key { tenant, digest: Digest::from_bytes(digest), states });
            }
            Change::Scopes { key, wide } => self.keys[key].states.push((position, Standing::Live { wide })),
            Change::Revoke { key } => {
                let wide = matches!(self.standing(key), Standing::Live { wide: true });
                self.keys[key].states.push((position, Standing::Revoked { wide }));
            }
            Change::Other => {}
        }
        position
    }

    /// The last position up to this one that changed validity.
    pub(crate) fn changed_by(&self, position: u64) -> u64 {
        let upto = usize::try_from(position.min(self.head())).unwrap();
        let last = self.log[..upto].iter().rposition(|change| *change != Change::Other);
        last.map_or(0, |index| index as u64 + 1)
    }

    /// What was touched in `(from, to]`, as it stands now, which may be newer.
    pub(crate) fn touched(&self, from: u64, to: u64) -> Vec<DialectEntry> {
        let bounds = usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
        let mut entries: Vec<DialectEntry> = Vec::new();
        for change in &self.log[bounds] {
            let entry = match change {
                Change::Tenant { tenant, .. } => self.tenant(*tenant, u64::MAX),
                Change::Issue { key, .. } | Change::Scopes { key, .. } | Change::Revoke { key } => {
                    self.key(*key, u64::MAX)
                }
                Change::Other => None,
            };
            entries.extend(entry.filter(|entry| !entries.contains(entry)));
        }
        entries
    }

    /// Everything as it was at a position, tenants before keys.
    pub(crate) fn everything(&self, position: u64) -> Vec<DialectEntry> {
        let tenants = (0..TENANTS).filter_map(|tenant| self.tenant(tenant, position));
        tenants.chain((0..self.keys.len()).filter_map(|key| self.key(key, position))).collect()
    }

    fn tenant(&self, tenant: usize, position: u64) -> Option<DialectEntry> {
        let suspended = at(&self.tenants[tenant], position)?;
        let entry = TenantEntry { tenant_id: tenant_id(tenant), dialect: DIALECT.to_owned(), suspended };
        Some(DialectEntry { dialect: DIALECT.to_owned(), entry: Entry::Tenant(entry) })
    }

    fn key(&self, key: usize, position: u64) -> Option<DialectEntry> {
        let number = key;
        let key = self.keys.get(key)?;
        let (status, wide) = match at(&key.states, position)? {
            Standing::Absent => return None,
            Standing::Live { wide } => (SecretStatus::Current, wide),
            Standing::Revoked { wide } => (SecretStatus::Revoked, wide),
        };
        let scopes: &[&str] = if wide { &[READS, WRITES] } else { &[READS] };
        let entry = KeyEntry {
            key_id: KeyId::new(Uuid::from_u64_pair(2, number as u64)),
            tenant_id: tenant_id(key.tenant),
            name: format!("key {number}"),
            key_type: KeyType::Secret,
            environment: "live".to_owned(),
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
            ip_allowlist: Vec::new(),
            restrictions: std::collections::BTreeMap::new(),
            client_id: None,
            integration_id: None,
            secrets: vec![SecretEntry { digest: key.digest, version: 1, status, not_after: i64::MAX }],
        };
        Some(DialectEntry { dialect: DIALECT.to_owned(), entry: Entry::Key(Box::new(entry)) })
    }

    /// The verdicts that a table may give that shows everything up to `from` and nothing behind `to`. Key and tenant come to a
    /// table one by one, so each may be newer than the other.
    pub(crate) fn verdicts(&self, key: usize, writes: bool, from: u64, to: u64) -> Vec<Code> {
        let key = &self.keys[key];
        let mut codes = Vec::new();
        for standing in during(&key.states, from, to) {
            for suspended in during(&self.tenants[key.tenant], from, to) {
                let suspended = suspended.unwrap_or_default();
                codes.push(match standing.unwrap_or(Standing::Absent) {
                    Standing::Absent => Code::Unknown,
                    Standing::Revoked { .. } => Code::Revoked,
                    Standing::Live { .. } if suspended => Code::TenantSuspended,
                    Standing::Live { wide: false } if writes => Code::InsufficientScope,
                    Standing::Live { .. } => Code::Valid,
                });
            }
        }
        codes
    }
}
