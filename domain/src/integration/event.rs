//! What can happen to an integration.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, TenantId};

/// An event in the life of an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntegrationEvent {
    /// It was created.
    IntegrationCreated(IntegrationCreated),
    /// It got another name.
    IntegrationRenamed(IntegrationRenamed),
    /// It was connected to another agent.
    IntegrationConnected(IntegrationConnected),
    /// Its keys are refused from now on.
    IntegrationDisabled(IntegrationDisabled),
    /// Its keys are accepted again.
    IntegrationEnabled(IntegrationEnabled),
}

/// Through what an integration is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationType {
    /// Through requests with a key.
    Api,
}

/// The integration was created, enabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationCreated {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// A name for people.
    pub name: String,
    /// Through what it is used.
    #[serde(rename = "type")]
    pub integration_type: IntegrationType,
    /// The agent that it is connected to.
    pub agent_id: Option<AgentId>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The integration got another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationRenamed {
    /// The name.
    pub name: String,
    /// When.
    pub renamed_at: DateTime<Utc>,
}

/// The integration was connected to another agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationConnected {
    /// The agent.
    pub agent_id: AgentId,
    /// When.
    pub connected_at: DateTime<Utc>,
}

/// The integration's keys are refused from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationDisabled {
    /// When.
    pub disabled_at: DateTime<Utc>,
}

/// The integration's keys are accepted again, as far as nothing else refuses them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationEnabled {
    /// When.
    pub enabled_at: DateTime<Utc>,
}

impl DomainEvent for IntegrationEvent {
    fn event_type(&self) -> String {
        match self {
            Self::IntegrationCreated(_) => "IntegrationCreated",
            Self::IntegrationRenamed(_) => "IntegrationRenamed",
            Self::IntegrationConnected(_) => "IntegrationConnected",
            Self::IntegrationDisabled(_) => "IntegrationDisabled",
            Self::IntegrationEnabled(_) => "IntegrationEnabled",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
