//! Messages for whoever listens just now: a fanout exchange, nothing on disk, and nothing kept for those who are away.
//!
//! Neither side may fill anybody's memory: a message that nobody took expires, a listener that stands still loses its oldest
//! messages on the broker, and no more are on their way to it than it has taken.

mod listen;

use std::time::Duration;

use futures::future::try_join_all;
use lapin::{BasicProperties, ExchangeKind};

#[cfg(test)]
pub(super) use self::listen::AHEAD;
pub use self::listen::listen;
use super::amqp::{AmqpError, Exchange, Message, Publisher};

/// The durable fanout exchange of what changes validity.
pub const VALIDITY_EXCHANGE: &str = "nexus.validity";
const VALIDITY: Exchange = Exchange { name: VALIDITY_EXCHANGE, kind: ExchangeKind::Fanout };
/// How long a message is of use. The broker throws older ones away.
pub const EXPIRES: Duration = Duration::from_secs(10);
/// The media type of a message body, which `docs/asyncapi.yaml` describes.
pub const VALIDITY_CONTENT_TYPE: &str = "application/vnd.nexus.validity";

/// How long each step of connecting may take.
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);
/// How long the broker may take for a message. What takes longer has expired.
const CONFIRMS_WITHIN: Duration = EXPIRES;
/// Delivery mode 1: the message stays in memory.
const TRANSIENT: u8 = 1;

/// A connection that broadcasts. It does not come back by itself once it is broken.
pub struct Broadcaster(Publisher);

impl Broadcaster {
    /// Connects and declares the exchange.
    ///
    /// # Errors
    /// [`AmqpError`]
    pub async fn connect(url: &str) -> Result<Self, AmqpError> {
        Publisher::connect(url, "nexus validity", VALIDITY, CONNECTS_WITHIN).await.map(Self)
    }

    /// Sends messages in this order, and waits until the broker has them all: [`EXPIRES`] at most, twice.
    ///
    /// # Errors
    /// [`AmqpError`]: some of them may have been sent. The connection is of no more use.
    pub async fn send(&self, bodies: impl IntoIterator<Item = Vec<u8>>) -> Result<(), AmqpError> {
        let sending = async {
            let mut confirms = Vec::new();
            for body in bodies {
                confirms.push(self.0.publish(message(body), CONFIRMS_WITHIN).await?);
            }
            Ok(confirms)
        };
        let late = AmqpError::TimedOut { doing: "publishing" };
        let confirms = tokio::time::timeout(CONFIRMS_WITHIN, sending).await.unwrap_or(Err(late))?;
        let late = AmqpError::TimedOut { doing: "confirming" };
        let confirmed = tokio::time::timeout(CONFIRMS_WITHIN, try_join_all(confirms)).await;
        confirmed.unwrap_or(Err(late)).map(drop)
    }

    /// Fails once the connection is known to be broken.
    ///
    /// # Errors
    /// [`AmqpError::Closed`]
    pub fn check(&self) -> Result<(), AmqpError> {
        self.0.check()
    }

    /// Closes in the orderly way where the broker still answers.
    pub async fn close(self) {
        self.0.close().await;
    }
}

fn message(body: Vec<u8>) -> Message {
    let properties = BasicProperties::default()
        .with_content_type(VALIDITY_CONTENT_TYPE.into())
        .with_delivery_mode(TRANSIENT)
        .with_expiration(EXPIRES.as_millis().to_string().into())
        .with_type("nexus.validity.v1".into())
        .with_app_id("nexus".into());
    Message { key: "".into(), properties, body }
}
