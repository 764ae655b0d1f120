//! An agent: what a tenant's integrations are connected to. While it is restricted, the keys of all of them are refused.

mod event;
mod refusal;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::event::{AgentCreated, AgentEvent, AgentReleased, AgentRenamed, AgentRestricted};
pub use self::refusal::AgentRefusal;
use crate::ids::TenantId;
use crate::key::check_name;

/// An agent's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent(Option<AgentState>);

/// What is known of an agent that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentState {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// Its name.
    pub name: String,
    /// Whether the keys of its integrations are refused for now.
    pub restricted: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What can be asked of an agent.
#[derive(Debug, Clone)]
pub enum AgentCommand {
    /// Create it.
    Create(CreateAgent),
    /// Change it.
    Change(ChangeAgent),
}

/// Creates an agent, active.
#[derive(Debug, Clone)]
pub struct CreateAgent {
    /// The owner.
    pub tenant_id: TenantId,
    /// The dialect of the owner.
    pub dialect: String,
    /// A name for people.
    pub name: String,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Replaces some of an agent's properties; what is absent stays.
#[derive(Debug, Clone)]
pub struct ChangeAgent {
    /// The owner.
    pub tenant_id: TenantId,
    /// Another name.
    pub name: Option<String>,
    /// Whether the keys of its integrations shall be refused.
    pub restricted: Option<bool>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl Agent {
    /// The state, where the agent exists.
    #[must_use]
    pub const fn state(&self) -> Option<&AgentState> {
        self.0.as_ref()
    }

    /// The state, where the agent exists and belongs to `tenant`. A foreign one and an absent one are the same to whoever asks.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> Option<&AgentState> {
        self.0.as_ref().filter(|agent| agent.tenant_id == tenant)
    }

    /// Decides on a command. Restricting a restricted agent, and the like, is no error and no event.
    ///
    /// # Errors
    /// [`AgentRefusal`]
    pub fn decide(&self, command: AgentCommand) -> Result<Vec<AgentEvent>, AgentRefusal> {
        match command {
            AgentCommand::Create(command) => {
                if self.0.is_some() {
                    return Err(AgentRefusal::AlreadyCreated);
                }
                check_name(&command.name).map_err(AgentRefusal::InvalidName)?;
                Ok(vec![AgentEvent::AgentCreated(AgentCreated {
                    tenant_id: command.tenant_id,
                    dialect: command.dialect,
                    name: command.name,
                    created_at: command.now,
                })])
            }
            AgentCommand::Change(command) => self.change(command),
        }
    }

    fn change(&self, command: ChangeAgent) -> Result<Vec<AgentEvent>, AgentRefusal> {
        let agent = self.of(command.tenant_id).ok_or(AgentRefusal::NotFound)?;
        if command.name.is_none() && command.restricted.is_none() {
            return Err(AgentRefusal::NothingToChange);
        }
        let mut events = Vec::new();
        if let Some(name) = command.name {
            check_name(&name).map_err(AgentRefusal::InvalidName)?;
            if name != agent.name {
                events.push(AgentEvent::AgentRenamed(AgentRenamed { name, renamed_at: command.now }));
            }
        }
        events.extend(command.restricted.filter(|restricted| *restricted != agent.restricted).map(
            |restricted| match restricted {
                true => AgentEvent::AgentRestricted(AgentRestricted { restricted_at: command.now }),
                false => AgentEvent::AgentReleased(AgentReleased { released_at: command.now }),
            },
        ));
        Ok(events)
    }
}

impl Aggregate for Agent {
    const TYPE: &'static str = "agent";
    type Command = AgentCommand;
    type Event = AgentEvent;
    type Error = AgentRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: AgentCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), AgentRefusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::AgentCreated(created) => {
                self.0.get_or_insert(AgentState {
                    tenant_id: created.tenant_id,
                    dialect: created.dialect,
                    name: created.name,
                    restricted: false,
                    created_at: created.created_at,
                });
            }
            AgentEvent::AgentRenamed(renamed) => {
                if let Some(agent) = &mut self.0 {
                    agent.name = renamed.name;
                }
            }
            AgentEvent::AgentRestricted(_) => {
                if let Some(agent) = &mut self.0 {
                    agent.restricted = true;
                }
            }
            AgentEvent::AgentReleased(_) => {
                if let Some(agent) = &mut self.0 {
                    agent.restricted = false;
                }
            }
        }
    }
}
