//! Keeps a node's control stream: dials one API node after the other, follows, asks for the right to answer again and again, and
//! moves on as soon as one does not answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::follower::{Follower, Violation};
use super::link::{Dial, Frame, Link, LinkError};
use super::message::{BudgetAsk, BusKeys, FromNode, MOST_ASKS, ToNode};
use crate::budget::{Budgets, TICK};
use crate::clock::Clock;

/// How often the right to answer is asked for.
pub const RENEW_EVERY: Duration = Duration::from_millis(750);
/// How long an API node may leave a question unanswered. It leaves time for another one before the lease ends.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How long a snapshot may pause.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(30);
/// How long a stream may take to open, its greeting included.
const OPENS_WITHIN: Duration = Duration::from_secs(1);
/// The pause after all API nodes have failed once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How the stream is, for people and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// The API node that is followed.
    pub api: Option<String>,
    /// What opens the bus, as the last API node said.
    pub bus: Option<BusKeys>,
}

/// What stopped one stream.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Keeps a control stream until `stop` turns true, then says goodbye.
pub struct ControlClient<D> {
    dial: D,
    follower: Arc<Mutex<Follower>>,
    clock: Arc<dyn Clock>,
    connection: watch::Sender<Connection>,
    budgets: Arc<Budgets>,
    /// Whether the stream has brought a right to answer.
    granted: bool,
    stop: watch::Receiver<bool>,
}

impl<D: Dial> ControlClient<D> {
    /// A client that has not dialled yet.
    pub fn new(
        dial: D,
        follower: Arc<Mutex<Follower>>,
        clock: Arc<dyn Clock>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (connection, budgets) = (watch::Sender::default(), Arc::default());
        Self { dial, follower, clock, connection, budgets, granted: false, stop }
    }

    /// The shares of rate limits that the client asks for.
    #[must_use]
    pub const fn budgets(&self) -> &Arc<Budgets> {
        &self.budgets
    }

    /// How the stream is.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    /// Runs until it is told to stop. Failures are logged, and another API node is tried.
    pub async fn run(mut self) {
        let mut api = 0;
        let mut failures = 0u32;
        while !*self.stop.borrow() {
            let name = self.dial.name(api);
            let followed = self.follow(api, &name).await;
            self.connection.send_modify(|connection| connection.api = None);
            let Err((began, ended)) = followed else { return };
            metrics::counter!("nexus_node_streams_ended_total").increment(1);
            tracing::warn!(api = name, error = %ended, "the control stream ended");
            // One that served well is as good as any other; the next one is tried first, for this one has just failed.
            failures = if began { 1 } else { failures.saturating_add(1) };
            api = (api + 1) % self.dial.count().max(1);
            if !began && failures as usize >= self.dial.count() {
                self.pause(failures).await;
            }
        }
    }

    async fn pause(&mut self, failures: u32) {
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(5)).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = told(&mut self.stop) => {}
        }
    }

    /// Follows one API node until it fails, and tells whether it ever gave the right to answer. `Ok` when told to stop.
    async fn follow(&mut self, api: usize, name: &str) -> Result<(), (bool, Ended)> {
        let mut stop = self.stop.clone();
        let opening = async {
            let mut link = self.dial.dial(api).await?;
            let hello = self.with(Follower::begin);
            send(&mut link, &hello).await?;
            let greeting = hear(&mut link).await?;
            Ok::<_, LinkError>((link, greeting))
        };
        let opened = tokio::select! {
            opened = tokio::time::timeout(OPENS_WITHIN, opening) => opened,
            () = told(&mut stop) => return Ok(()),
        };
        let (mut link, (greeting, text)) =
            opened.unwrap_or(Err(LinkError::Silent)).map_err(|error| (false, error.into()))?;
        if let ToNode::Welcome(welcome) = &greeting {
            let bus = welcome.bus.clone();
            self.connection.send_replace(Connection { api: Some(name.to_owned()), bus });
        }
        self.with(|follower| follower.receive(greeting, &text))
            .map_err(|violation| (false, violation.into()))?;
        tracing::info!(api = name, "following the log");
        let outcome = self.serve(&mut link).await;
        outcome.map_err(|ended| (std::mem::take(&mut self.granted), ended))
    }

    /// Takes what comes, says what is applied, and renews.
    async fn serve<L: Link>(&mut self, link: &mut L) -> Result<(), Ended> {
        let mut confirmed = self.with(|follower| follower.confirmed());
        confirmed.mark_changed();
        let mut renew = tokio::time::interval(RENEW_EVERY);
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ask = tokio::time::interval(TICK);
        ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stop = self.stop.clone();
        let mut patience = Patience::new();
        let mut limited = !self.budgets.is_empty();
        loop {
            // In this order: the right to answer, and word of what is visible, wait for no flood of changes.
            tokio::select! {
                biased;
                () = told(&mut stop) => {
                    // The lease has ended before anybody is told so.
                    self.with(|follower| follower.retire());
                    send(link, &FromNode::Bye).await?;
                    return Ok(());
                }
                _ = renew.tick() => {
                    // Before the message is made, and so before anybody can act upon it.
                    let now = self.clock.boottime();
                    if let Some(question) = self.with(|follower| follower.renew(now)) {
                        patience.asked();
                        send(link, &question).await?;
                    }
                }
                Ok(()) = confirmed.changed() => {
                    let applied = *confirmed.borrow_and_update();
                    if self.with(|follower| follower.is_following()) {
                        send(link, &FromNode::Ack { applied }).await?;
                    }
                }
                frame = link.receive() => {
                    let (message, text) = read(frame?)?;
                    if let ToNode::Shares { shares } = &message {
                        let now = self.clock.boottime();
                        for given in shares {
                            self.budgets.granted(given.tenant_id, &given.shares, now);
                        }
                    }
                    let granted = matches!(message, ToNode::Grant(_));
                    let loading = self.with(|follower| {
                        let was_loading = !follower.is_following();
                        follower.receive(message, &text).map(|()| was_loading && follower.is_following())
                    })?;
                    self.granted |= granted;
                    patience.heard(granted);
                    if loading {
                        renew.reset_immediately();
                    }
                }
                () = due(&self.budgets, &mut ask, limited) => {
                    let asks = self.budgets.requests(self.clock.boottime());
                    limited = !self.budgets.is_empty();
                    for asks in asks.chunks(MOST_ASKS) {
                        let asks = asks.iter().map(|(tenant, ask)| BudgetAsk { tenant_id: *tenant, ask: ask.clone() });
                        send(link, &FromNode::Budgets { asks: asks.collect() }).await?;
                    }
                }
                () = tokio::time::sleep_until(patience.until()) => return Err(LinkError::Silent.into()),
            }
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Follower) -> T) -> T {
        work(&mut self.follower.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long the other side may still be silent.
struct Patience {
    heard: Instant,
    unanswered: Option<Instant>,
}

impl Patience {
    fn new() -> Self {
        Self { heard: Instant::now(), unanswered: None }
    }

    fn heard(&mut self, granted: bool) {
        self.heard = Instant::now();
        if granted {
            self.unanswered = None;
        }
    }

    fn asked(&mut self) {
        self.unanswered.get_or_insert_with(Instant::now);
    }

    fn until(&self) -> Instant {
        self.unanswered.map_or(self.heard + SNAPSHOT_WITHIN, |asked| asked + ANSWERS_WITHIN)
    }
}

/// Returns when there may be something to ask for: for the first tenant that has limits at once, then tick by tick.
async fn due(budgets: &Budgets, tick: &mut tokio::time::Interval, limited: bool) {
    tokio::select! {
        () = budgets.due() => {}
        _ = tick.tick(), if limited => {}
    }
}

/// Returns when the node is to stop, or nobody can say so any more.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await.is_ok();
}

/// A message with its text.
fn read(frame: Frame) -> Result<(ToNode, String), LinkError> {
    match frame {
        Frame::Text(text) => match serde_json::from_str(&text) {
            Ok(message) => Ok((message, text)),
            Err(error) => Err(LinkError::Unreadable(error.to_string())),
        },
        Frame::Bytes(_) => Err(LinkError::Unreadable("bytes".to_owned())),
    }
}

/// The next message of a stream.
pub(crate) async fn receive<L: Link>(link: &mut L) -> Result<ToNode, LinkError> {
    hear(link).await.map(|(message, _)| message)
}

async fn hear<L: Link>(link: &mut L) -> Result<(ToNode, String), LinkError> {
    read(link.receive().await?)
}

/// Sends a message, in the time that an answer may take: whoever does not read does not answer either.
pub(crate) async fn send<L: Link>(link: &mut L, message: &impl Serialize) -> Result<(), LinkError> {
    let text = serde_json::to_string(message).map_err(|error| LinkError::Unreadable(error.to_string()))?;
    match tokio::time::timeout(ANSWERS_WITHIN, link.send(Frame::Text(text))).await {
        Ok(sent) => sent,
        Err(_) => Err(LinkError::Silent),
    }
}
