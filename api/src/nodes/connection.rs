//! One node's stream, from the API node's side: everything that there is or what the node misses, then what changes, and the
//! right to answer, each behind what it rests on.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_domain::validity::DialectEntry;
use nexus_validator::SecretKeys;
use nexus_validator::control::message::{
    BudgetAsk, BusKeys, Delta, FromNode, Have, Hello, MOST_ASKS, Refusal, Start, TenantShares, ToNode,
    VERSION, Welcome,
};
use nexus_validator::control::wanted::Wanted;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::deltas::{Missed, Served};
use super::holders::HolderId;
use super::plane::{Granted, Plane};
use super::ports::{Log, StoreError};
use super::roster::{Badge, Present};

/// How long a node may be silent. It asks for the right to answer more than once a second.
const SPEAKS_WITHIN: Duration = Duration::from_secs(15);
/// How long a node may take to read what it is sent.
const READS_WITHIN: Duration = Duration::from_secs(30);
/// How long the word may take that ends a stream, and with it this process when it stops.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);
/// How slowly a node may read everything that there is, in bytes a second, besides [`READS_WITHIN`] once. Few are sent it at a
/// time, so that those who read more slowly would keep all others from it.
const SLOWEST_READER: u64 = 1 << 20;
/// How often the credential of a node is looked at that asks for no right to answer.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(250);
/// How often a node hears something while it waits for its turn to get everything.
const WORD_EVERY: Duration = Duration::from_secs(2);
/// Answers to questions for the right to answer that wait for the stream. A node has one or two under way.
const MOST_ANSWERS: usize = 16;
/// How long shares of rate limits may take to be worked out.
const DIVIDES_WITHIN: Duration = Duration::from_millis(250);
/// Messages that ask for shares and wait for them, at most. What is asked beyond is not heard, and asked again by the node.
const MOST_DIVISIONS: usize = 16;
/// As much as is said of why a stream ends, in bytes.
const LONGEST_DETAIL: usize = 512;
/// As much as is kept of what a node calls its program, in bytes.
const LONGEST_PROGRAM: usize = 64;
/// A node that is farther behind gets everything anew: that is less than all that happened.
const FARTHEST_BEHIND: u64 = 500_000;

/// A batch of a node's usage journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The node whose journal it is.
    pub node: Uuid,
    /// Its number.
    pub number: u64,
    /// The segment as it stood on the node's disk.
    pub segment: Bytes,
}

/// What a node sent.
#[derive(Debug)]
pub enum Incoming {
    /// A message.
    Message(FromNode),
    /// A batch of usage.
    Usage(Parcel),
    /// Something else; the text says what, for people.
    Nonsense(String),
}

/// The stream broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// The node's end of the stream, as a port.
pub trait Peer {
    /// The next of what the node sends. Dropping the future loses none.
    fn receive(&mut self) -> impl Future<Output = Result<Incoming, Gone>>;
    /// Sends a message.
    fn send(&mut self, text: Bytes) -> impl Future<Output = Result<(), Gone>>;
}

/// Whether a node's credential holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It does.
    Admitted,
    /// It does not, or not for all that the node serves.
    Refused,
    /// This API node's own table may not be answered from.
    CannotTell,
}

/// What an API node does for nodes besides the feed.
pub trait Desk {
    /// Whether the node's credential is still one, and may see these dialects.
    fn admits(&self, dialects: &[String]) -> Admission;
    /// Whose stream it is, for people.
    fn badge(&self) -> Option<Badge> {
        None
    }
    /// What opens the bus for a node that serves these dialects.
    fn bus_keys(&self, served: &Served) -> Option<BusKeys>;
    /// What opens tenants' secrets for service JWTs, for a node that serves these dialects.
    fn secret_keys(&self, _served: &Served) -> SecretKeys {
        SecretKeys::default()
    }
    /// A credential, or what a token rests on, as of now.
    fn credential(&self, wanted: Wanted) -> impl Future<Output = Result<Vec<DialectEntry>, StoreError>>;
    /// Divides rate limits: the shares of a node, where it may have any just now.
    fn divide(&self, holder: HolderId, asks: Vec<BudgetAsk>) -> BoxFuture<'static, Vec<TenantShares>>;
    /// Takes a batch of usage into the log. Errors are for people.
    fn take_usage(&self, parcel: Parcel) -> impl Future<Output = Result<(), String>>;
}

/// Why a stream ends.
#[derive(Debug)]
enum End {
    Gone,
    Refused(Refusal, String),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Refused(Refusal::Unavailable, error.to_string())
    }
}

impl From<serde_json::Error> for End {
    fn from(error: serde_json::Error) -> Self {
        Self::Refused(Refusal::Unavailable, error.to_string())
    }
}

/// A node's stream.
pub struct Connection<P, D> {
    /// The control plane.
    pub plane: Arc<Plane>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Moves with each stretch of the list of changes, and may do so a moment later.
    pub newest: watch::Receiver<u64>,
    /// The node's end.
    pub peer: P,
    /// What else is done for it.
    pub desk: D,
}

/// What is known of a node that follows.
struct Following {
    id: HolderId,
    served: Arc<Served>,
    dialects: Vec<String>,
    /// The node was sent everything up to here.
    place: u64,
    /// Rights that wait until the log has been read as far as they need.
    granted: VecDeque<Granted>,
    /// Shares that are being worked out, in the order in which they were asked for.
    divisions: VecDeque<BoxFuture<'static, Vec<TenantShares>>>,
    answers: (mpsc::Sender<Granted>, mpsc::Receiver<Granted>),
    /// Questions for the right to answer that no answer has come to. Most of what a stream does is done with none under way.
    asked: usize,
    present: Present,
    /// When its credential was last looked at.
    looked_at: Duration,
}

impl<P: Peer, D: Desk> Connection<P, D> {
    /// Serves the stream to its end.
    pub async fn serve(mut self) {
        let mut closing = self.plane.closing();
        // Whatever is being said or done: a node that has its answer by another API node loses nothing, and a batch of usage
        // comes again.
        let end = tokio::select! {
            biased;
            end = self.run() => end,
            _ = closing.wait_for(|closing| *closing) => {
                End::Refused(Refusal::Unavailable, "this API node stops".to_owned())
            }
        };
        let End::Refused(refusal, mut detail) = end else { return };
        // It may repeat what a node said.
        detail.truncate(detail.floor_char_boundary(LONGEST_DETAIL));
        tracing::info!(?refusal, detail, "a node's stream is ended");
        let _gone =
            tokio::time::timeout(GOODBYE_WITHIN, self.say(&ToNode::Refused { refusal, detail })).await;
    }

    async fn run(&mut self) -> End {
        let outcome = async {
            loop {
                match self.hear().await? {
                    Incoming::Message(FromNode::Hello(hello)) => return self.follow(hello).await,
                    other => self.attend(other).await?,
                }
            }
        };
        let ended: Result<std::convert::Infallible, End> = outcome.await;
        let Err(end) = ended;
        end
    }

    async fn hear(&mut self) -> Result<Incoming, End> {
        match tokio::time::timeout(SPEAKS_WITHIN, self.peer.receive()).await {
            Ok(incoming) => Ok(incoming?),
            Err(_) => Err(End::Gone),
        }
    }

    /// What can be asked at any time.
    async fn attend(&mut self, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Message(FromNode::Lookup { id, digest }) => {
                self.look_up(id, Wanted::Secret(digest)).await
            }
            Incoming::Message(FromNode::LookupToken { id, names }) => {
                self.look_up(id, Wanted::Token(names)).await
            }
            Incoming::Usage(parcel) => {
                self.admit(&[])?;
                let number = parcel.number;
                let answer = match self.desk.take_usage(parcel).await {
                    Ok(()) => ToNode::Taken { number },
                    Err(error) => {
                        tracing::warn!(error, number, "a node's usage waits on the node");
                        ToNode::NotTaken { number }
                    }
                };
                self.say(&answer).await
            }
            Incoming::Message(message) => {
                Err(End::Refused(Refusal::Protocol, format!("{message:?} came before a hello")))
            }
            Incoming::Nonsense(what) => Err(End::Refused(Refusal::Protocol, what)),
        }
    }

    async fn look_up(&mut self, id: u64, wanted: Wanted) -> Result<(), End> {
        self.admit(&[])?;
        let answer = match self.desk.credential(wanted).await {
            Ok(entries) => {
                let entries = entries.into_iter().map(|held| held.entry).collect();
                ToNode::Found { id, entries }
            }
            Err(error) => {
                tracing::debug!(%error, "a credential cannot be looked up for a node just now");
                ToNode::NotFound { id }
            }
        };
        self.say(&answer).await
    }

    async fn follow(&mut self, mut hello: Hello) -> Result<std::convert::Infallible, End> {
        if hello.version != VERSION {
            let detail = format!("this API node speaks version {VERSION} of the protocol");
            return Err(End::Refused(Refusal::Version, detail));
        }
        self.admit(&hello.dialects)?;
        // What is kept of a node is bounded: it says these itself.
        hello.dialects.sort();
        hello.dialects.dedup();
        hello.program.truncate(hello.program.floor_char_boundary(LONGEST_PROGRAM));
        let mut epochs = self.plane.epoch();
        let epoch = *epochs.borrow_and_update();
        let served = self.plane.deltas().serving(hello.dialects.iter().cloned());
        // Behind on the newest, not on the read one: that much may have been read meanwhile.
        let mut newest = self.newest.clone();
        newest.mark_unchanged();
        let mut read = self.plane.deltas().read();
        let have = match hello.have {
            Some(have) if self.continues(have, epoch).await? => Some(have),
            _ => None,
        };
        let start = if have.is_some() { Start::Resume } else { Start::Snapshot };
        let (bus, secrets) = (self.desk.bus_keys(&served), self.desk.secret_keys(&served));
        self.say(&ToNode::Welcome(Welcome { log: self.log.id(), epoch, start, bus, secrets })).await?;
        let place = match have {
            Some(have) => have.position,
            None => self.send_snapshot(&served).await?,
        };
        let badge = self.desk.badge();
        let credential = badge.as_ref().map(|badge| badge.key_id);
        let id = HolderId { node: hello.node, incarnation: hello.incarnation, credential };
        let now = self.plane.clock().monotonic();
        let present = self.plane.roster().enter(id, &hello, badge, now);
        let mut following = Following {
            id,
            served,
            dialects: hello.dialects,
            place,
            granted: VecDeque::new(),
            divisions: VecDeque::new(),
            answers: mpsc::channel(MOST_ANSWERS),
            asked: 0,
            present,
            looked_at: now,
        };
        self.send_missed(&mut following).await?;
        let mut heard = self.plane.clock().monotonic();
        // Begun once, and not for each message.
        let mut quiet = pin!(tokio::time::sleep(SPEAKS_WITHIN));
        let mut registered_anew = pin!(changed(&mut epochs, epoch));
        loop {
            // What the node says first: were it behind what changes, a flood of changes would cost it its right to answer.
            tokio::select! {
                biased;
                incoming = self.peer.receive() => {
                    heard = self.plane.clock().monotonic();
                    self.take(incoming?, &mut following).await?;
                }
                Ok(()) = newest.changed() => self.send_missed(&mut following).await?,
                Some(granted) = following.answers.1.recv(), if following.asked > 0 => {
                    following.asked -= 1;
                    following.granted.push_back(granted);
                    self.send_missed(&mut following).await?;
                }
                Ok(()) = read.changed(), if !following.granted.is_empty() => {
                    self.send_missed(&mut following).await?;
                }
                shares = divided(&mut following.divisions) => self.say(&ToNode::Shares { shares }).await?,
                Ok(()) = &mut registered_anew => {
                    let detail = "this API node registered anew".to_owned();
                    return Err(End::Refused(Refusal::Unavailable, detail));
                }
                () = &mut quiet => {
                    let left = (heard + SPEAKS_WITHIN).saturating_sub(self.plane.clock().monotonic());
                    if left.is_zero() {
                        return Err(End::Gone);
                    }
                    quiet.set(tokio::time::sleep(left));
                }
            }
        }
    }

    /// Whether what a node has can be continued. It may have come further than this process has read: then the log says whether it
    /// ever got there. Everything anew would cost the node its right to answer, and might be older than what it knows.
    async fn continues(&self, have: Have, epoch: Uuid) -> Result<bool, End> {
        let ends = self.plane.deltas().ends();
        if have.log != self.log.id() || ends.oldest.saturating_sub(have.position) > FARTHEST_BEHIND {
            return Ok(false);
        }
        Ok(have.position <= ends.read || have.position <= self.plane.registry().standing(epoch).await?.head)
    }

    fn admit(&self, dialects: &[String]) -> Result<(), End> {
        let (refusal, detail) = match self.desk.admits(dialects) {
            Admission::Admitted => return Ok(()),
            Admission::Refused => (
                Refusal::Forbidden,
                "the node's credential is not valid (any more), or not for every dialect that the node serves, or this API node \
                 lacks one of them; set `node.dialects`",
            ),
            Admission::CannotTell => (Refusal::Unavailable, "this API node cannot follow the log just now"),
        };
        Err(End::Refused(refusal, detail.to_owned()))
    }

    /// Ends the stream of a node whose credential is known not to hold any more: whoever never asks for the right to answer must
    /// not go on following. That this API node cannot tell is no reason to take no acknowledgement.
    fn not_refused(&self, following: &mut Following) -> Result<(), End> {
        let now = self.plane.clock().monotonic();
        if now < following.looked_at + LOOKED_AT_EVERY {
            return Ok(());
        }
        following.looked_at = now;
        match self.desk.admits(&following.dialects) {
            Admission::Refused => self.admit(&following.dialects),
            Admission::Admitted | Admission::CannotTell => Ok(()),
        }
    }

    /// Takes what a node says that follows.
    async fn take(&mut self, incoming: Incoming, following: &mut Following) -> Result<(), End> {
        match incoming {
            Incoming::Message(FromNode::Renew { t0, applied }) => {
                self.admit(&following.dialects)?;
                following.present.applied(applied);
                following.asked += 1;
                self.plane.ask(following.id, t0, applied, following.answers.0.clone());
                Ok(())
            }
            Incoming::Message(FromNode::Ack { applied }) => {
                following.present.applied(applied);
                // Taken in any case: it is true, and a revocation of the credential itself may wait for it.
                self.plane.acknowledge(following.id, applied);
                self.not_refused(following)
            }
            Incoming::Message(FromNode::Budgets { asks }) if asks.len() <= MOST_ASKS => {
                self.not_refused(following)?;
                // Aside: others hold the ledgers as well, and this stream has more urgent things to say.
                if following.divisions.len() < MOST_DIVISIONS {
                    let shares = tokio::time::timeout(DIVIDES_WITHIN, self.desk.divide(following.id, asks));
                    following.divisions.push_back(shares.map(Result::unwrap_or_default).boxed());
                }
                Ok(())
            }
            Incoming::Message(FromNode::Bye) => {
                self.plane.leave(following.id);
                Err(End::Gone)
            }
            other => {
                self.not_refused(following)?;
                self.attend(other).await
            }
        }
    }

    /// Sends what the node misses, and the rights that may go out behind it.
    async fn send_missed(&mut self, following: &mut Following) -> Result<(), End> {
        let ends = loop {
            let Missed { stretches, ends } = self.plane.deltas().after(following.place);
            let Some(stretches) = stretches else {
                following.place = self.catch_up(&following.served, following.place, ends.oldest).await?;
                continue;
            };
            if !stretches.is_empty() {
                self.not_refused(following)?;
            }
            for stretch in &stretches {
                self.write(stretch.message(&following.served)?).await?;
                following.place = stretch.to;
            }
            break ends;
        };
        while let Some(granted) = following.granted.front().copied().filter(|first| first.tail <= ends.read) {
            following.granted.pop_front();
            self.say(&ToNode::Grant(granted.message(following.place))).await?;
            following.present.granted(&self.plane);
        }
        Ok(())
    }

    /// Sends what the log holds up to where the list begins, and tells how far that is.
    async fn catch_up(&mut self, served: &Served, mut place: u64, oldest: u64) -> Result<u64, End> {
        while place < oldest {
            let read = {
                let _turn = self.plane.stretch_turn().await;
                self.log.read(place).await?
            };
            let entries = read.changed.map(|(_, entries)| entries).unwrap_or_default();
            let entries =
                entries.into_iter().filter(|held| served.has(&held.dialect)).map(|held| held.entry).collect();
            self.say(&ToNode::Delta(Delta { from: place, to: read.to, entries })).await?;
            place = read.to;
        }
        Ok(place)
    }

    async fn send_snapshot(&mut self, served: &Served) -> Result<u64, End> {
        let plane = Arc::clone(&self.plane);
        let _turn = {
            let mut turn = pin!(plane.snapshot_turn());
            loop {
                match tokio::time::timeout(WORD_EVERY, &mut turn).await {
                    Ok(turn) => break turn,
                    // A sign of life: otherwise the node would go elsewhere and lose its place, or be gone for long.
                    Err(_) => self.say(&ToNode::Snapshot { entries: Vec::new(), complete: None }).await?,
                }
            }
        };
        let mut snapshot = self.log.snapshot().await?;
        let position = snapshot.position();
        let mut pace = Pace::default();
        while let Some(entries) = snapshot.next().await? {
            let entries =
                entries.into_iter().filter(|held| served.has(&held.dialect)).map(|held| held.entry).collect();
            let piece = serde_json::to_vec(&ToNode::Snapshot { entries, complete: None })?;
            self.write_at_pace(Bytes::from(piece), &mut pace).await?;
        }
        self.say(&ToNode::Snapshot { entries: Vec::new(), complete: Some(position) }).await?;
        Ok(position)
    }

    /// Writes a piece of many. The time in which the node does not read counts, over all pieces.
    async fn write_at_pace(&mut self, text: Bytes, pace: &mut Pace) -> Result<(), End> {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let began = self.plane.clock().monotonic();
        let Ok(sent) = tokio::time::timeout(pace.left(), self.peer.send(text)).await else {
            let detail =
                "the node reads less than 1 MiB a second of the snapshot; others wait for their turn";
            return Err(End::Refused(Refusal::Unavailable, detail.to_owned()));
        };
        pace.written(length, self.plane.clock().monotonic().saturating_sub(began));
        Ok(sent?)
    }

    async fn say(&mut self, message: &impl Serialize) -> Result<(), End> {
        self.write(Bytes::from(serde_json::to_vec(message)?)).await
    }

    async fn write(&mut self, text: Bytes) -> Result<(), End> {
        match tokio::time::timeout(READS_WITHIN, self.peer.send(text)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(End::Gone),
        }
    }
}

/// Returns when the registration is another one.
async fn changed(epochs: &mut watch::Receiver<Uuid>, epoch: Uuid) -> Result<(), watch::error::RecvError> {
    epochs.wait_for(|now| *now != epoch).await.map(|_| ())
}

/// The shares that were asked for first, once they are worked out. Dropping the future loses none.
async fn divided(divisions: &mut VecDeque<BoxFuture<'static, Vec<TenantShares>>>) -> Vec<TenantShares> {
    let Some(first) = divisions.front_mut() else { return std::future::pending().await };
    let shares = first.await;
    divisions.pop_front();
    shares
}

/// How fast a node reads what comes in many pieces.
#[derive(Debug, Default)]
struct Pace {
    /// Bytes that were written.
    written: u64,
    /// How long they waited for the node.
    waited: Duration,
}

impl Pace {
    fn written(&mut self, bytes: u64, waited: Duration) {
        self.written = self.written.saturating_add(bytes);
        self.waited = self.waited.saturating_add(waited);
    }

    /// How long the next piece may wait: whoever read fast before may not stand still for longer.
    fn left(&self) -> Duration {
        let allowed = READS_WITHIN + Duration::from_secs(self.written / SLOWEST_READER);
        allowed.saturating_sub(self.waited).min(READS_WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::oneshot;
    use nexus_domain::ids::TenantId;
    use nexus_domain::rate_limit::Shares;

    use super::*;

    #[test]
    fn a_reader_that_keeps_pace_may_take_as_long_as_it_needs_and_another_may_not() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(), READS_WITHIN);
        for _ in 0..1_000 {
            pace.written(2 * SLOWEST_READER, Duration::from_secs(2));
        }
        assert_eq!(pace.left(), READS_WITHIN);
        pace.written(1_000 * SLOWEST_READER, Duration::ZERO);
        assert_eq!(pace.left(), READS_WITHIN, "nobody saves up time to stand still");
        pace = Pace::default();
        // A piece just within the time of a single message, again and again.
        let mut pieces = 0;
        while pace.left() > Duration::ZERO {
            pace.written(SLOWEST_READER, READS_WITHIN);
            pieces += 1;
        }
        assert_eq!(pieces, 2);
    }

    #[test]
    fn shares_come_in_the_order_in_which_they_were_asked_for_and_none_is_lost() {
        let tenant = |number| TenantId::new(Uuid::from_u128(number));
        let none = Shares { number: 0, lease_ms: 0, contended: false, windows: Vec::new() };
        let shares = |number| vec![TenantShares { counted: tenant(number).into(), shares: none.clone() }];
        let mut divisions = VecDeque::new();
        assert_eq!(divided(&mut divisions).now_or_never(), None);
        let (first, worked_out) = oneshot::channel();
        divisions.push_back(worked_out.map(Result::unwrap).boxed());
        divisions.push_back(std::future::ready(shares(2)).boxed());
        assert_eq!(divided(&mut divisions).now_or_never(), None, "the first one is not worked out yet");
        first.send(shares(1)).unwrap();
        assert_eq!(divided(&mut divisions).now_or_never(), Some(shares(1)));
        assert_eq!(divided(&mut divisions).now_or_never(), Some(shares(2)));
        assert_eq!(divided(&mut divisions).now_or_never(), None);
    }
}
