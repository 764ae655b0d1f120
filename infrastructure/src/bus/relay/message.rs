//! An event of the log as a message: which exchange, key and properties it has.

use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, ExchangeKind};

use crate::bus::amqp::{AmqpError, Exchange, Message, short};
use crate::bus::cloud_event::{CONTENT_TYPE, CloudEvent};

/// The durable topic exchange that events are published to.
pub const EXCHANGE: &str = "nexus.events";
pub(super) const EVENTS: Exchange = Exchange { name: EXCHANGE, kind: ExchangeKind::Topic };

/// Delivery mode 2: the message is written to disk.
const PERSISTENT: u8 = 2;

pub(super) fn message(event: &CloudEvent) -> Result<Message, AmqpError> {
    let number = |n: u64| AMQPValue::LongLongInt(i64::try_from(n).unwrap_or(i64::MAX));
    let mut headers = FieldTable::default();
    headers.insert("position".into(), number(event.position()));
    headers.insert("tenant_sequence".into(), number(event.tenant_sequence()));
    let properties = BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(event.id())?)
        .with_timestamp(event.unix_seconds())
        .with_type(short(&format!("nexus.{}", event.name()))?)
        .with_app_id("nexus".into())
        .with_headers(headers);
    Ok(Message { key: short(&event.routing_key())?, properties, body: event.body() })
}
