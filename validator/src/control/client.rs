//! Keeps a node's control stream: dials one API node after the other, follows, asks for the right to answer again and again, and
//! moves on as soon as one does not answer.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::failures::{Failures, Reached, Telling};
use super::follower::{Follower, Violation};
use super::link::{Dial, Frame, Link, LinkError};
use super::message::{BudgetAsk, BusKeys, FromNode, MOST_ASKS, ToNode};
use crate::budget::{Budgets, TICK};
use crate::clock::Clock;

/// How often the right to answer is asked for.
pub const RENEW_EVERY: Duration = Duration::from_millis(750);
/// How long the API node may take to end the stream after a goodbye.
const GOODBYE: Duration = Duration::from_millis(300);
/// How long an API node may leave a question unanswered. It leaves time for another one before the lease ends.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How long a snapshot may pause before another API node is tried. Each time that one did, the next may pause twice as long, up to
/// [`LONGEST_GOES_ON`], until one was whole: where all are slow, beginning again and again would never come to an end.
const GOES_ON_WITHIN: Duration = Duration::from_secs(5);
/// The longest pause of a snapshot.
const LONGEST_GOES_ON: Duration = Duration::from_secs(30);
/// How long a stream may take to open, its greeting included.
const OPENS_WITHIN: Duration = Duration::from_secs(1);
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
pub(super) enum Ended {
    /// There is no stream any more, or never was one.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The other side must not be followed any further.
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
    /// How far the stream has come.
    reached: Reached,
    /// How long the next snapshot may pause.
    goes_on_within: Duration,
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
        let goes_on_within = GOES_ON_WITHIN;
        Self { dial, follower, clock, connection, budgets, reached: Reached::Nothing, goes_on_within, stop }
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
        let mut failures = Failures::new(self.dial.count());
        while !*self.stop.borrow() {
            let name = self.dial.name(api);
            self.reached = Reached::Nothing;
            let followed = self.follow(api, &name).await;
            self.connection.send_modify(|connection| connection.api = None);
            let Err(ended) = followed else { return };
            if self.reached > Reached::Nothing {
                metrics::counter!("nexus_node_streams_ended_total").increment(1);
            }
            let telling = failures.note(api, self.reached, &ended, Instant::now());
            tell(&name, self.reached, &ended, telling);
            // One that served well is as good as any other; the next one is tried first, for this one has just failed.
            api = (api + 1) % self.dial.count().max(1);
            let pause = failures.pause();
            if !pause.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = told(&mut self.stop) => {}
                }
            }
        }
    }

    /// Follows one API node until it fails. `Ok` when told to stop.
    async fn follow(&mut self, api: usize, name: &str) -> Result<(), Ended> {
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
        let (mut link, (greeting, text)) = opened.unwrap_or(Err(LinkError::Silent))?;
        if let ToNode::Welcome(welcome) = &greeting {
            let bus = welcome.bus.clone();
            self.connection.send_replace(Connection { api: Some(name.to_owned()), bus });
        }
        self.with(|follower| follower.receive(greeting, &text))?;
        self.reached = Reached::Log;
        tracing::info!(api = name, "following the log");
        let outcome = self.serve(&mut link).await;
        if matches!(outcome, Err(Ended::Link(LinkError::Silent)))
            && !self.with(|follower| follower.is_following())
        {
            self.goes_on_within = self.goes_on_within.saturating_mul(2).min(LONGEST_GOES_ON);
        }
        outcome
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
        let mut patience = Patience::new(self.goes_on_within);
        let mut limited = !self.budgets.is_empty();
        // Begun once, and not for each message.
        let mut told_to_stop = pin!(told(&mut stop));
        let mut silent = pin!(tokio::time::sleep_until(patience.until()));
        loop {
            // In this order: the right to answer, and word of what is visible, wait for no flood of changes.
            tokio::select! {
                biased;
                () = &mut told_to_stop => {
                    // The lease has ended before anybody is told so.
                    self.with(|follower| follower.retire());
                    send(link, &FromNode::Bye).await?;
                    // Who hangs up with something unread resets the connection, and the goodbye with it.
                    let rest = async { while link.receive().await.is_ok() {} };
                    let _heard_out = tokio::time::timeout(GOODBYE, rest).await;
                    return Ok(());
                }
                _ = renew.tick() => {
                    // Before the message is made, and so before anybody can act upon it.
                    let now = self.clock.boottime();
                    if let Some(question) = self.with(|follower| follower.renew(now)) {
                        patience.asked();
                        silent.as_mut().reset(patience.until());
                        send(link, &question).await?;
                    }
                }
                Ok(()) = confirmed.changed() => {
                    confirmed.mark_changed();
                    self.acknowledge(link, &mut confirmed).await?;
                }
                frame = link.receive() => {
                    let (message, text) = read(frame?)?;
                    if let ToNode::Shares { shares } = &message {
                        let now = self.clock.boottime();
                        for given in shares {
                            self.budgets.granted(given.counted, &given.shares, now);
                        }
                    }
                    let granted = matches!(message, ToNode::Grant(_));
                    let loading = self.with(|follower| {
                        let was_loading = !follower.is_following();
                        follower.receive(message, &text).map(|()| was_loading && follower.is_following())
                    })?;
                    if granted {
                        self.reached = Reached::Right;
                    }
                    patience.heard(granted);
                    if loading {
                        self.goes_on_within = GOES_ON_WITHIN;
                        renew.reset_immediately();
                    }
                    // In the same turn: what is visible is waited for, and by whom nodes are many.
                    self.acknowledge(link, &mut confirmed).await?;
                }
                () = due(&self.budgets, &mut ask, limited) => {
                    let asks = self.budgets.requests(self.clock.boottime());
                    limited = !self.budgets.is_empty();
                    for asks in asks.chunks(MOST_ASKS) {
                        let asks = asks.iter().map(|(counted, ask)| BudgetAsk { counted: *counted, ask: ask.clone() });
                        send(link, &FromNode::Budgets { asks: asks.collect() }).await?;
                    }
                }
                () = &mut silent => {
                    // Something may have come since it was set.
                    if patience.until() <= Instant::now() {
                        return Err(LinkError::Silent.into());
                    }
                    silent.as_mut().reset(patience.until());
                }
            }
        }
    }

    /// Says what is visible, where that was not said yet.
    async fn acknowledge<L: Link>(
        &self,
        link: &mut L,
        confirmed: &mut watch::Receiver<u64>,
    ) -> Result<(), LinkError> {
        if confirmed.has_changed().unwrap_or(false) {
            let applied = *confirmed.borrow_and_update();
            if self.with(|follower| follower.is_following()) {
                send(link, &FromNode::Ack { applied }).await?;
            }
        }
        Ok(())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Follower) -> T) -> T {
        work(&mut self.follower.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn tell(api: &str, reached: Reached, ended: &Ended, telling: Telling) {
    let what = match reached {
        Reached::Nothing => "this API node cannot be followed",
        Reached::Log | Reached::Right => "the control stream ended",
    };
    match telling {
        Telling::Quiet => tracing::debug!(api, error = %ended, "{what}"),
        Telling::Aloud => tracing::warn!(api, error = %ended, "{what}"),
        Telling::RefusedByAll => tracing::error!(
            api, error = %ended,
            "every API node refuses this node, which has no right to answer from memory until one lets it in; it goes on trying"
        ),
    }
}

/// How long the other side may still be silent.
struct Patience {
    goes_on_within: Duration,
    heard: Instant,
    unanswered: Option<Instant>,
}

impl Patience {
    fn new(goes_on_within: Duration) -> Self {
        Self { goes_on_within, heard: Instant::now(), unanswered: None }
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
        self.unanswered.map_or(self.heard + self.goes_on_within, |asked| asked + ANSWERS_WITHIN)
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

#[cfg(test)]
mod tests {
    use nexus_domain::dialect::built_in;
    use uuid::Uuid;

    use super::super::follower::Identity;
    use super::super::message::{Grant, Start, Welcome};
    use super::super::observer::Unobserved;
    use super::*;
    use crate::Validator;
    use crate::clock::SystemClock;
    use crate::lease::Lease;

    /// An API node: how long it pauses before each of the pieces of its snapshots; `None`: it says nothing more.
    #[derive(Debug, Clone, Copy)]
    struct Api(&'static [Option<u64>]);

    /// API nodes in this process.
    struct Apis(Vec<Api>);

    /// A stream that says what it has to say when its time comes, and grants what it is asked for.
    struct Stream {
        left: std::vec::IntoIter<(Option<Duration>, ToNode)>,
        due: Option<Instant>,
        granted: Option<ToNode>,
    }

    impl Dial for Apis {
        type Link = Stream;

        fn count(&self) -> usize {
            self.0.len()
        }

        fn name(&self, api: usize) -> String {
            api.to_string()
        }

        async fn dial(&self, api: usize) -> Result<Stream, LinkError> {
            let Api(pauses) = self.0[api];
            let start = Welcome {
                log: Uuid::nil(),
                epoch: Uuid::nil(),
                start: Start::Snapshot,
                bus: None,
                secrets: Default::default(),
            };
            let mut says = vec![(Some(Duration::ZERO), ToNode::Welcome(start))];
            for (index, pause) in pauses.iter().enumerate() {
                let complete = (index + 1 == pauses.len()).then_some(7);
                says.push((
                    pause.map(Duration::from_secs),
                    ToNode::Snapshot { entries: Vec::new(), complete },
                ));
            }
            Ok(Stream { left: says.into_iter(), due: None, granted: None })
        }
    }

    impl Link for Stream {
        async fn send(&mut self, frame: Frame) -> Result<(), LinkError> {
            let Frame::Text(text) = frame else { return Ok(()) };
            if let FromNode::Renew { t0, .. } = serde_json::from_str(&text).unwrap() {
                self.granted = Some(ToNode::Grant(Grant { t0, epoch: Uuid::nil(), from: 7, tail: 7 }));
            }
            Ok(())
        }

        async fn receive(&mut self) -> Result<Frame, LinkError> {
            let message = if let Some(grant) = self.granted.take() {
                grant
            } else if let Some((Some(pause), message)) = self.left.as_slice().first().cloned() {
                let due = *self.due.get_or_insert_with(|| Instant::now() + pause);
                tokio::time::sleep_until(due).await;
                self.due = None;
                self.left.next();
                message
            } else {
                std::future::pending().await
            };
            Ok(Frame::Text(serde_json::to_string(&message).unwrap()))
        }
    }

    /// Follows these API nodes until the table is whole, and tells how long that took.
    async fn whole_after(apis: Vec<Api>) -> Duration {
        let validator = Arc::new(Validator::new(Arc::new(built_in())));
        let identity = Identity { node: Uuid::nil(), incarnation: Uuid::nil(), program: String::new() };
        let (table, lease) = (Arc::clone(&validator), Arc::new(Lease::new()));
        let follower = Follower::new(identity, table, lease, None, Box::new(Unobserved));
        let stop = watch::Sender::new(false);
        let follower = Arc::new(Mutex::new(follower));
        let client = ControlClient::new(Apis(apis), follower, Arc::new(SystemClock), stop.subscribe());
        let began = Instant::now();
        let following = tokio::spawn(client.run());
        validator.watch().wait_for(|position| *position == 7).await.unwrap();
        let took = began.elapsed();
        stop.send_replace(true);
        following.await.unwrap();
        took
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_stands_still_is_fetched_elsewhere_within_seconds() {
        let stands_still = Api(&[Some(0), None, None]);
        let well = Api(&[Some(1), Some(1)]);
        let took = whole_after(vec![stands_still, well]).await;
        assert!(took < Duration::from_secs(8), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_goes_on_may_take_as_long_as_it_takes() {
        let slow = Api(&[Some(4); 30]);
        let took = whole_after(vec![slow, Api(&[None])]).await;
        assert_eq!(took.as_secs(), 120, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_are_slow_one_is_waited_for() {
        let slow = Api(&[Some(15), Some(15)]);
        let took = whole_after(vec![slow, slow]).await;
        // Five seconds and ten for those that were given up, and thirty for the one that was not.
        assert!((45..60).contains(&took.as_secs()), "{took:?}");
    }
}
