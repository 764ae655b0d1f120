//! Issue a key.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use crate::credential::Digest;
use crate::dialect::{Dialect, KeyType};
use crate::ids::{IntegrationId, TenantId};
use crate::key::terms::{Lifespan, canonical_networks, check_restrictions, check_scopes, join};
use crate::key::{Key, KeyEvent, KeyIssued, KeyRefusal, check_name};
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// An integration that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedIntegration {
    /// The integration.
    pub integration_id: IntegrationId,
    /// Whether it is enabled; absent: the tenant has none of this id.
    pub enabled: Option<bool>,
}

impl NamedIntegration {
    fn usable(self) -> Result<IntegrationId, KeyRefusal> {
        match self.enabled {
            Some(true) => Ok(self.integration_id),
            Some(false) => Err(KeyRefusal::IntegrationDisabled),
            None => Err(KeyRefusal::UnknownIntegration),
        }
    }
}

/// Creates a key. The secret was minted at the edge; its digest and hint come along.
#[derive(Debug, Clone)]
pub struct IssueKey {
    /// The owner.
    pub tenant_id: TenantId,
    /// Whether the owner is suspended.
    pub tenant_suspended: bool,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// A name for people.
    pub name: String,
    /// Secret or publishable.
    pub key_type: KeyType,
    /// Name or alias of the environment.
    pub environment: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what it is restricted.
    pub restrictions: Restrictions,
    /// How long it lives.
    pub lifespan: Lifespan,
    /// A client id, where the dialect has them.
    pub client_id: Option<String>,
    /// The integration that it shall belong to.
    pub integration: Option<NamedIntegration>,
    /// The first characters of the secret.
    pub hint: String,
    /// SHA-256 of the secret.
    pub digest: Digest,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl IssueKey {
    pub(super) fn decide(self, key: &Key) -> Result<KeyEvent, KeyRefusal> {
        if key.state().is_some() {
            return Err(KeyRefusal::AlreadyIssued);
        }
        if self.tenant_suspended {
            return Err(KeyRefusal::TenantSuspended);
        }
        check_name(&self.name).map_err(KeyRefusal::InvalidName)?;
        let environment =
            self.dialect.environment(&self.environment).ok_or_else(|| KeyRefusal::UnknownEnvironment {
                asked: self.environment.chars().take(32).collect(),
                known: join(self.dialect.environments.iter().map(|e| e.name.as_str())),
            })?;
        if self.dialect.prefix_for(self.key_type, environment).is_none() {
            return Err(KeyRefusal::UnsupportedType { asked: self.key_type.as_str() });
        }
        check_scopes(&self.dialect, self.key_type, &self.scopes)?;
        check_restrictions(&self.dialect, &self.restrictions)?;
        if self.integration.is_none() && self.dialect.integrations.required {
            return Err(KeyRefusal::IntegrationMissing);
        }
        let integration_id = self.integration.map(NamedIntegration::usable).transpose()?;
        let form = self.dialect.form_of(self.key_type, &environment.name);
        let expires_at = self.lifespan.end(&self.dialect, form, self.now)?;
        Ok(KeyEvent::KeyIssued(KeyIssued {
            tenant_id: self.tenant_id,
            dialect: self.dialect.name.clone(),
            name: self.name,
            key_type: self.key_type,
            environment: environment.name.clone(),
            scopes: self.scopes,
            ip_allowlist: canonical_networks(&self.ip_allowlist),
            restrictions: self.restrictions,
            expires_at,
            client_id: self.client_id,
            integration_id,
            hint: self.hint,
            digest: self.digest,
            issued_at: self.now,
        }))
    }
}
