//! One connection's worth of publishing: from the checkpoint on, with a window of unconfirmed messages.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::stream::{FuturesOrdered, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::checkpoint::Checkpoint;
use super::message::{EVENTS, message};
use super::{RelayOptions, RelayStatus, measure};
use crate::bus::amqp::{AmqpError, Publisher};
use crate::bus::cloud_event::{CloudEvent, UnreadableEvent};
use crate::database::DatabaseError;
use crate::journal::{Journal, RecordedEvent};

/// Most messages that are sent and not confirmed.
const WINDOW: usize = 512;
/// Most events that are read at a time; half the window, so that one half is sent while the other is confirmed.
const BATCH: u32 = 256;
/// How often the checkpoint is stored, where fewer than [`WINDOW`] confirms arrive in that time.
const STORE: Duration = Duration::from_millis(100);
/// How long a quiet log is left alone before it is looked at anyway.
const POLL: Duration = Duration::from_secs(1);
/// How long the store may take to keep the checkpoint.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long outstanding confirms are waited for after the order to stop.
const DRAIN: Duration = Duration::from_secs(3);

/// Why publishing was interrupted.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    #[error(transparent)]
    Database(DatabaseError),
    #[error("the broker left messages unconfirmed for {} s", .0.as_secs())]
    Unconfirmed(Duration),
    #[error("the database did not keep the checkpoint in time")]
    StoreTimedOut,
    #[error("another process has moved the checkpoint")]
    Superseded,
    #[error("the connection that held the lead is lost")]
    LostLead,
    #[error("the relay stops in front of an event")]
    Unreadable(#[source] UnreadableEvent),
    #[error("the log is not read any more")]
    ReaderGone,
}

pub(super) struct Session<'a> {
    pub(super) journal: &'a Journal,
    pub(super) options: &'a RelayOptions,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) status: &'a watch::Sender<RelayStatus>,
    pub(super) position: &'a watch::Sender<u64>,
}

/// What is on its way, oldest first.
type Flight = FuturesOrdered<Pin<Box<dyn Future<Output = Result<Sent, AmqpError>> + Send>>>;

/// A confirmed message.
struct Sent {
    position: u64,
    tenant: String,
    number: u64,
}

/// The confirmed messages behind the checkpoint; since confirms are taken in order, they have no gap.
#[derive(Default)]
struct Confirmed {
    count: usize,
    position: u64,
    numbers: HashMap<String, u64>,
}

impl Session<'_> {
    /// Publishes until it is told to stop, or something breaks. Dropping the future stops at once; what was confirmed and
    /// not stored is sent again by whoever comes next.
    pub(super) async fn run(mut self, mut checkpoint: Checkpoint) -> Result<(), SessionError> {
        let publisher =
            Publisher::connect(&self.options.amqp_url, "nexus relay", EVENTS, self.options.connect_timeout)
                .await?;
        self.status.send_replace(RelayStatus::Connected);
        tracing::info!(position = checkpoint.position(), "relaying events to the broker");
        let mut confirmed = Confirmed::default();
        let mut outcome = self.publish(&publisher, &mut checkpoint, &mut confirmed).await;
        // Not after a failure of the store itself, whose state is unknown then.
        if matches!(
            outcome,
            Ok(()) | Err(SessionError::Amqp(_) | SessionError::Unconfirmed(_) | SessionError::Unreadable(_))
        ) {
            outcome = outcome.and(self.store(&mut checkpoint, &mut confirmed).await);
        }
        publisher.close().await;
        outcome
    }

    async fn publish(
        &mut self,
        publisher: &Publisher,
        checkpoint: &mut Checkpoint,
        confirmed: &mut Confirmed,
    ) -> Result<(), SessionError> {
        let patience = self.options.confirm_timeout;
        let mut reader = Reader::start(self.journal.clone(), checkpoint.position());
        let mut flight = Flight::new();
        let mut store = tokio::time::interval(STORE);
        store.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stalled = tokio::time::sleep(patience);
        tokio::pin!(stalled);
        let mut stop = self.stop.clone();
        loop {
            let room = flight.len() + BATCH as usize <= WINDOW;
            tokio::select! {
                biased;
                () = told(&mut stop) => return drain(&mut flight, confirmed).await,
                _ = store.tick() => {
                    self.store(checkpoint, confirmed).await?;
                    publisher.check()?;
                }
                Some(sent) = flight.next(), if !flight.is_empty() => {
                    confirmed.add(sent?);
                    stalled.set(tokio::time::sleep(patience));
                    if confirmed.count >= WINDOW {
                        self.store(checkpoint, confirmed).await?;
                    }
                }
                events = reader.next(), if room => {
                    if flight.is_empty() {
                        stalled.set(tokio::time::sleep(patience));
                    }
                    let (ready, unreadable) = checkpoint.number(&events?, &self.options.public_url).await?;
                    for event in ready {
                        let confirm = publisher.publish(message(&event)?, patience).await?;
                        flight.push_back(Box::pin(sent(event, confirm)));
                    }
                    if let Some(unreadable) = unreadable {
                        drain(&mut flight, confirmed).await?;
                        return Err(SessionError::Unreadable(unreadable));
                    }
                }
                () = &mut stalled, if !flight.is_empty() => return Err(SessionError::Unconfirmed(patience)),
            }
        }
    }

    /// Moves the checkpoint over what is confirmed.
    async fn store(
        &self,
        checkpoint: &mut Checkpoint,
        confirmed: &mut Confirmed,
    ) -> Result<(), SessionError> {
        let done = std::mem::take(confirmed);
        if done.count > 0 {
            let work = checkpoint.advance(done.position, done.numbers);
            tokio::time::timeout(STORE_TIMEOUT, work).await.unwrap_or(Err(SessionError::StoreTimedOut))?;
            metrics::counter!("nexus_relay_published_total").increment(done.count as u64);
            self.position.send_replace(done.position);
        }
        measure(checkpoint.position(), *self.journal.watch().borrow());
        Ok(())
    }
}

impl Confirmed {
    fn add(&mut self, sent: Sent) {
        self.count += 1;
        self.position = sent.position;
        self.numbers.insert(sent.tenant, sent.number);
    }
}

async fn sent(
    event: CloudEvent,
    confirm: impl Future<Output = Result<(), AmqpError>>,
) -> Result<Sent, AmqpError> {
    let (position, number) = (event.position(), event.tenant_sequence());
    let tenant = event.tenant().to_owned();
    // Only what the checkpoint needs is kept while the broker takes its time.
    drop(event);
    confirm.await?;
    Ok(Sent { position, tenant, number })
}

async fn drain(flight: &mut Flight, confirmed: &mut Confirmed) -> Result<(), SessionError> {
    let rest = async {
        while let Some(sent) = flight.next().await {
            confirmed.add(sent?);
        }
        Ok(())
    };
    // What is not confirmed by then is sent again after the next start.
    tokio::time::timeout(DRAIN, rest).await.unwrap_or(Ok(()))
}

/// Returns when `stop` is true or nobody can make it true any more.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Reads ahead in a task of its own: a query that was begun is never given up because a confirm arrived meanwhile.
struct Reader {
    batches: mpsc::Receiver<Result<Vec<RecordedEvent>, DatabaseError>>,
    task: JoinHandle<()>,
}

impl Reader {
    fn start(journal: Journal, after: u64) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let task = tokio::spawn(read(journal, after, sender));
        Self { batches, task }
    }

    async fn next(&mut self) -> Result<Vec<RecordedEvent>, SessionError> {
        self.batches.recv().await.ok_or(SessionError::ReaderGone)?.map_err(SessionError::Database)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The work of [`Subscription`](crate::journal::Subscription), whose future cannot move between threads.
async fn read(
    journal: Journal,
    mut after: u64,
    batches: mpsc::Sender<Result<Vec<RecordedEvent>, DatabaseError>>,
) {
    let mut head = journal.watch();
    loop {
        let batch = match journal.read(after, BATCH).await {
            Ok(events) if events.is_empty() => {
                let at = after;
                // A wake-up may be lost, and appends of other processes are noticed late: look again in any case.
                let _ = tokio::time::timeout(POLL, head.wait_for(|head| *head > at)).await.is_ok();
                continue;
            }
            Ok(events) => match gap(after, &events) {
                Some(gap) => Err(gap),
                None => Ok(events),
            },
            Err(error) => Err(error),
        };
        let failed = batch.is_err();
        after = batch.as_ref().ok().and_then(|events| events.last()).map_or(after, |last| last.position);
        if batches.send(batch).await.is_err() || failed {
            return;
        }
    }
}

fn gap(after: u64, events: &[RecordedEvent]) -> Option<DatabaseError> {
    events.iter().zip(after + 1..).find_map(|(event, expected)| {
        let found = event.position;
        (found != expected).then_some(DatabaseError::Gap { expected, found })
    })
}
