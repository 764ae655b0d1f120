//! Operations on integrations.

use std::sync::Arc;

use nexus_domain::dialect::Dialect;
use nexus_domain::ids::{AgentId, IntegrationId, TenantId};
use nexus_domain::integration::{
    ChangeIntegration, CreateIntegration, IntegrationCommand, IntegrationRefusal, IntegrationState,
    IntegrationType, NamedAgent,
};
use nexus_domain::key::NamedIntegration;
use serde::{Deserialize, Serialize};

use crate::gate::keys::require;
use crate::gate::{Call, Done, Gate, GateError, PLATFORM_TENANT, Refusal, Reservations, Target};

/// An integration with its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdentifiedIntegration {
    /// Its id.
    pub integration_id: IntegrationId,
    /// Its state.
    pub integration: IntegrationState,
}

/// What a new integration shall be.
#[derive(Debug, Clone)]
pub struct NewIntegration {
    /// A name for people.
    pub name: String,
    /// Through what it is used.
    pub integration_type: IntegrationType,
    /// The agent that it is connected to.
    pub agent: Option<AgentId>,
}

/// What of an integration shall change; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct IntegrationChange {
    /// Another name.
    pub name: Option<String>,
    /// Another agent.
    pub agent: Option<AgentId>,
    /// Whether its keys shall be accepted.
    pub enabled: Option<bool>,
}

impl Gate {
    /// Creates an integration, enabled.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn create_integration(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        new: NewIntegration,
    ) -> Result<Done<IdentifiedIntegration>, GateError> {
        let dialect = self.dialect_of_integrations(call, tenant).await?;
        let integration = IntegrationId::new(self.entropy.uuid_v7(call.now));
        let create = CreateIntegration {
            tenant_id: tenant,
            dialect,
            name: new.name,
            integration_type: new.integration_type,
            agent: self.named_agent(tenant, new.agent).await?,
            now: call.now,
        };
        self.on_integration(call, tenant, integration, IntegrationCommand::Create(create)).await
    }

    /// Changes an integration's name or agent, disables it or enables it.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn change_integration(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        integration: IntegrationId,
        change: IntegrationChange,
    ) -> Result<Done<IdentifiedIntegration>, GateError> {
        require(call, "keys:write")?;
        self.existing_tenant(call, tenant).await?;
        let change = ChangeIntegration {
            tenant_id: tenant,
            name: change.name,
            agent: self.named_agent(tenant, change.agent).await?,
            enabled: change.enabled,
            now: call.now,
        };
        self.on_integration(call, tenant, integration, IntegrationCommand::Change(change)).await
    }

    /// The dialect of a tenant that may have integrations. The platform's own has none: whoever disabled one could take away
    /// management credentials that are mightier than their own.
    pub(super) async fn dialect_of_integrations(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
    ) -> Result<Arc<Dialect>, GateError> {
        require(call, "keys:write")?;
        let (_, dialect) = self.visible_tenant(call, tenant).await?;
        if tenant == PLATFORM_TENANT { Err(GateError::PlatformFixed) } else { Ok(dialect) }
    }

    /// An integration that a new key names, as it stands now. Agents and integrations are never deleted, and a key whose integration
    /// is disabled meanwhile is refused by that.
    pub(super) async fn named_integration(
        &self,
        tenant: TenantId,
        integration_id: Option<IntegrationId>,
    ) -> Result<Option<(NamedIntegration, Option<AgentId>)>, GateError> {
        let Some(integration_id) = integration_id else { return Ok(None) };
        let (loaded, _) =
            self.integrations.load(&integration_id.to_string()).await.map_err(GateError::Unavailable)?;
        let known = loaded.of(tenant);
        let named = NamedIntegration { integration_id, enabled: known.map(|known| known.enabled) };
        Ok(Some((named, known.and_then(|known| known.agent_id))))
    }

    async fn named_agent(
        &self,
        tenant: TenantId,
        agent_id: Option<AgentId>,
    ) -> Result<Option<NamedAgent>, GateError> {
        let Some(agent_id) = agent_id else { return Ok(None) };
        let (loaded, _) = self.agents.load(&agent_id.to_string()).await.map_err(GateError::Unavailable)?;
        Ok(Some(NamedAgent { agent_id, exists: loaded.of(tenant).is_some() }))
    }

    async fn on_integration(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        integration_id: IntegrationId,
        command: IntegrationCommand,
    ) -> Result<Done<IdentifiedIntegration>, GateError> {
        let target = Target { tenant, aggregate_id: &integration_id.to_string(), owner: None };
        let answer = |state: Option<&IntegrationState>| {
            state.cloned().map(|integration| IdentifiedIntegration { integration_id, integration })
        };
        let done = self
            .execute(
                &self.integrations,
                call,
                target,
                |_| command.clone(),
                |_, _| Reservations::default(),
                |integration| answer(integration.state()),
            )
            .await?;
        // An absent one was refused by the decision.
        let refusal = || GateError::Refused(Refusal::Integration(IntegrationRefusal::NotFound));
        Ok(Done { answer: done.answer.ok_or_else(refusal)?, position: done.position })
    }
}
