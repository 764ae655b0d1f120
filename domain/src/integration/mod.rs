//! An integration: what a tenant connects to its product, with keys of its own. While it is disabled, or its agent is restricted,
//! its keys are refused. None of them is changed by that.

mod event;
mod refusal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::event::{
    IntegrationConnected, IntegrationCreated, IntegrationDisabled, IntegrationEnabled, IntegrationEvent,
    IntegrationRenamed, IntegrationType,
};
pub use self::refusal::IntegrationRefusal;
use crate::dialect::Dialect;
use crate::ids::{AgentId, TenantId};
use crate::key::check_name;

/// An integration's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration(Option<IntegrationState>);

/// What is known of an integration that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationState {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// Its name.
    pub name: String,
    /// Through what it is used.
    pub integration_type: IntegrationType,
    /// The agent that it is connected to.
    pub agent_id: Option<AgentId>,
    /// Whether its keys are accepted.
    pub enabled: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What can be asked of an integration.
#[derive(Debug, Clone)]
pub enum IntegrationCommand {
    /// Create it.
    Create(CreateIntegration),
    /// Change it.
    Change(ChangeIntegration),
}

/// An agent that was named, and whether the tenant has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedAgent {
    /// The agent.
    pub agent_id: AgentId,
    /// Whether it is one of the tenant's.
    pub exists: bool,
}

impl NamedAgent {
    fn existing(self) -> Result<AgentId, IntegrationRefusal> {
        if self.exists { Ok(self.agent_id) } else { Err(IntegrationRefusal::UnknownAgent) }
    }
}

/// Creates an integration, enabled.
#[derive(Debug, Clone)]
pub struct CreateIntegration {
    /// The owner.
    pub tenant_id: TenantId,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// A name for people.
    pub name: String,
    /// Through what it is used.
    pub integration_type: IntegrationType,
    /// The agent that it is connected to.
    pub agent: Option<NamedAgent>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Replaces some of an integration's properties; what is absent stays.
#[derive(Debug, Clone)]
pub struct ChangeIntegration {
    /// The owner.
    pub tenant_id: TenantId,
    /// Another name.
    pub name: Option<String>,
    /// Another agent.
    pub agent: Option<NamedAgent>,
    /// Whether its keys shall be accepted.
    pub enabled: Option<bool>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl Integration {
    /// The state, where the integration exists.
    #[must_use]
    pub const fn state(&self) -> Option<&IntegrationState> {
        self.0.as_ref()
    }

    /// The state, where the integration exists and belongs to `tenant`. A foreign one and an absent one are the same to whoever
    /// asks.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> Option<&IntegrationState> {
        self.0.as_ref().filter(|integration| integration.tenant_id == tenant)
    }

    /// Decides on a command. Disabling a disabled integration, and the like, is no error and no event.
    ///
    /// # Errors
    /// [`IntegrationRefusal`]
    pub fn decide(&self, command: IntegrationCommand) -> Result<Vec<IntegrationEvent>, IntegrationRefusal> {
        match command {
            IntegrationCommand::Create(command) => self.create(command),
            IntegrationCommand::Change(command) => self.change(command),
        }
    }

    fn create(&self, command: CreateIntegration) -> Result<Vec<IntegrationEvent>, IntegrationRefusal> {
        if self.0.is_some() {
            return Err(IntegrationRefusal::AlreadyCreated);
        }
        check_name(&command.name).map_err(IntegrationRefusal::InvalidName)?;
        if command.agent.is_none() && command.dialect.integrations.agent {
            return Err(IntegrationRefusal::AgentMissing);
        }
        Ok(vec![IntegrationEvent::IntegrationCreated(IntegrationCreated {
            tenant_id: command.tenant_id,
            dialect: command.dialect.name.clone(),
            name: command.name,
            integration_type: command.integration_type,
            agent_id: command.agent.map(NamedAgent::existing).transpose()?,
            created_at: command.now,
        })])
    }

    fn change(&self, command: ChangeIntegration) -> Result<Vec<IntegrationEvent>, IntegrationRefusal> {
        let integration = self.of(command.tenant_id).ok_or(IntegrationRefusal::NotFound)?;
        if command.name.is_none() && command.agent.is_none() && command.enabled.is_none() {
            return Err(IntegrationRefusal::NothingToChange);
        }
        let now = command.now;
        let mut events = Vec::new();
        if let Some(name) = command.name {
            check_name(&name).map_err(IntegrationRefusal::InvalidName)?;
            if name != integration.name {
                events
                    .push(IntegrationEvent::IntegrationRenamed(IntegrationRenamed { name, renamed_at: now }));
            }
        }
        let agent = command.agent.map(NamedAgent::existing).transpose()?;
        events.extend(agent.filter(|agent| integration.agent_id != Some(*agent)).map(|agent_id| {
            IntegrationEvent::IntegrationConnected(IntegrationConnected { agent_id, connected_at: now })
        }));
        events.extend(command.enabled.filter(|enabled| *enabled != integration.enabled).map(|enabled| {
            match enabled {
                true => IntegrationEvent::IntegrationEnabled(IntegrationEnabled { enabled_at: now }),
                false => IntegrationEvent::IntegrationDisabled(IntegrationDisabled { disabled_at: now }),
            }
        }));
        Ok(events)
    }
}

impl Aggregate for Integration {
    const TYPE: &'static str = "integration";
    type Command = IntegrationCommand;
    type Event = IntegrationEvent;
    type Error = IntegrationRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: IntegrationCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), IntegrationRefusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: IntegrationEvent) {
        match event {
            IntegrationEvent::IntegrationCreated(created) => {
                self.0.get_or_insert(IntegrationState {
                    tenant_id: created.tenant_id,
                    dialect: created.dialect,
                    name: created.name,
                    integration_type: created.integration_type,
                    agent_id: created.agent_id,
                    enabled: true,
                    created_at: created.created_at,
                });
            }
            IntegrationEvent::IntegrationRenamed(renamed) => {
                if let Some(integration) = &mut self.0 {
                    integration.name = renamed.name;
                }
            }
            IntegrationEvent::IntegrationConnected(connected) => {
                if let Some(integration) = &mut self.0 {
                    integration.agent_id = Some(connected.agent_id);
                }
            }
            IntegrationEvent::IntegrationDisabled(_) => {
                if let Some(integration) = &mut self.0 {
                    integration.enabled = false;
                }
            }
            IntegrationEvent::IntegrationEnabled(_) => {
                if let Some(integration) = &mut self.0 {
                    integration.enabled = true;
                }
            }
        }
    }
}
