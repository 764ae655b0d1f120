//! The events of each kind of aggregate, in order, as steps of its fold.

use nexus_domain::agent::{Agent, AgentEvent};
use nexus_domain::ids::KeyId;
use nexus_domain::integration::{Integration, IntegrationEvent};
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretEvent};
use nexus_domain::key::KeyEvent;
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeys};
use nexus_domain::tenant::{Tenant, TenantEvent};

use crate::documents::{Document, Step};
use crate::event::{Body, Event};

/// The events of keys, in order.
pub(crate) fn key_steps<D: Document<Id = KeyId, Change = KeyEvent>>(events: &[Event]) -> Vec<Step<'_, D>> {
    let steps = events.iter().filter_map(|event| match &event.body {
        Body::Key(key, change) => {
            let first = matches!(change, KeyEvent::KeyIssued(_));
            Some(Step { id: *key, first, event, change })
        }
        Body::Tenant(..)
        | Body::Client(..)
        | Body::Grant(..)
        | Body::Token(..)
        | Body::Member(..)
        | Body::Session(..)
        | Body::Agent(..)
        | Body::Integration(..)
        | Body::JwtSecret(..)
        | Body::SigningKey(_)
        | Body::Usage(_)
        | Body::Foreign
        | Body::Undecodable(_) => None,
    });
    steps.collect()
}

/// The events of signing keys, in order.
pub(super) fn signing_key_steps(events: &[Event]) -> Vec<Step<'_, SigningKeys>> {
    let steps = events.iter().filter_map(|event| {
        let Body::SigningKey(change) = &event.body else { return None };
        Some(match change {
            SigningKeyEvent::SigningKeyIntroduced(introduced) => {
                Step { id: introduced.kid, first: true, event, change }
            }
            SigningKeyEvent::SigningKeyRetired(retired) => {
                Step { id: retired.kid, first: false, event, change }
            }
        })
    });
    steps.collect()
}

/// The events of secrets for service JWTs, in order.
pub(super) fn jwt_secret_steps(events: &[Event]) -> Vec<Step<'_, JwtSecret>> {
    let steps = events.iter().filter_map(|event| {
        let Body::JwtSecret(id, change) = &event.body else { return None };
        let first = matches!(change, JwtSecretEvent::JwtSecretIssued(_));
        Some(Step { id: *id, first, event, change })
    });
    steps.collect()
}

/// The events of tenants, in order.
pub(crate) fn tenant_steps(events: &[Event]) -> Vec<Step<'_, Tenant>> {
    let steps = events.iter().filter_map(|event| match &event.body {
        Body::Tenant(tenant, change) => {
            let first = matches!(change, TenantEvent::TenantCreated(_));
            Some(Step { id: *tenant, first, event, change })
        }
        Body::Key(..)
        | Body::Client(..)
        | Body::Grant(..)
        | Body::Token(..)
        | Body::Member(..)
        | Body::Session(..)
        | Body::Agent(..)
        | Body::Integration(..)
        | Body::JwtSecret(..)
        | Body::SigningKey(_)
        | Body::Usage(_)
        | Body::Foreign
        | Body::Undecodable(_) => None,
    });
    steps.collect()
}

/// The events of agents, in order.
pub(crate) fn agent_steps(events: &[Event]) -> Vec<Step<'_, Agent>> {
    let steps = events.iter().filter_map(|event| {
        let Body::Agent(agent, change) = &event.body else { return None };
        let first = matches!(change, AgentEvent::AgentCreated(_));
        Some(Step { id: *agent, first, event, change })
    });
    steps.collect()
}

/// The events of integrations, in order.
pub(crate) fn integration_steps(events: &[Event]) -> Vec<Step<'_, Integration>> {
    let steps = events.iter().filter_map(|event| {
        let Body::Integration(integration, change) = &event.body else { return None };
        let first = matches!(change, IntegrationEvent::IntegrationCreated(_));
        Some(Step { id: *integration, first, event, change })
    });
    steps.collect()
}
