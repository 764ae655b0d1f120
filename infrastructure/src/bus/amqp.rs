//! One connection to the broker for publishing with confirms (AMQP 0-9-1 with RabbitMQ's publisher confirms).
//!
//! A broker that is frozen answers nothing and closes nothing, so every wait has an end here, and what lapin keeps for a
//! connection (a thread, a socket, tasks) lives in a small runtime that is thrown away with it.

use std::future::Future;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind, PublisherConfirm,
};
use tokio::runtime::{Builder, Runtime};

use super::cloud_event::{CONTENT_TYPE, CloudEvent};

/// The durable topic exchange that events are published to.
pub const EXCHANGE: &str = "nexus.events";

/// How often a sign of life is asked of the broker, in seconds.
const HEARTBEAT: u16 = 10;
/// How long a connection has to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Delivery mode 2: the message is written to disk.
const PERSISTENT: u8 = 2;

/// Why events cannot be published. No text holds the address, which has a password in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum AmqpError {
    /// The address in the configuration is none.
    #[error("the broker's address should read amqp://user:password@host:5672/%2f")]
    Address,
    /// The system has no thread for the connection.
    #[error("no thread could be started for the broker's connection")]
    Thread(#[source] std::io::Error),
    /// The broker did not answer in time: it is away, frozen, or out of memory or disk.
    #[error("the broker did not answer in time while {doing}")]
    TimedOut {
        /// What was waited for.
        doing: &'static str,
    },
    /// The broker refused, or the connection broke.
    #[error("{doing} failed")]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// The broker's or the system's own words.
        #[source]
        source: lapin::Error,
    },
    /// The connection broke while nothing was being sent.
    #[error("the connection to the broker is closed")]
    Closed,
    /// The broker could not store a message.
    #[error("the broker turned a message down")]
    Nack,
    /// A name is longer than the 255 bytes that AMQP has for it.
    #[error("a message's id or routing key is longer than 255 bytes")]
    TooLong,
}

/// A connection with one channel in confirm mode.
pub(super) struct Publisher {
    channel: Channel,
    connection: Connection,
    // Last, so that the others are dropped into a runtime that still runs.
    _runtime: Disposable,
}

impl Publisher {
    /// Connects and declares the exchange; each of the four steps may take `timeout`.
    pub(super) async fn connect(url: &str, timeout: Duration) -> Result<Self, AmqpError> {
        let uri = parse(url)?;
        let runtime = Disposable::new()?;
        let properties = ConnectionProperties::default().with_connection_name("nexus relay".into());
        let connecting = runtime.spawn(Connection::connect_uri(uri, properties));
        let connection = within(timeout, "connecting", connecting).await?;
        let channel = within(timeout, "opening a channel", connection.create_channel()).await?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared =
            channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, options, FieldTable::default());
        within(timeout, "declaring the exchange nexus.events", declared).await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        within(timeout, "asking for confirms", confirms).await?;
        Ok(Self { channel, connection, _runtime: runtime })
    }

    /// Hands a message over, within `timeout`. The broker has it once the future that is returned says so, for which no
    /// time limit is set here.
    pub(super) async fn publish(
        &self,
        event: &CloudEvent,
        timeout: Duration,
    ) -> Result<impl Future<Output = Result<(), AmqpError>> + Send + 'static, AmqpError> {
        let short = |text: &str| ShortString::try_new(text).map_err(|_| AmqpError::TooLong);
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
        let (key, body) = (short(&event.routing_key())?, event.body());
        let options = BasicPublishOptions::default();
        let published = self.channel.basic_publish(EXCHANGE.into(), key, options, &body, properties);
        Ok(confirmed(within(timeout, "publishing", published).await?))
    }

    /// Fails once the connection or the channel is known to be broken.
    pub(super) fn check(&self) -> Result<(), AmqpError> {
        let open = self.connection.status().connected() && self.channel.status().connected();
        if open { Ok(()) } else { Err(AmqpError::Closed) }
    }

    /// Closes in the orderly way where the broker still answers.
    pub(super) async fn close(self) {
        // A broker that does not answer notices the end of the connection all the same.
        let _ = tokio::time::timeout(GOODBYE, self.connection.close(200, "OK".into())).await;
    }
}

async fn confirmed(confirm: PublisherConfirm) -> Result<(), AmqpError> {
    match confirm.await {
        Ok(Confirmation::Ack(_)) => Ok(()),
        Ok(Confirmation::Nack(_) | Confirmation::NotRequested) => Err(AmqpError::Nack),
        Err(source) => Err(AmqpError::Failed { doing: "publishing", source }),
    }
}

fn parse(url: &str) -> Result<AMQPUri, AmqpError> {
    // The parser's own message could repeat parts of the address, and with them the password.
    let mut uri: AMQPUri = url.parse().map_err(|_| AmqpError::Address)?;
    if ShortString::try_new(uri.vhost.as_str()).is_err() {
        return Err(AmqpError::Address);
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    Ok(uri)
}

async fn within<T>(
    timeout: Duration,
    doing: &'static str,
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    match tokio::time::timeout(timeout, work).await {
        Ok(outcome) => outcome.map_err(|source| AmqpError::Failed { doing, source }),
        Err(_) => Err(AmqpError::TimedOut { doing }),
    }
}

/// A runtime whose end ends whatever was started on it, without waiting. lapin's own way to give a connection up is to ask
/// the broker for its consent, which a frozen broker never gives.
struct Disposable(Option<Runtime>);

impl Disposable {
    fn new() -> Result<Self, AmqpError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nexus-amqp")
            .enable_all()
            .build()
            .map_err(AmqpError::Thread)?;
        Ok(Self(Some(runtime)))
    }

    async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = lapin::Result<T>> + Send + 'static,
    ) -> lapin::Result<T> {
        let gone = |text: &str| lapin::Error::from(std::io::Error::other(text.to_owned()));
        match &self.0 {
            Some(runtime) => match runtime.spawn(work).await {
                Ok(outcome) => outcome,
                Err(_) => Err(gone("the connection's task ended early")),
            },
            None => Err(gone("the connection's runtime has ended")),
        }
    }
}

impl Drop for Disposable {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for its end is forbidden where async code runs.
            runtime.shutdown_background();
        }
    }
}
