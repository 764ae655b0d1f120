//! A listener: a queue of its own on the broker, gone with the connection, and a new connection whenever one breaks.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use lapin::Consumer;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::{CONNECTS_WITHIN, VALIDITY_EXCHANGE};
use crate::bus::amqp::{AmqpError, Link, in_one_line, within};

/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the connection is looked at while nothing comes.
const LOOK: Duration = Duration::from_secs(1);
/// Most messages that the broker sends ahead of those that are acknowledged. Without a limit the client would keep all that
/// comes, however much it is. No more go to the listener in the time that a message and its acknowledgement take: 8 would be 160 a
/// second over 50 ms, so that a distant listener fell behind under load. 64 of the largest messages take 64 MiB.
pub(in crate::bus) const AHEAD: u16 = 64;
/// Most messages, and bytes of them, that wait on the broker for a listener that stands still. The oldest go first.
const MOST_WAITING: i32 = 10_000;
const MOST_BYTES_WAITING: i32 = 32 << 20;

/// Hands each message that is broadcast to `take`, from now until `stop` turns true or its sender is gone. Breaks are logged
/// once and mended; what is sent meanwhile is lost to this listener.
pub async fn listen(url: &str, mut take: impl FnMut(&[u8]) + Send, mut stop: watch::Receiver<bool>) {
    let mut pause = SHORTEST_PAUSE;
    let mut known = String::new();
    loop {
        let opened = tokio::select! {
            opened = open(url) => opened,
            () = told(&mut stop) => return,
        };
        let error = match opened {
            Ok((link, messages)) => {
                tracing::info!("listening to what changes validity on the broker");
                pause = SHORTEST_PAUSE;
                known.clear();
                let ended = tokio::select! {
                    ended = receive(&link, messages, &mut take) => Some(ended),
                    () = told(&mut stop) => None,
                };
                let Some(Err(error)) = ended else {
                    link.close().await;
                    return;
                };
                error
            }
            Err(error) => error,
        };
        metrics::counter!("nexus_validity_reconnects_total").increment(1);
        let reason = in_one_line(&error);
        if reason != known {
            tracing::warn!(reason, "nothing of validity is heard from the broker, trying again");
            known = reason;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = told(&mut stop) => return,
        }
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// A connection with a queue that gets what is broadcast from now on.
async fn open(url: &str) -> Result<(Link, Consumer), AmqpError> {
    let link = Link::connect(url, "nexus validator", CONNECTS_WITHIN).await?;
    let channel = &link.channel;
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare("".into(), own, limits());
    let queue = step("declaring a queue", declared).await?.name().clone();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    let bound = channel.queue_bind(queue.clone(), VALIDITY_EXCHANGE.into(), "".into(), options, none);
    step("binding a queue to nexus.validity", bound).await?;
    step("limiting what is sent ahead", channel.basic_qos(AHEAD, BasicQosOptions::default())).await?;
    let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
    let consumed = channel.basic_consume(queue, "".into(), options, FieldTable::default());
    let messages = step("asking for messages", consumed).await?;
    Ok((link, messages))
}

/// One connection's worth of listening.
async fn receive(
    link: &Link,
    mut messages: Consumer,
    take: &mut (impl FnMut(&[u8]) + Send),
) -> Result<std::convert::Infallible, AmqpError> {
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = messages.next() => {
                let message = message.ok_or(AmqpError::Closed)?;
                let message = message.map_err(|source| AmqpError::Failed { doing: "listening", source })?;
                take(&message.data);
                let acknowledged = message.acker.ack(BasicAckOptions::default());
                step("taking a message", async { acknowledged.await.map(drop) }).await?;
            }
            _ = look.tick() => link.check()?,
        }
    }
}

async fn step<T>(doing: &'static str, work: impl Future<Output = lapin::Result<T>>) -> Result<T, AmqpError> {
    within(CONNECTS_WITHIN, doing, work).await
}

fn limits() -> FieldTable {
    let mut limits = FieldTable::default();
    limits.insert("x-max-length".into(), AMQPValue::LongInt(MOST_WAITING));
    limits.insert("x-max-length-bytes".into(), AMQPValue::LongInt(MOST_BYTES_WAITING));
    limits.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    limits
}

/// Returns when `stop` is true or nobody can make it true any more.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
