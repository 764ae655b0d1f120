//! Committed events for everybody else: the relay follows the log and publishes each event on AMQP as a CloudEvent.
//!
//! [`Relay::spawn`] is all that a process needs; nothing on the way of a request touches the broker. `docs/asyncapi.yaml`
//! describes what consumers see.
//!
//! And messages among the platform's own processes, for whoever listens just now: [`Broadcaster`] and [`listen`].

mod amqp;
mod broadcast;
mod cloud_event;
mod relay;
#[cfg(test)]
mod tests;

pub use amqp::{AmqpError, in_one_line};
pub use broadcast::{Broadcaster, EXPIRES, VALIDITY_CONTENT_TYPE, VALIDITY_EXCHANGE, listen};
pub use cloud_event::{CONTENT_TYPE, CloudEvent, UnreadableEvent, event_name};
pub use relay::{EXCHANGE, Relay, RelayHandle, RelayOptions, RelayStatus};
