//! The `[key_claims]` of a dialect file: what keys that are JWTs say of themselves, and under which names.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use crate::dialect::file::Fault;
use crate::ids::{AgentId, IntegrationId, KeyId, OrganizationId, TenantId};
use crate::scope::ScopeSet;

/// Claims that each of these keys has, or that say something else (RFC 7519 section 4.1).
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// The longest name of a claim, in bytes.
const LONGEST_NAME: usize = 64;

/// The names of claims in keys that are JWTs. What has none is left out of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyClaims {
    /// The tenant's id.
    pub tenant: Option<String>,
    /// The tenant's id as `org_…`.
    pub organization: Option<String>,
    /// The integration's id.
    pub integration: Option<String>,
    /// The id of the agent that the integration was connected to when the key was made.
    pub agent: Option<String>,
    /// The environment's name.
    pub environment: Option<String>,
    /// The scopes that the key was made with, a list of texts.
    pub scopes: Option<String>,
}

/// What a key says of itself, from its making on.
#[derive(Debug, Clone, Copy)]
pub struct KeyFacts<'a> {
    /// The key.
    pub key_id: KeyId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its integration.
    pub integration_id: Option<IntegrationId>,
    /// The agent of its integration.
    pub agent_id: Option<AgentId>,
    /// The environment's name.
    pub environment: &'a str,
    /// What it may do.
    pub scopes: &'a ScopeSet,
    /// When it was made, in Unix seconds.
    pub issued_at: i64,
    /// When it ends, in Unix seconds.
    pub expires_at: i64,
}

impl KeyClaims {
    /// The claims of a key. Beside those with names, `jti` is the key's id, and `iat` and `exp` are as RFC 7519 has them.
    #[must_use]
    pub fn of(&self, key: &KeyFacts<'_>) -> Map<String, Value> {
        let named = [
            (&self.integration, key.integration_id.map(|id| id.to_string().into())),
            (&self.organization, Some(OrganizationId::from(key.tenant_id).to_string().into())),
            (&self.tenant, Some(key.tenant_id.to_string().into())),
            (&self.agent, key.agent_id.map(|id| id.to_string().into())),
            (&self.environment, Some(key.environment.into())),
            (&self.scopes, Some(key.scopes.iter().map(ToString::to_string).collect())),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.clone()?, value?)));
        let always = [
            ("exp", Value::from(key.expires_at)),
            ("iat", key.issued_at.into()),
            ("jti", key.key_id.to_string().into()),
        ];
        named.chain(always.map(|(name, value)| (name.to_owned(), value))).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyClaimsEntry {
    tenant: Option<Spanned<String>>,
    organization: Option<Spanned<String>>,
    integration: Option<Spanned<String>>,
    agent: Option<Spanned<String>>,
    environment: Option<Spanned<String>>,
    scopes: Option<Spanned<String>>,
}

pub(super) fn key_claims(entry: KeyClaimsEntry) -> Result<KeyClaims, Fault> {
    let mut taken = BTreeSet::new();
    let mut name = |text: Option<Spanned<String>>| -> Result<Option<String>, Fault> {
        let Some(text) = text else { return Ok(None) };
        let (span, text) = (text.span(), text.into_inner());
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if text.is_empty() || text.len() > LONGEST_NAME || !printable {
            let rule =
                "a claim's name must be 1 to 64 visible ASCII characters without quotes and backslashes";
            return Err((span, rule.into()));
        }
        if REGISTERED.contains(&text.as_str()) {
            return Err((
                span,
                format!("the claim `{text}` has a meaning of its own (RFC 7519 section 4.1)"),
            ));
        }
        if !taken.insert(text.clone()) {
            return Err((span, format!("two claims are named `{text}`")));
        }
        Ok(Some(text))
    };
    Ok(KeyClaims {
        tenant: name(entry.tenant)?,
        organization: name(entry.organization)?,
        integration: name(entry.integration)?,
        agent: name(entry.agent)?,
        environment: name(entry.environment)?,
        scopes: name(entry.scopes)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_says_what_the_dialect_names_and_no_more() {
        let scopes = ["write", "read"].map(|scope| scope.parse().unwrap()).into();
        let tenant_id = "3714240b-2e06-4c35-8856-ccc1c096323e".parse().unwrap();
        let key = KeyFacts {
            key_id: KeyId::new(Uuid::from_u128(7)),
            tenant_id,
            integration_id: Some(IntegrationId::new(Uuid::from_u128(3))),
            agent_id: Some(AgentId::new(Uuid::from_u128(5))),
            environment: "production",
            scopes: &scopes,
            issued_at: 1_704_153_600,
            expires_at: 1_735_689_600,
        };
        let name = |name: &str| Some(name.to_owned());
        let bare = json!({"exp": 1_735_689_600, "iat": 1_704_153_600, "jti": "key_00000000000000000000000000000007"});
        assert_eq!(Value::from(KeyClaims::default().of(&key)), bare);
        let some = KeyClaims { scopes: name("permissions"), agent: name("agentId"), ..KeyClaims::default() };
        let free = KeyFacts { agent_id: None, ..key };
        assert_eq!(some.of(&key)["agentId"], "agt_00000000000000000000000000000005");
        assert_eq!(some.of(&free).len(), 4, "without an agent there is none to name");
        assert_eq!(some.of(&free)["permissions"], json!(["read", "write"]));
        let all = KeyClaims {
            tenant: name("t"),
            organization: name("o"),
            integration: name("i"),
            environment: name("e"),
            ..KeyClaims::default()
        };
        let claims = all.of(&key);
        assert_eq!(claims["t"], tenant_id.to_string());
        assert_eq!(claims["o"], "org_3714240b2e064c358856ccc1c096323e");
        assert_eq!(claims["i"], "int_00000000000000000000000000000003");
        assert_eq!(claims["e"], "production");
    }
}
