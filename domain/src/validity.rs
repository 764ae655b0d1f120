//! What a validating node must know of keys, clients, tokens and tenants to decide alone: the entries that API
//! nodes send and nodes hold. An entry carries the whole state, so that applying a later one
//! twice, or without the ones before it, does no harm.

mod client;
mod jwt_secret;
mod revoked_token;
mod verifying_key;

use serde::{Deserialize, Serialize};

pub use self::client::ClientEntry;
pub use self::jwt_secret::{JwtSecretEntry, JwtSecretVersionEntry, sealed_context};
pub use self::revoked_token::RevokedTokenEntry;
pub use self::verifying_key::VerifyingKeyEntry;
use crate::agent::{Agent, AgentState};
use crate::credential::Digest;
use crate::dialect::{Dialect, KeyType};
use crate::ids::{AgentId, IntegrationId, KeyId, TenantId};
use crate::integration::{Integration, IntegrationState};
use crate::key::{Key, KeyState};
use crate::scope::{Scope, ScopeSet};
use crate::tenant::{Tenant, TenantState};
use crate::verification::{Restrictions, Rights, SecretStatus};

/// A key as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// The key.
    pub key_id: KeyId,
    /// Its owner, whose own entry comes before this one.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Secret or publishable.
    pub key_type: KeyType,
    /// The environment's name.
    pub environment: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where; empty: from anywhere.
    pub ip_allowlist: Vec<ipnet::IpNet>,
    /// To what it is restricted.
    pub restrictions: Restrictions,
    /// Its public client id.
    pub client_id: Option<String>,
    /// The integration that it belongs to, whose own entry comes before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// Its secrets, also those that are no longer valid.
    pub secrets: Vec<SecretEntry>,
}

/// One secret of a key as nodes know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretEntry {
    /// SHA-256 of the secret.
    pub digest: Digest,
    /// 1 for the key's first secret.
    pub version: u32,
    /// Whether it can be used, apart from time.
    pub status: SecretStatus,
    /// Unix time in microseconds from which it is refused; `i64::MAX`: never.
    pub not_after: i64,
}

/// A tenant as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantEntry {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The dialect of its keys.
    pub dialect: String,
    /// Whether its keys are refused for now.
    pub suspended: bool,
}

/// An integration as nodes know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationEntry {
    /// The integration.
    pub integration_id: IntegrationId,
    /// Its owner, whose own entry comes before this one.
    pub tenant_id: TenantId,
    /// The agent that it is connected to, whose own entry comes before this one.
    pub agent_id: Option<AgentId>,
    /// Whether its keys are accepted.
    pub enabled: bool,
}

/// An agent as nodes know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEntry {
    /// The agent.
    pub agent_id: AgentId,
    /// Its owner, whose own entry comes before this one.
    pub tenant_id: TenantId,
    /// Whether the keys of its integrations are refused for now.
    pub restricted: bool,
}

/// One piece of state for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A tenant.
    Tenant(TenantEntry),
    /// An agent.
    Agent(AgentEntry),
    /// An integration.
    Integration(IntegrationEntry),
    /// A key.
    Key(Box<KeyEntry>),
    /// All keys that the server signs with, the oldest first. They belong to the management dialect, which every node has.
    VerifyingKeys(Vec<VerifyingKeyEntry>),
    /// An OAuth client.
    Client(Box<ClientEntry>),
    /// An access token, or a consent with all its tokens, that was revoked before its end.
    RevokedToken(RevokedTokenEntry),
    /// A tenant's secret for service JWTs.
    JwtSecret(Box<JwtSecretEntry>),
}

/// An entry with the name of the dialect that it belongs to, for whoever hands entries on to nodes that serve only some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectEntry {
    /// The dialect's name.
    pub dialect: String,
    /// The entry.
    pub entry: Entry,
}

impl DialectEntry {
    /// The entry of a tenant in this state.
    #[must_use]
    pub fn of_tenant(tenant_id: TenantId, tenant: &TenantState) -> Self {
        let dialect = tenant.dialect.clone();
        let entry = TenantEntry { tenant_id, dialect: dialect.clone(), suspended: tenant.suspended };
        Self { dialect, entry: Entry::Tenant(entry) }
    }

    /// The entry of an agent in this state.
    #[must_use]
    pub fn of_agent(agent_id: AgentId, agent: &AgentState) -> Self {
        let entry = AgentEntry { agent_id, tenant_id: agent.tenant_id, restricted: agent.restricted };
        Self { dialect: agent.dialect.clone(), entry: Entry::Agent(entry) }
    }

    /// The entry of an integration in this state.
    #[must_use]
    pub fn of_integration(integration_id: IntegrationId, integration: &IntegrationState) -> Self {
        let entry = IntegrationEntry {
            integration_id,
            tenant_id: integration.tenant_id,
            agent_id: integration.agent_id,
            enabled: integration.enabled,
        };
        Self { dialect: integration.dialect.clone(), entry: Entry::Integration(entry) }
    }

    /// The entry of a key in this state.
    #[must_use]
    pub fn of_key(key_id: KeyId, key: &KeyState) -> Self {
        Self { dialect: key.dialect.clone(), entry: Entry::Key(Box::new(KeyEntry::of(key_id, key))) }
    }
}

/// An aggregate that validating nodes know.
pub trait Shown {
    /// What nodes are told of it, once it exists. An id that is none of its kind shows nothing.
    fn shown(&self, id: &str) -> Option<DialectEntry>;
}

impl Shown for Key {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        Some(DialectEntry::of_key(id.parse().ok()?, self.state()?))
    }
}

impl Shown for Tenant {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        Some(DialectEntry::of_tenant(id.parse().ok()?, self.state()?))
    }
}

impl Shown for Agent {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        Some(DialectEntry::of_agent(id.parse().ok()?, self.state()?))
    }
}

impl Shown for Integration {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        Some(DialectEntry::of_integration(id.parse().ok()?, self.state()?))
    }
}

impl KeyEntry {
    /// The entry of a key in this state.
    #[must_use]
    pub fn of(key_id: KeyId, key: &KeyState) -> Self {
        let secrets = key.versions.iter().map(|version| {
            let (status, not_after) = key.standing(version);
            SecretEntry { digest: version.digest, version: version.number, status, not_after }
        });
        Self {
            key_id,
            tenant_id: key.tenant_id,
            name: key.name.clone(),
            key_type: key.key_type,
            environment: key.environment.clone(),
            scopes: key.scopes.clone(),
            ip_allowlist: key.ip_allowlist.clone(),
            restrictions: key.restrictions.clone(),
            client_id: key.client_id.clone(),
            integration_id: key.integration_id,
            secrets: secrets.collect(),
        }
    }

    /// Whether [`KeyEntry::rights`] would be these, if they were worked out for a key of the same dialect.
    #[must_use]
    pub fn has_rights(&self, rights: &Rights) -> bool {
        // The scopes that are contained follow from those that are granted.
        let Rights { key_type, environment, granted, scopes: _, ip_allowlist, restrictions, client_id } =
            rights;
        self.key_type == *key_type
            && self.environment == *environment
            && granted.split(' ').filter(|scope| !scope.is_empty()).eq(self.scopes.iter().map(Scope::as_str))
            && self.ip_allowlist == *ip_allowlist
            && self.restrictions == *restrictions
            && self.client_id == *client_id
    }

    /// What the key may do in its dialect, worked out once.
    #[must_use]
    pub fn rights(&self, dialect: &Dialect) -> Rights {
        Rights {
            key_type: self.key_type,
            environment: self.environment.clone(),
            granted: self.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
            scopes: dialect.effective_scopes(&self.scopes),
            ip_allowlist: self.ip_allowlist.clone(),
            restrictions: self.restrictions.clone(),
            client_id: self.client_id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::key::{RevocationReason, SecretVersion};

    fn noon() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn version(number: u32, superseded_until: Option<DateTime<Utc>>) -> SecretVersion {
        let digest = Digest::of(&number.to_string());
        SecretVersion { number, hint: "nx_live_aaaa".into(), digest, created_at: noon(), superseded_until }
    }

    fn key() -> KeyState {
        KeyState {
            tenant_id: TenantId::new(Uuid::from_u128(1)),
            dialect: "nexus".into(),
            name: "Production Backend".into(),
            key_type: KeyType::Publishable,
            environment: "staging".into(),
            scopes: ["read:users".parse().unwrap(), "read:messages".parse().unwrap()].into(),
            ip_allowlist: vec!["192.0.2.0/24".parse().unwrap()],
            restrictions: [("brand".to_owned(), ["acme".to_owned()].into())].into(),
            expires_at: None,
            client_id: Some("c_1".into()),
            integration_id: Some(IntegrationId::new(Uuid::from_u128(3))),
            versions: vec![version(1, Some(noon() + TimeDelta::hours(24))), version(2, None)],
            issued_at: noon(),
            revoked: None,
            expiry_recorded: false,
        }
    }

    fn entry(key: &KeyState) -> KeyEntry {
        KeyEntry::of(KeyId::new(Uuid::from_u128(7)), key)
    }

    fn standings(key: &KeyState) -> Vec<(u32, SecretStatus, i64)> {
        entry(key).secrets.iter().map(|secret| (secret.version, secret.status, secret.not_after)).collect()
    }

    #[test]
    fn an_entry_carries_what_a_verdict_needs_of_the_key() {
        let key = key();
        let expected = KeyEntry {
            key_id: KeyId::new(Uuid::from_u128(7)),
            tenant_id: key.tenant_id,
            name: key.name.clone(),
            key_type: KeyType::Publishable,
            environment: "staging".into(),
            scopes: key.scopes.clone(),
            ip_allowlist: key.ip_allowlist.clone(),
            restrictions: key.restrictions.clone(),
            client_id: Some("c_1".into()),
            integration_id: key.integration_id,
            secrets: vec![
                SecretEntry {
                    digest: Digest::of("1"),
                    version: 1,
                    status: SecretStatus::Superseded,
                    not_after: (noon() + TimeDelta::hours(24)).timestamp_micros(),
                },
                SecretEntry {
                    digest: Digest::of("2"),
                    version: 2,
                    status: SecretStatus::Current,
                    not_after: i64::MAX,
                },
            ],
        };
        assert_eq!(entry(&key), expected);
    }

    #[test]
    fn no_secret_outlives_its_key() {
        for hours in [1, 24, 48] {
            let end = noon() + TimeDelta::hours(hours);
            let key = KeyState { expires_at: Some(end), ..key() };
            for (_, _, not_after) in standings(&key) {
                assert!(not_after <= end.timestamp_micros());
            }
        }
        let end = noon() + TimeDelta::hours(1);
        let short = standings(&KeyState { expires_at: Some(end), ..key() });
        assert!(
            short.iter().all(|(_, status, not_after)| (*status, *not_after)
                == (SecretStatus::Current, end.timestamp_micros()))
        );
    }

    #[test]
    fn the_secrets_of_a_revoked_key_stay_in_its_entry_as_revoked() {
        let at = noon() + TimeDelta::hours(1);
        let key =
            KeyState { revoked: Some((at, RevocationReason::Unused)), expires_at: Some(noon()), ..key() };
        let revoked = |number| (number, SecretStatus::Revoked, at.timestamp_micros());
        assert_eq!(standings(&key), [revoked(1), revoked(2)]);
    }

    #[test]
    fn rights_are_worked_out_with_everything_that_the_scopes_contain() {
        let text = include_str!("../dialects/management.toml");
        let management = Dialect::parse("management.toml", text).unwrap();
        let key = KeyState {
            scopes: ["keys:write".parse().unwrap(), "audit:read".parse().unwrap()].into(),
            ..key()
        };
        let rights = entry(&key).rights(&management);
        assert_eq!(rights.granted, "audit:read keys:write");
        assert!(rights.scopes.allow("keys:read") && rights.scopes.allow("audit:read"));
        assert!(!rights.scopes.allow("tenants:read") && !rights.scopes.allow("admin:all"));
        assert_eq!((rights.key_type, rights.environment.as_str()), (KeyType::Publishable, "staging"));
        assert_eq!((rights.ip_allowlist, rights.restrictions), (key.ip_allowlist, key.restrictions));
        assert_eq!(rights.client_id.as_deref(), Some("c_1"));
    }

    #[test]
    fn rights_are_known_again_and_no_others_are_taken_for_them() {
        let text = include_str!("../dialects/management.toml");
        let management = Dialect::parse("management.toml", text).unwrap();
        let scopes = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<ScopeSet>();
        let key = KeyState { scopes: scopes(&["audit:read", "keys:write"]), ..key() };
        let others = [
            KeyState { key_type: KeyType::Secret, ..key.clone() },
            KeyState { environment: "live".into(), ..key.clone() },
            KeyState { scopes: scopes(&["audit:read"]), ..key.clone() },
            KeyState { scopes: scopes(&["audit:read", "keys:read"]), ..key.clone() },
            KeyState { scopes: scopes(&["audit:read", "keys:read", "keys:write"]), ..key.clone() },
            KeyState { scopes: scopes(&[]), ..key.clone() },
            KeyState { ip_allowlist: Vec::new(), ..key.clone() },
            KeyState { restrictions: Restrictions::new(), ..key.clone() },
            KeyState { client_id: None, ..key.clone() },
        ];
        let named = KeyState { name: "Another".into(), expires_at: Some(noon()), ..key.clone() };
        let all: Vec<KeyEntry> = others.iter().chain([&key, &named]).map(entry).collect();
        for one in &all {
            for other in &all {
                let rights = other.rights(&management);
                assert_eq!(one.has_rights(&rights), one.rights(&management) == rights, "{one:?} {rights:?}");
            }
        }
        assert!(entry(&named).has_rights(&entry(&key).rights(&management)));
    }

    #[test]
    fn entries_come_back_from_the_wire_as_they_were() {
        let tenant = TenantEntry { tenant_id: key().tenant_id, dialect: "nexus".into(), suspended: true };
        let revoked = KeyState { revoked: Some((noon(), RevocationReason::Compromised)), ..key() };
        let free = KeyState { integration_id: None, ..key() };
        assert!(
            !serde_json::to_string(&entry(&free)).unwrap().contains("integration"),
            "as other programs know it"
        );
        let agent_id = AgentId::new(Uuid::from_u128(4));
        for sent in [
            Entry::Agent(AgentEntry { agent_id, tenant_id: key().tenant_id, restricted: true }),
            Entry::Integration(IntegrationEntry {
                integration_id: IntegrationId::new(Uuid::from_u128(3)),
                tenant_id: key().tenant_id,
                agent_id: Some(agent_id),
                enabled: false,
            }),
            Entry::Key(Box::new(entry(&free))),
            Entry::Tenant(tenant),
            Entry::Key(Box::new(entry(&key()))),
            Entry::Key(Box::new(entry(&revoked))),
        ] {
            let text = serde_json::to_string(&sent).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), sent, "{text}");
        }
    }
}
