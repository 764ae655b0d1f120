//! The relay: follows the log and publishes each event, at least once, in the order of the log.
//!
//! One process among all that share a database publishes; the others stand by. What is confirmed moves the checkpoint, and
//! after any interruption the relay goes on from there. Commands neither wait for it nor notice it.

mod checkpoint;
mod leader;
mod message;
mod session;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::checkpoint::Checkpoint;
use self::leader::Leadership;
pub use self::message::EXCHANGE;
use self::session::{Session, SessionError};
use super::amqp::in_one_line;
use crate::clock::{SharedClock, SystemClock};
use crate::database::DatabaseError;
use crate::entropy::{SharedEntropy, SystemEntropy};
use crate::journal::Journal;

/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a relay that stands by asks whether it should take over.
const STANDBY: Duration = Duration::from_secs(1);
/// A connection that held this long was a good one: the pauses begin anew after it.
const SETTLED: Duration = Duration::from_secs(10);

/// How a relay works.
#[derive(Clone)]
pub struct RelayOptions {
    /// The broker, with its password: `amqp://user:password@host:5672/%2f`, or `amqps://`.
    pub amqp_url: String,
    /// What users reach the platform as; the `source` of every event begins with it.
    pub public_url: String,
    /// How long each step of connecting may take.
    pub connect_timeout: Duration,
    /// How long the broker may leave the oldest message unconfirmed before it is given up and everything behind the
    /// checkpoint is sent again.
    pub confirm_timeout: Duration,
    /// Measures how long connections last.
    pub clock: SharedClock,
    /// Spreads the pauses of several processes.
    pub entropy: SharedEntropy,
}

impl RelayOptions {
    /// The usual: 5 s to connect, 10 s to confirm, the machine's clock and randomness.
    #[must_use]
    pub fn new(amqp_url: &str, public_url: &str) -> Self {
        Self {
            amqp_url: amqp_url.to_owned(),
            public_url: public_url.to_owned(),
            connect_timeout: Duration::from_secs(5),
            confirm_timeout: Duration::from_secs(10),
            clock: SystemClock::shared(),
            entropy: SystemEntropy::shared(),
        }
    }
}

impl std::fmt::Debug for RelayOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RelayOptions")
            .field("public_url", &self.public_url)
            .field("connect_timeout", &self.connect_timeout)
            .field("confirm_timeout", &self.confirm_timeout)
            .finish_non_exhaustive()
    }
}

/// What a relay is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayStatus {
    /// It publishes.
    Connected,
    /// It cannot publish and tries again by itself.
    Waiting {
        /// Why, in one line for people, without secrets.
        reason: String,
    },
    /// Another process publishes.
    Standby,
    /// It was told to stop, and has.
    Stopped,
}

/// A view of a running relay. Dropping it leaves the relay running.
#[derive(Debug)]
pub struct RelayHandle {
    /// What the relay is doing.
    pub status: watch::Receiver<RelayStatus>,
    /// The checkpoint: every event up to this position is with the broker. While another process publishes, it follows
    /// about once a second.
    pub position: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl RelayHandle {
    /// Waits until the relay has stopped, which takes at most a few seconds once it was told to.
    pub async fn stopped(self) {
        // A panic in the task is already on stderr, and there is nothing left to stop.
        let _ = self.task.await;
    }
}

/// The relay of a process.
pub struct Relay {
    journal: Journal,
    options: RelayOptions,
    stop: watch::Receiver<bool>,
    status: watch::Sender<RelayStatus>,
    position: watch::Sender<u64>,
}

impl Relay {
    /// Starts relaying `journal`, on the runtime that this is called from, until `stop` turns true or its sender is gone.
    /// It then waits for outstanding confirms, stores the checkpoint and gives the lead away.
    #[must_use]
    pub fn spawn(journal: Journal, options: RelayOptions, stop: watch::Receiver<bool>) -> RelayHandle {
        let starting = RelayStatus::Waiting { reason: "starting".to_owned() };
        let (status, seen_status) = watch::channel(starting);
        let (position, seen_position) = watch::channel(0);
        let task = tokio::spawn(Self { journal, options, stop, status, position }.run());
        RelayHandle { status: seen_status, position: seen_position, task }
    }

    async fn run(self) {
        let mut pause = SHORTEST_PAUSE;
        while !self.stopping() {
            let began = self.options.clock.monotonic();
            let wait = match self.attempt().await {
                Ok(Turn::Stopped) => break,
                Ok(Turn::StandBy) => {
                    self.status.send_replace(RelayStatus::Standby);
                    STANDBY
                }
                Err(error) => {
                    if self.options.clock.monotonic().saturating_sub(began) >= SETTLED {
                        pause = SHORTEST_PAUSE;
                    }
                    self.report(&error);
                    let wait = pause;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                    wait
                }
            };
            self.observe().await;
            self.rest(wait).await;
        }
        self.status.send_replace(RelayStatus::Stopped);
    }

    /// Takes the lead where nobody has it, and publishes until that fails. The lead is given away after a failure, so that
    /// a process that reaches the broker can have it.
    async fn attempt(&self) -> Result<Turn, SessionError> {
        let Some(mut lead) = Leadership::take(self.journal.database()).await? else {
            return Ok(Turn::StandBy);
        };
        let checkpoint = Checkpoint::load(self.journal.database()).await?;
        self.position.send_replace(checkpoint.position());
        let session = Session {
            journal: &self.journal,
            options: &self.options,
            stop: self.stop.clone(),
            status: &self.status,
            position: &self.position,
        };
        let outcome = tokio::select! {
            outcome = session.run(checkpoint) => outcome,
            () = lead.lost() => Err(SessionError::LostLead),
        };
        lead.release().await;
        outcome.map(|()| Turn::Stopped)
    }

    fn report(&self, error: &SessionError) {
        let reason = in_one_line(error);
        let news = self.status.send_if_modified(|status| {
            let new = RelayStatus::Waiting { reason: reason.clone() };
            std::mem::replace(status, new.clone()) != new
        });
        metrics::counter!("nexus_relay_reconnects_total").increment(1);
        if news {
            tracing::warn!(reason, "events are not relayed to the broker, trying again");
        }
    }

    /// Keeps the measures true while this process does not publish.
    async fn observe(&self) {
        if let Ok(Some(position)) = checkpoint::stored_position(self.journal.database()).await {
            self.position.send_replace(position);
            measure(position, *self.journal.watch().borrow());
        }
    }

    async fn rest(&self, pause: Duration) {
        // Between half and the whole of it.
        let [random] = self.options.entropy.array::<1>();
        let pause = pause.mul_f64(0.5 + f64::from(random) / 510.0);
        let mut stop = self.stop.clone();
        // An error says that the sender is gone, which is a stop too.
        let _ = tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await;
    }

    fn stopping(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }
}

enum Turn {
    StandBy,
    Stopped,
}

impl From<DatabaseError> for SessionError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge holds floating point, exact up to 2^53")]
fn measure(position: u64, head: u64) {
    metrics::gauge!("nexus_relay_position").set(position as f64);
    metrics::gauge!("nexus_relay_lag").set(head.saturating_sub(position) as f64);
}
