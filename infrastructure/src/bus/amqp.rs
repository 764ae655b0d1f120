//! One connection to the broker, and publishing with confirms over it (AMQP 0-9-1 with RabbitMQ's publisher confirms).
//!
//! A broker that is frozen answers nothing and closes nothing, so every wait has an end here, and what lapin keeps for a
//! connection (a thread, a socket, tasks) lives in a small runtime that is thrown away with it.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind, PublisherConfirm,
};
use tokio::runtime::{Builder, Runtime};

/// How often a sign of life is asked of the broker, in seconds.
const HEARTBEAT: u16 = 10;
/// How long a connection has to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why nothing goes over the broker. No text holds the address, which has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
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

/// A durable exchange.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) name: &'static str,
    pub(super) kind: ExchangeKind,
}

/// A message to be published.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

/// A connection with one channel.
pub(super) struct Link {
    pub(super) channel: Channel,
    connection: Connection,
    // Last, so that the others are dropped into a runtime that still runs.
    _runtime: Disposable,
}

impl Link {
    /// Connects; each of the two steps may take `timeout`. The broker shows `name` to its keepers.
    pub(super) async fn connect(url: &str, name: &str, timeout: Duration) -> Result<Self, AmqpError> {
        let uri = parse(url)?;
        let runtime = Disposable::new()?;
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = runtime.spawn(Connection::connect_uri(uri, properties));
        let connection = within(timeout, "connecting", connecting).await?;
        let channel = within(timeout, "opening a channel", connection.create_channel()).await?;
        Ok(Self { channel, connection, _runtime: runtime })
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

/// A connection whose channel is in confirm mode.
pub(super) struct Publisher {
    link: Link,
    exchange: &'static str,
}

impl Publisher {
    /// Connects and declares the exchange; each of the four steps may take `timeout`.
    pub(super) async fn connect(
        url: &str,
        name: &str,
        exchange: Exchange,
        timeout: Duration,
    ) -> Result<Self, AmqpError> {
        let link = Link::connect(url, name, timeout).await?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let Exchange { name: exchange, kind } = exchange;
        let declared = link.channel.exchange_declare(exchange.into(), kind, options, FieldTable::default());
        within(timeout, "declaring the exchange", declared).await?;
        let confirms = link.channel.confirm_select(ConfirmSelectOptions::default());
        within(timeout, "asking for confirms", confirms).await?;
        Ok(Self { link, exchange })
    }

    /// Hands a message over, within `timeout`. The broker has it once the future that is returned says so, for which no
    /// time limit is set here.
    pub(super) async fn publish(
        &self,
        message: Message,
        timeout: Duration,
    ) -> Result<impl Future<Output = Result<(), AmqpError>> + Send + 'static, AmqpError> {
        let Message { key, properties, body } = message;
        let options = BasicPublishOptions::default();
        let channel = &self.link.channel;
        let published = channel.basic_publish(self.exchange.into(), key, options, &body, properties);
        Ok(confirmed(within(timeout, "publishing", published).await?))
    }

    /// As [`Link::check`].
    pub(super) fn check(&self) -> Result<(), AmqpError> {
        self.link.check()
    }

    /// As [`Link::close`].
    pub(super) async fn close(self) {
        self.link.close().await;
    }
}

/// A text as AMQP has it for names.
pub(super) fn short(text: &str) -> Result<ShortString, AmqpError> {
    ShortString::try_new(text).map_err(|_| AmqpError::TooLong)
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

/// A step, within a time.
pub(super) async fn within<T>(
    timeout: Duration,
    doing: &'static str,
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    match tokio::time::timeout(timeout, work).await {
        Ok(outcome) => outcome.map_err(|source| AmqpError::Failed { doing, source }),
        Err(_) => Err(AmqpError::TimedOut { doing }),
    }
}

/// An error with its causes.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text.replace(['\n', '\r'], " ")
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
