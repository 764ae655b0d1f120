//! Operations on agents.

use nexus_domain::agent::{AgentCommand, AgentRefusal, AgentState, ChangeAgent, CreateAgent};
use nexus_domain::ids::{AgentId, TenantId};
use serde::{Deserialize, Serialize};

use crate::gate::keys::require;
use crate::gate::{Call, Done, Gate, GateError, Refusal, Reservations, Target};

/// An agent with its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdentifiedAgent {
    /// Its id.
    pub agent_id: AgentId,
    /// Its state.
    pub agent: AgentState,
}

/// What of an agent shall change; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct AgentChange {
    /// Another name.
    pub name: Option<String>,
    /// Whether the keys of its integrations shall be refused.
    pub restricted: Option<bool>,
}

impl Gate {
    /// Creates an agent, active.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn create_agent(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        name: String,
    ) -> Result<Done<IdentifiedAgent>, GateError> {
        let dialect = self.dialect_of_integrations(call, tenant).await?;
        let agent = AgentId::new(self.entropy.uuid_v7(call.now));
        let create = CreateAgent { tenant_id: tenant, dialect: dialect.name.clone(), name, now: call.now };
        self.on_agent(call, tenant, agent, AgentCommand::Create(create)).await
    }

    /// Changes an agent's name, restricts it or releases it.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn change_agent(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        agent: AgentId,
        change: AgentChange,
    ) -> Result<Done<IdentifiedAgent>, GateError> {
        require(call, "keys:write")?;
        self.existing_tenant(call, tenant).await?;
        let AgentChange { name, restricted } = change;
        let change = ChangeAgent { tenant_id: tenant, name, restricted, now: call.now };
        self.on_agent(call, tenant, agent, AgentCommand::Change(change)).await
    }

    async fn on_agent(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        agent_id: AgentId,
        command: AgentCommand,
    ) -> Result<Done<IdentifiedAgent>, GateError> {
        let target = Target { tenant, aggregate_id: &agent_id.to_string(), owner: None };
        let answer =
            |state: Option<&AgentState>| state.cloned().map(|agent| IdentifiedAgent { agent_id, agent });
        let done = self
            .execute(
                &self.agents,
                call,
                target,
                |_| command.clone(),
                |_, _| Reservations::default(),
                |agent| answer(agent.state()),
            )
            .await?;
        // An absent one was refused by the decision.
        let answer = done.answer.ok_or(GateError::Refused(Refusal::Agent(AgentRefusal::NotFound)))?;
        Ok(Done { answer, position: done.position })
    }
}
