//! Keys as a large installation has them: a thousand tenants, names of about 20 characters, scopes from a few profiles,
//! every fifth key with its tenant's own allow list, every tenth with an end. The same in every run.

use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::credential::{RANDOM_BYTES, Secret};
use nexus_domain::dialect::KeyType;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::key::KeyIssued;
use nexus_domain::scope::ScopeSet;
use nexus_domain::validity::{Entry, KeyEntry, SecretEntry, TenantEntry};
use nexus_domain::verification::SecretStatus;
use uuid::Uuid;

use crate::Failure;
use crate::random::Random;

/// The dialect of all of them.
pub const DIALECT: &str = "nexus";
/// What every key may do; the measurements ask for it.
pub const SCOPE: &str = "read:users";
/// An address that every allow list contains; the measurements ask with it.
pub const ADDRESS: &str = "10.20.30.40";
/// Unix time in microseconds at which the keys begin to be made. The measurements ask at this time too, so that none has
/// ended.
pub const BEGINNING: i64 = 1_780_000_000_000_000;

const MOST_TENANTS: u32 = 1000;
const PROFILES: [&[&str]; 6] = [
    &["read:users"],
    &["read:users", "read:messages"],
    &["read:users", "write:users"],
    &["read:users", "read:payments", "write:payments"],
    &["read:messages", "read:payments", "read:users"],
    &["read:messages", "read:payments", "read:users", "write:messages", "write:payments", "write:users"],
];
const USES: [&str; 8] =
    ["orders", "billing", "reports", "checkout", "warehouse", "mobile app", "staff portal", "nightly sync"];

/// A number of keys and their tenants.
#[derive(Debug)]
pub struct Population {
    keys: u32,
    tenants: u32,
    profiles: Vec<ScopeSet>,
    lists: Vec<Vec<ipnet::IpNet>>,
}

impl Population {
    /// `keys` keys, a hundred of each tenant until there are a thousand tenants.
    ///
    /// # Errors
    /// Never in practice: the scopes and networks above are well-formed.
    pub fn new(keys: u32) -> Result<Self, Failure> {
        let tenants = keys.div_ceil(100).clamp(1, MOST_TENANTS);
        let profile = |scopes: &&[&str]| scopes.iter().map(|scope| Ok(scope.parse()?)).collect();
        let list = |tenant: u32| {
            let own = format!("203.{}.{}.0/24", tenant / 256, tenant % 256);
            Ok(vec![own.parse()?, "10.0.0.0/8".parse()?])
        };
        Ok(Self {
            keys,
            tenants,
            profiles: PROFILES.iter().map(profile).collect::<Result<_, Failure>>()?,
            lists: (0..tenants).map(list).collect::<Result<_, Failure>>()?,
        })
    }

    /// How many keys there are.
    #[must_use]
    pub const fn keys(&self) -> u32 {
        self.keys
    }

    pub(crate) const fn tenants(&self) -> u32 {
        self.tenants
    }

    /// What a node is filled with: all tenants, then all keys.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let tenant = |number| {
            let tenant_id = tenant_id(number);
            Entry::Tenant(TenantEntry { tenant_id, dialect: DIALECT.to_owned(), suspended: false })
        };
        let key = |number| Entry::Key(Box::new(self.entry(number)));
        (0..self.tenants).map(tenant).chain((0..self.keys).map(key))
    }

    fn entry(&self, number: u32) -> KeyEntry {
        let issued = self.issued(number, time(0));
        KeyEntry {
            key_id: key_id(number),
            tenant_id: issued.tenant_id,
            name: issued.name,
            key_type: issued.key_type,
            environment: issued.environment,
            scopes: issued.scopes,
            ip_allowlist: issued.ip_allowlist,
            restrictions: issued.restrictions,
            client_id: issued.client_id,
            integration_id: issued.integration_id,
            secrets: vec![SecretEntry {
                digest: issued.digest,
                version: 1,
                status: SecretStatus::Current,
                not_after: issued.expires_at.map_or(i64::MAX, |at| at.timestamp_micros()),
            }],
        }
    }

    /// The event that such a key begins with.
    pub(crate) fn issued(&self, number: u32, at: DateTime<Utc>) -> KeyIssued {
        let tenant = number % self.tenants;
        let secret = secret(number, 1);
        let listed = number.is_multiple_of(5);
        let list = self.lists.get(tenant as usize).filter(|_| listed).cloned();
        let profile = self.profiles.get(number as usize / 7 % PROFILES.len()).cloned();
        let usage = USES.get(number as usize / 3 % USES.len()).copied().unwrap_or_default();
        KeyIssued {
            tenant_id: tenant_id(tenant),
            dialect: DIALECT.to_owned(),
            name: format!("{usage} {tenant:04} no. {}", number / self.tenants),
            key_type: KeyType::Secret,
            environment: "live".to_owned(),
            scopes: profile.unwrap_or_default(),
            ip_allowlist: list.unwrap_or_default(),
            restrictions: Default::default(),
            expires_at: number.is_multiple_of(10).then(|| at + TimeDelta::days(365)),
            client_id: None,
            integration_id: None,
            hint: secret.hint(12),
            digest: secret.digest(),
            issued_at: at,
        }
    }
}

/// Unix microseconds after [`BEGINNING`] as a time.
pub(crate) fn time(after: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(BEGINNING + after).unwrap_or_default()
}

/// A version of a key's secret.
#[must_use]
pub fn secret(key: u32, version: u32) -> Secret {
    let mut random = Random::new(u64::from(key) << 32 | u64::from(version));
    let mut bytes = [0; RANDOM_BYTES];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&random.next().to_le_bytes());
    }
    Secret::mint("nx_live_", &bytes)
}

/// All secrets of `keys` keys, one behind the other, in random order: as a server finds them in what it has just read,
/// and not in memory that it would have to fetch first.
#[must_use]
pub fn presented(keys: u32) -> Vec<String> {
    const AT_ONCE: usize = 4096;
    let mut texts = Vec::new();
    for part in Random::new(7).order(keys).chunks(AT_ONCE) {
        texts.push(part.iter().map(|key| secret(*key, 1).expose().to_owned()).collect());
    }
    texts
}

/// The length of a secret, in bytes.
pub const LENGTH: usize = 47;

/// The secrets in what [`presented`] gave.
pub fn each(texts: &[String]) -> impl Iterator<Item = &str> {
    texts
        .iter()
        .flat_map(|text| (0..text.len() / LENGTH).filter_map(|at| text.get(at * LENGTH..(at + 1) * LENGTH)))
}

pub(crate) fn tenant_id(number: u32) -> TenantId {
    let mut random = Random::new(0x7e17 ^ u64::from(number) << 20);
    TenantId::new(Uuid::from_u64_pair(random.next(), random.next()))
}

/// Ids rise with time, as those of the program do.
pub(crate) fn key_id(number: u32) -> KeyId {
    KeyId::new(ordered_uuid(0x5eed, u64::from(number)))
}

/// A UUID of version 7, the `number`th of a series.
pub(crate) fn ordered_uuid(series: u64, number: u64) -> Uuid {
    let mut random = Random::new(series << 40 ^ number);
    let millis = BEGINNING.unsigned_abs() / 1000 + number;
    let high = millis << 16 | 0x7000 | random.next() >> 52;
    Uuid::from_u64_pair(high, random.next() >> 2 | 1 << 63)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_and_are_presented_once_each() {
        let population = Population::new(5000).unwrap();
        let texts = presented(population.keys());
        let secrets: HashSet<&str> = each(&texts).collect();
        assert_eq!(secrets.len(), 5000);
        assert!(secrets.contains(secret(0, 1).expose()) && secrets.contains(secret(4999, 1).expose()));
        let mut ids = HashSet::new();
        let mut names = 0;
        for entry in population.entries() {
            if let Entry::Key(key) = entry {
                assert!(ids.insert(key.key_id));
                names += key.name.len();
            }
        }
        assert!((17..24).contains(&(names / 5000)), "{}", names / 5000);
    }
}
