//! What is folded: the states of the aggregates themselves.

use cqrs_es::Aggregate;
use nexus_domain::agent::{Agent, AgentEvent};
use nexus_domain::client::{Client, ClientEvent};
use nexus_domain::ids::{AgentId, IntegrationId, JwtSecretId, KeyId, SigningKeyId, TenantId};
use nexus_domain::integration::{Integration, IntegrationEvent};
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretEvent};
use nexus_domain::key::{Key, KeyEvent};
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeys};
use nexus_domain::tenant::{Tenant, TenantEvent};

use crate::documents::Document;
use crate::event::Event;

impl Document for Client {
    type Id = KeyId;
    type Change = ClientEvent;

    fn apply(&mut self, _: &Event, change: &ClientEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Key {
    type Id = KeyId;
    type Change = KeyEvent;

    fn apply(&mut self, _: &Event, change: &KeyEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Tenant {
    type Id = TenantId;
    type Change = TenantEvent;

    fn apply(&mut self, _: &Event, change: &TenantEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Agent {
    type Id = AgentId;
    type Change = AgentEvent;

    fn apply(&mut self, _: &Event, change: &AgentEvent) {
        Aggregate::apply(self, change.clone());
    }
}

/// One signing key: a list of it alone.
impl Document for SigningKeys {
    type Id = SigningKeyId;
    type Change = SigningKeyEvent;

    fn apply(&mut self, _: &Event, change: &SigningKeyEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for Integration {
    type Id = IntegrationId;
    type Change = IntegrationEvent;

    fn apply(&mut self, _: &Event, change: &IntegrationEvent) {
        Aggregate::apply(self, change.clone());
    }
}

impl Document for JwtSecret {
    type Id = JwtSecretId;
    type Change = JwtSecretEvent;

    fn apply(&mut self, _: &Event, change: &JwtSecretEvent) {
        Aggregate::apply(self, change.clone());
    }
}
