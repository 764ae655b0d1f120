//! An event of the log as the outside sees it: CloudEvents 1.0, JSON format, structured mode.
//!
//! The name of an event's kind follows one rule: `{aggregate}.{event}.v{n}`, where `{event}` is the event's type in snake
//! case without the aggregate's name in front, and `{n}` the major version of its schema. `KeyRevoked` of the aggregate
//! `key` is `key.revoked.v1`, `KeyUsed` of the aggregate `usage` is `usage.key_used.v1`.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::gate::PLATFORM_TENANT;
use crate::journal::{Json, RecordedEvent};

/// The media type of a message body (CloudEvents JSON format 1.0, section 3).
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// Longest message id, in bytes: AMQP 0-9-1 has it as a short string (section 4.2.5.3).
const LONGEST_ID: usize = 255;

/// An event of the log that is no JSON that this program can read. It is not shown as an empty one: nobody could tell the
/// difference, and whose it is would be guessed.
#[derive(Debug, thiserror::Error)]
#[error("the event at position {position} cannot be read")]
pub struct UnreadableEvent {
    /// Where it stands in the log.
    pub position: u64,
    #[source]
    source: serde_json::Error,
}

/// An event ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent {
    id: String,
    name: String,
    tenant: String,
    position: u64,
    tenant_sequence: u64,
    recorded_at: i64,
    attributes: Map<String, Value>,
}

impl CloudEvent {
    /// Renders a recorded event. `public_url` is what users reach the platform as, and `tenant_sequence` the event's
    /// number among those of its tenant ([`CloudEvent::tenant_of`]), from 1.
    ///
    /// Digests of secrets and encrypted personal data are left out, since nobody outside has a use for them.
    ///
    /// # Errors
    /// [`UnreadableEvent`]
    pub fn new(
        event: &RecordedEvent,
        public_url: &str,
        tenant_sequence: u64,
    ) -> Result<Self, UnreadableEvent> {
        let (metadata, mut data) = parsed(event)?;
        let (id, tenant) = (id_of(event, &metadata), tenant_of(event, &metadata, &data));
        conceal(&mut data);
        let name = event_name(&event.aggregate_type, &event.event_type, &event.event_version);
        let source = format!("{}/{}", public_url.trim_end_matches('/'), word(&event.aggregate_type));
        let mut attributes = Map::new();
        let mut set = |name: &str, value: &str| attributes.insert(name.to_owned(), Value::from(value));
        set("specversion", "1.0");
        set("id", &id);
        set("source", &source);
        set("type", &format!("nexus.{name}"));
        set("subject", &event.aggregate_id);
        if let Some(time) = DateTime::from_timestamp_micros(event.created_at) {
            set("time", &time.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        set("datacontenttype", "application/json");
        // Texts, because an Integer of CloudEvents has 32 bits (section 3.1, Type System).
        set("position", &event.position.to_string());
        set("tenantsequence", &tenant_sequence.to_string());
        set("tenantid", &tenant);
        for (attribute, field) in [("actor", "actor"), ("requestid", "request_id")] {
            if let Some(text) = metadata.get(field).and_then(Value::as_str) {
                set(attribute, text);
            }
        }
        attributes.insert("data".to_owned(), data);
        let recorded_at = event.created_at;
        Ok(Self { id, name, tenant, position: event.position, tenant_sequence, recorded_at, attributes })
    }

    /// The body of an event that is read from the log and not sent: without `tenantsequence`, which is counted when events
    /// are relayed.
    ///
    /// # Errors
    /// [`UnreadableEvent`]
    pub fn read_from_log(event: &RecordedEvent, public_url: &str) -> Result<Value, UnreadableEvent> {
        let mut attributes = Self::new(event, public_url, 0)?.attributes;
        attributes.remove("tenantsequence");
        Ok(Value::Object(attributes))
    }

    /// The tenant whose event it is. What belongs to nobody, such as refusals of unknown credentials, is the platform's.
    ///
    /// # Errors
    /// [`UnreadableEvent`]
    pub fn tenant_of(event: &RecordedEvent) -> Result<String, UnreadableEvent> {
        let (metadata, data) = parsed(event)?;
        Ok(tenant_of(event, &metadata, &data))
    }

    /// The event's id, the same in every copy that is sent. At most 255 bytes.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The kind without its `nexus.` in front, such as `key.revoked.v1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The place in the whole log.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The number among the events of the tenant.
    #[must_use]
    pub const fn tenant_sequence(&self) -> u64 {
        self.tenant_sequence
    }

    /// When it was recorded, in unix seconds.
    #[must_use]
    pub fn unix_seconds(&self) -> u64 {
        u64::try_from(self.recorded_at / 1_000_000).unwrap_or(0)
    }

    /// What messages are routed by: `{tenant}.{aggregate}.{event}.v{n}`.
    #[must_use]
    pub fn routing_key(&self) -> String {
        format!("{}.{}", self.tenant, self.name)
    }

    /// The message's body: all attributes and `data`.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        // A map of texts and JSON renders always; `Value`'s Display cannot fail where `to_vec` could.
        Value::Object(self.attributes.clone()).to_string().into_bytes()
    }
}

/// The name of an event's kind, such as `key.revoked.v1`; see the top of this file for the rule.
#[must_use]
pub fn event_name(aggregate_type: &str, event_type: &str, event_version: &str) -> String {
    let own = event_type
        .strip_prefix(&camel_case(aggregate_type))
        .filter(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
        .unwrap_or(event_type);
    let major = event_version.split('.').next().filter(|major| !major.is_empty()).unwrap_or("1");
    format!("{}.{}.v{}", word(aggregate_type), word(&snake_case(own)), word(major))
}

fn camel_case(name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split(['_', '-']).map(capital).collect()
}

fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(index + 1);
        let begins_word = before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit())
            || before.is_some_and(char::is_ascii_uppercase) && after.is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && begins_word {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// One word of a routing key: no dots, wildcards or spaces, and short enough that four of them fit 255 bytes.
fn word(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.chars().map(|c| if allowed(c) { c } else { '_' }).take(60).collect()
}

/// The metadata, and the event without the tag that names its type.
fn parsed(event: &RecordedEvent) -> Result<(Value, Value), UnreadableEvent> {
    let parse = |json: &Json| {
        json.parse::<Value>().map_err(|source| UnreadableEvent { position: event.position, source })
    };
    let data = match parse(&event.payload)? {
        Value::Object(mut fields) if fields.len() == 1 && fields.contains_key(&event.event_type) => {
            fields.remove(&event.event_type).unwrap_or_default()
        }
        payload => payload,
    };
    Ok((parse(&event.metadata)?, data))
}

fn tenant_of(event: &RecordedEvent, metadata: &Value, data: &Value) -> String {
    let stated = |fields: &Value| fields.get("tenant_id").and_then(Value::as_str).map(word);
    stated(metadata)
        .or_else(|| stated(data))
        .or_else(|| (event.aggregate_type == "tenant").then(|| word(&event.aggregate_id)))
        .filter(|tenant| !tenant.is_empty())
        .unwrap_or_else(|| PLATFORM_TENANT.to_string())
}

/// Events that were imported without an id are known by their place in their stream, which never changes either.
fn id_of(event: &RecordedEvent, metadata: &Value) -> String {
    let id = match metadata.get("event_id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{}.{}", event.aggregate_id, event.sequence),
    };
    if id.len() <= LONGEST_ID { id } else { hex(&Sha256::digest(id)) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Removes what is only for the inside, at any depth, so that a new event is covered before anybody thinks of it. The names
/// in `restrictions` are the customer's own.
fn conceal(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "digest" | "ip" | "sealed_id"));
            for (_, field) in fields.iter_mut().filter(|(name, _)| name.as_str() != "restrictions") {
                conceal(field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(conceal),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
