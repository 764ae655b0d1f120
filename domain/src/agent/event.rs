//! What can happen to an agent.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::ids::TenantId;

/// An event in the life of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentEvent {
    /// It was created.
    AgentCreated(AgentCreated),
    /// It got another name.
    AgentRenamed(AgentRenamed),
    /// The keys of its integrations are refused from now on.
    AgentRestricted(AgentRestricted),
    /// The keys of its integrations are accepted again.
    AgentReleased(AgentReleased),
}

/// The agent was created, active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCreated {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// A name for people.
    pub name: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The agent got another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRenamed {
    /// The name.
    pub name: String,
    /// When.
    pub renamed_at: DateTime<Utc>,
}

/// The keys of the agent's integrations are refused from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRestricted {
    /// When.
    pub restricted_at: DateTime<Utc>,
}

/// The keys of the agent's integrations are accepted again, as far as nothing else refuses them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReleased {
    /// When.
    pub released_at: DateTime<Utc>,
}

impl DomainEvent for AgentEvent {
    fn event_type(&self) -> String {
        match self {
            Self::AgentCreated(_) => "AgentCreated",
            Self::AgentRenamed(_) => "AgentRenamed",
            Self::AgentRestricted(_) => "AgentRestricted",
            Self::AgentReleased(_) => "AgentReleased",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
