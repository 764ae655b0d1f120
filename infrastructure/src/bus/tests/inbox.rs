//! A consumer for the tests: a durable queue that takes a tenant's events, read through whatever happens to the broker.

use std::collections::HashMap;

use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use super::*;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) position: i64,
    pub(super) sequence: i64,
    pub(super) content_type: String,
    pub(super) delivery_mode: u8,
    pub(super) timestamp: u64,
    pub(super) body: Value,
}

pub(super) struct Inbox {
    url: String,
    tenant: String,
    pub(super) messages: Vec<Message>,
}

impl Inbox {
    pub(super) async fn open(url: &str, tenant: &str) -> Self {
        let inbox = Self { url: url.to_owned(), tenant: tenant.to_owned(), messages: Vec::new() };
        let (connection, _channel) = inbox.connect().await.expect("the test's broker answers");
        connection.close(200, "OK".into()).await.unwrap();
        inbox
    }

    async fn connect(&self) -> lapin::Result<(Connection, Channel)> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel
            .exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default())
            .await?;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.queue().as_str().into(), durable, FieldTable::default()).await?;
        let key = format!("{}.#", self.tenant);
        let (queue, exchange, key) = (self.queue().as_str().into(), EXCHANGE.into(), key.as_str().into());
        channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await?;
        Ok((connection, channel))
    }

    fn queue(&self) -> String {
        format!("test.{}", self.tenant)
    }

    /// Receives until `done`, or fails after two minutes.
    pub(super) async fn until(&mut self, done: impl Fn(&[Message]) -> bool) {
        let receiving = async {
            while !done(&self.messages) {
                // Whatever breaks, the next attempt begins from the start.
                let _ = tokio::time::timeout(Duration::from_secs(20), self.receive(&done)).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(120), receiving).await;
        assert!(in_time.is_ok(), "only {} messages came", self.messages.len());
    }

    async fn receive(&mut self, done: &impl Fn(&[Message]) -> bool) -> lapin::Result<()> {
        let (_connection, channel) = self.connect().await?;
        let (queue, consumer) = (self.queue().as_str().into(), "".into());
        let options = BasicConsumeOptions::default();
        let mut deliveries = channel.basic_consume(queue, consumer, options, FieldTable::default()).await?;
        while let Some(delivery) = deliveries.next().await {
            let delivery = delivery?;
            let header = |name: &str| {
                let headers = delivery.properties.headers().as_ref().unwrap().inner();
                match headers.get(name) {
                    Some(AMQPValue::LongLongInt(number)) => *number,
                    other => panic!("{name} is {other:?}"),
                }
            };
            self.messages.push(Message {
                id: delivery.properties.message_id().as_ref().unwrap().to_string(),
                key: delivery.routing_key.to_string(),
                position: header("position"),
                sequence: header("tenant_sequence"),
                content_type: delivery.properties.content_type().as_ref().unwrap().to_string(),
                delivery_mode: delivery.properties.delivery_mode().unwrap(),
                timestamp: delivery.properties.timestamp().unwrap(),
                body: serde_json::from_slice(&delivery.data).unwrap(),
            });
            delivery.ack(BasicAckOptions::default()).await?;
            if done(&self.messages) {
                break;
            }
        }
        Ok(())
    }

    /// Receives until `count` different messages are there.
    pub(super) async fn receive_all(&mut self, count: usize) {
        self.until(|messages| distinct(messages).len() >= count).await;
    }

    /// Checks that `count` events came, each at least once, in order, numbered without a gap, all copies alike, and
    /// returns how many copies there were beyond the first ones.
    pub(super) fn check(&self, count: u64) -> usize {
        let first = distinct(&self.messages);
        assert_eq!(first.len() as u64, count, "each event comes");
        for (message, number) in first.iter().zip(1..) {
            assert_eq!(message.sequence, number, "numbers have no gap and rise with the arrival");
            assert_eq!(note(&message.body), number.unsigned_abs(), "the order is the log's");
            assert_eq!(message.body["position"], message.position.to_string());
            assert_eq!(message.body["tenantsequence"], number.to_string());
        }
        assert!(first.iter().is_sorted_by_key(|message| message.position));
        self.messages.len() - first.len()
    }
}

/// The messages by their first arrival. A copy differs from its original in nothing.
fn distinct(messages: &[Message]) -> Vec<&Message> {
    let mut seen: HashMap<&str, &Message> = HashMap::new();
    let mut first = Vec::new();
    for message in messages {
        match seen.get(message.id.as_str()) {
            Some(original) => assert_eq!(*original, message, "a copy differs"),
            None => {
                seen.insert(&message.id, message);
                first.push(message);
            }
        }
    }
    first
}
