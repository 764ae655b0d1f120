//! Events as projections see them: read and decoded once, then shared by all that fold them.

use std::sync::Arc;

use cqrs_es::{Aggregate, DomainEvent};
use nexus_domain::agent::{Agent, AgentEvent};
use nexus_domain::client::{Client, ClientEvent};
use nexus_domain::grant::{Grant, GrantEvent};
use nexus_domain::ids::{
    AgentId, GrantId, IntegrationId, JwtSecretId, KeyId, MemberId, SessionId, TenantId, TokenId,
};
use nexus_domain::integration::{Integration, IntegrationEvent};
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretEvent};
use nexus_domain::key::{Key, KeyEvent};
use nexus_domain::member::{Member, MemberEvent};
use nexus_domain::session::{Session, SessionEvent};
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeys};
use nexus_domain::tenant::{Tenant, TenantEvent};
use nexus_domain::token::{Token, TokenEvent};
use nexus_domain::usage::{Usage, UsageEvent};
use nexus_infrastructure::journal::{Json, RecordedEvent};
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::FoldError;
use crate::projection::Projection;

/// Events in the order of their positions, without gaps.
pub type Batch = Arc<[Event]>;

/// A decoded event with its place in the log.
#[derive(Debug)]
pub struct Event {
    /// Its place in the log, from 1.
    pub position: u64,
    /// The type of its aggregate, as the log says.
    pub aggregate_type: String,
    /// Its type, as the log says.
    pub event_type: String,
    /// When it was recorded, in unix microseconds.
    pub recorded_at: i64,
    /// Who, where and at whose request.
    pub circumstances: Circumstances,
    /// What happened.
    pub body: Body,
}

/// Who did it, where and at whose request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// The event's own id.
    pub event_id: Option<String>,
    /// The tenant whose trail it belongs to.
    pub tenant_id: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// The caller's address, sealed: opaque here.
    pub ip: Option<String>,
}

/// What happened.
#[derive(Debug)]
pub enum Body {
    /// To a key.
    Key(KeyId, KeyEvent),
    /// To a tenant.
    Tenant(TenantId, TenantEvent),
    /// To an OAuth client.
    Client(KeyId, ClientEvent),
    /// To a grant.
    Grant(GrantId, GrantEvent),
    /// To an access token.
    Token(TokenId, TokenEvent),
    /// To a member.
    Member(MemberId, MemberEvent),
    /// To a session, or an attempt at one.
    Session(SessionId, SessionEvent),
    /// To an agent.
    Agent(AgentId, AgentEvent),
    /// To an integration.
    Integration(IntegrationId, IntegrationEvent),
    /// To a secret for service JWTs.
    JwtSecret(JwtSecretId, JwtSecretEvent),
    /// To a key that tokens are signed with.
    SigningKey(SigningKeyEvent),
    /// A node reported usage.
    Usage(UsageEvent<Listed>),
    /// To an aggregate that nothing here decodes. Only projections that ignore its type pass over it.
    Foreign,
    /// Something that this program cannot read, or whose circumstances it cannot read, and why. Stops the projections that consume its type.
    Undecodable(String),
}

/// How many kinds of requests an event lists. They are most of its bytes, and are read where somebody asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed(pub usize);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = Listed;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of requests")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut requests: A) -> Result<Listed, A::Error> {
                let mut count = 0;
                while requests.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Listed(count))
            }
        }
        deserializer.deserialize_seq(Count)
    }
}

impl Event {
    /// Decodes a recorded event. What cannot be decoded is kept as [`Body::Undecodable`], since only some projections care.
    #[must_use]
    pub fn decode(recorded: RecordedEvent) -> Self {
        let RecordedEvent {
            position,
            aggregate_type,
            aggregate_id,
            event_type,
            event_version,
            payload,
            metadata,
            created_at,
            ..
        } = recorded;
        let body = match aggregate_type.as_str() {
            Key::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Key),
            Tenant::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Tenant),
            Client::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Client),
            Grant::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Grant),
            Token::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Token),
            Member::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Member),
            Session::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Session),
            Agent::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Agent),
            Integration::TYPE => identified(&aggregate_id, &payload, &event_version, Body::Integration),
            JwtSecret::TYPE => identified(&aggregate_id, &payload, &event_version, Body::JwtSecret),
            SigningKeys::TYPE => decode(&payload, &event_version).map(Body::SigningKey),
            Usage::TYPE => usage(&payload, &event_version),
            _ => Ok(Body::Foreign),
        };
        let circumstances = metadata.parse().map_err(|error| format!("its metadata: {error}"));
        let (circumstances, body) = match (circumstances, body) {
            (Ok(circumstances), Ok(body)) => (circumstances, body),
            (circumstances, Err(reason)) => (circumstances.unwrap_or_default(), Body::Undecodable(reason)),
            (Err(reason), Ok(_)) => (Circumstances::default(), Body::Undecodable(reason)),
        };
        Self { position, aggregate_type, event_type, recorded_at: created_at, circumstances, body }
    }

    /// Whether `projection` can go over this event.
    pub(crate) fn check(&self, projection: &dyn Projection) -> Result<(), FoldError> {
        let kind = self.aggregate_type.as_str();
        if projection.consumes().contains(&kind) {
            return match &self.body {
                Body::Undecodable(reason) => Err(FoldError::Undecodable {
                    position: self.position,
                    event_type: self.event_type.clone(),
                    reason: reason.clone(),
                }),
                Body::Key(..)
                | Body::Tenant(..)
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
                | Body::Foreign => Ok(()),
            };
        }
        if projection.ignores().contains(&kind) {
            return Ok(());
        }
        Err(FoldError::UnknownAggregate { position: self.position, aggregate_type: kind.to_owned() })
    }
}

fn identified<I, E>(
    id: &str,
    payload: &Json,
    version: &str,
    body: impl FnOnce(I, E) -> Body,
) -> Result<Body, String>
where
    I: std::str::FromStr<Err: std::fmt::Display>,
    E: DomainEvent + DeserializeOwned,
{
    let id = id.parse().map_err(|error: I::Err| error.to_string())?;
    Ok(body(id, decode(payload, version)?))
}

fn decode<E: DomainEvent + DeserializeOwned>(payload: &Json, version: &str) -> Result<E, String> {
    let event: E = payload.parse().map_err(|error| error.to_string())?;
    same_version(&event.event_version(), version)?;
    Ok(event)
}

fn usage(payload: &Json, version: &str) -> Result<Body, String> {
    let event: UsageEvent<Listed> = payload.parse().map_err(|error| error.to_string())?;
    same_version(event.version(), version)?;
    Ok(Body::Usage(event))
}

/// An event of another version may mean something else even where its fields happen to fit.
fn same_version(known: &str, found: &str) -> Result<(), String> {
    if known == found { Ok(()) } else { Err(format!("version {found}, known is {known}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn decoded(payload: Value, metadata: Value) -> Event {
        Event::decode(RecordedEvent {
            position: 1,
            aggregate_type: Tenant::TYPE.to_owned(),
            aggregate_id: "01a200d3-d3b8-71f7-9ca3-28324fc70d02".to_owned(),
            sequence: 1,
            event_type: "TenantSuspended".to_owned(),
            event_version: "1.0".to_owned(),
            payload: payload.into(),
            metadata: metadata.into(),
            created_at: 0,
        })
    }

    #[test]
    fn an_event_whose_circumstances_cannot_be_read_is_not_nobody_s() {
        let payload = || json!({ "TenantSuspended": { "suspended_at": "2026-03-01T11:30:00Z" } });
        let bare = decoded(payload(), json!({}));
        assert!(matches!(bare.body, Body::Tenant(..)), "{:?}", bare.body);
        for metadata in [json!({ "actor": 7 }), json!("x"), json!(null)] {
            let event = decoded(payload(), metadata);
            assert!(
                matches!(&event.body, Body::Undecodable(reason) if reason.starts_with("its metadata: ")),
                "{:?}",
                event.body
            );
        }
    }
}
