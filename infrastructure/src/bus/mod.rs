//! Committed events for everybody else: the relay follows the log and publishes each event on AMQP as a CloudEvent.
//!
//! [`Relay::spawn`] is all that a process needs; nothing on the way of a request touches the broker. `docs/asyncapi.yaml`
//! describes what consumers see.

mod amqp;
mod cloud_event;
mod relay;
#[cfg(test)]
mod tests;

pub use amqp::EXCHANGE;
pub use cloud_event::{CONTENT_TYPE, CloudEvent, UnreadableEvent, event_name};
pub use relay::{Relay, RelayHandle, RelayOptions, RelayStatus};
