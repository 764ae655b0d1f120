//! A node's side of the control stream, without IO: what to apply, when the right to answer begins, and what to say back.
//!
//! Two roads bring deltas, the stream and the bus. Whichever is first wins. Neither is trusted to be complete: a delta is
//! applied where it continues what is there, and the right to answer comes with a grant alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nexus_domain::validity::Entry;
use tokio::sync::watch;
use uuid::Uuid;

use super::message::{Delta, FromNode, Grant, Have, Hello, Refusal, Start, ToNode, VERSION, Welcome};
use super::observer::Observer;
use crate::Validator;
use crate::lease::{LENGTH, Lease};

/// Grants that wait for their tail, at most. A node has one or two questions under way.
const MOST_WAITING: usize = 16;

/// Who follows.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The node, as its folder has it.
    pub node: Uuid,
    /// This run of the process.
    pub incarnation: Uuid,
    /// The version of the program.
    pub program: String,
}

/// The other side said what it must not, or this side missed something: the stream is to be begun anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A delta does not continue what is there.
    #[error("a delta begins at {from}, and the table is at {applied}")]
    Gap {
        /// Where the delta begins.
        from: u64,
        /// Where the table is.
        applied: u64,
    },
    /// A message came where none of its kind may come.
    #[error("{0} came out of turn")]
    OutOfTurn(&'static str),
    /// The stream was ended.
    #[error("the API node refuses this node: {detail}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The same for people.
        detail: String,
    },
}

/// Where the table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    /// It holds nothing that can be continued.
    Incomplete,
    /// It holds everything up to the validator's position in this log.
    Complete(Uuid),
}

/// Where the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// The other side has to say [`Welcome`].
    Silent,
    /// Pieces of a snapshot come.
    Loading { log: Uuid, epoch: Uuid },
    /// Deltas and grants come.
    Following { epoch: Uuid },
}

/// How a delta came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Road {
    Stream,
    Bus,
}

impl Road {
    const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Bus => "bus",
        }
    }
}

/// What a node knows of its place in the log. One for each validator.
#[derive(Debug)]
pub struct Follower {
    identity: Identity,
    dialects: Vec<String>,
    validator: Arc<Validator>,
    lease: Arc<Lease>,
    table: Table,
    stream: Stream,
    /// The last question's clock reading: no grant can be for a later one.
    asked: Option<Duration>,
    waiting: VecDeque<Grant>,
    confirmed: watch::Sender<u64>,
    observer: Box<dyn Observer>,
}

impl Follower {
    /// A follower of a validator. `have` says what is in its table already.
    #[must_use]
    pub fn new(
        identity: Identity,
        validator: Arc<Validator>,
        lease: Arc<Lease>,
        have: Option<Uuid>,
        observer: Box<dyn Observer>,
    ) -> Self {
        let dialects = validator.dialects().iter().map(|dialect| dialect.name.clone()).collect();
        Self {
            identity,
            dialects,
            validator,
            lease,
            table: have.map_or(Table::Incomplete, Table::Complete),
            stream: Stream::Silent,
            asked: None,
            waiting: VecDeque::new(),
            confirmed: watch::Sender::new(0),
            observer,
        }
    }

    /// Begins a new stream: what the last one left unsaid is void. The lease stays, since it does not depend on a stream.
    pub fn begin(&mut self) -> FromNode {
        self.stream = Stream::Silent;
        self.waiting.clear();
        let have = match self.table {
            Table::Complete(log) => Some(Have { log, position: self.validator.applied() }),
            Table::Incomplete => None,
        };
        FromNode::Hello(Hello {
            version: VERSION,
            node: self.identity.node,
            incarnation: self.identity.incarnation,
            program: self.identity.program.clone(),
            dialects: self.dialects.clone(),
            have,
        })
    }

    /// Whether the table follows the log, so that it is of use to ask for the right to answer.
    #[must_use]
    pub fn is_following(&self) -> bool {
        matches!(self.stream, Stream::Following { .. })
    }

    /// Gives up the right to answer for good, before the node says goodbye.
    pub fn retire(&mut self) {
        self.stream = Stream::Silent;
        self.waiting.clear();
        self.lease.end();
    }

    /// The question for the right to answer from now on; nothing while the table does not follow. `now` is the clock of the
    /// lease, read just before.
    pub fn renew(&mut self, now: Duration) -> Option<FromNode> {
        if !self.is_following() {
            return None;
        }
        self.asked = Some(now);
        Some(FromNode::Renew { t0: nanoseconds(now), applied: self.validator.applied() })
    }

    /// The positions to tell the API node of, each time one of them moves validity.
    #[must_use]
    pub fn confirmed(&self) -> watch::Receiver<u64> {
        self.confirmed.subscribe()
    }

    /// Takes a message of the stream, with its text as it came. Answers to questions are not for the follower.
    ///
    /// # Errors
    /// [`Violation`]: the stream must be begun anew. What is applied stays, and the lease runs on.
    pub fn receive(&mut self, message: ToNode, text: &str) -> Result<(), Violation> {
        match message {
            ToNode::Welcome(welcome) => self.welcome(welcome),
            ToNode::Snapshot { entries, complete } => self.snapshot(entries, complete, text),
            ToNode::Delta(delta) => self.delta(delta, text),
            ToNode::Grant(grant) => {
                self.grant(grant);
                Ok(())
            }
            ToNode::Refused { refusal, detail } => Err(Violation::Refused { refusal, detail }),
            ToNode::Found { .. }
            | ToNode::NotFound { .. }
            | ToNode::Shares { .. }
            | ToNode::Taken { .. }
            | ToNode::NotTaken { .. } => Ok(()),
        }
    }

    fn welcome(&mut self, welcome: Welcome) -> Result<(), Violation> {
        if self.stream != Stream::Silent {
            return Err(Violation::OutOfTurn("a welcome"));
        }
        let Welcome { log, epoch, start, bus: _, secrets } = welcome;
        self.validator.learn_secret_keys(&secrets);
        self.stream = match start {
            Start::Resume if self.table == Table::Complete(log) => Stream::Following { epoch },
            Start::Resume => return Err(Violation::OutOfTurn("a resumption")),
            Start::Snapshot => {
                // The lease first: what is in the table is nobody's truth from here on.
                self.lease.end();
                self.validator.clear();
                self.table = Table::Incomplete;
                self.confirmed.send_replace(0);
                self.observer.loading(log);
                Stream::Loading { log, epoch }
            }
        };
        Ok(())
    }

    fn snapshot(&mut self, entries: Vec<Entry>, complete: Option<u64>, text: &str) -> Result<(), Violation> {
        let Stream::Loading { log, epoch } = self.stream else {
            return Err(Violation::OutOfTurn("a snapshot"));
        };
        self.validator.load(entries, complete);
        self.observer.message(text, complete.unwrap_or(0));
        if let Some(position) = complete {
            self.table = Table::Complete(log);
            self.stream = Stream::Following { epoch };
            self.confirm(position);
            self.observer.loaded();
        }
        Ok(())
    }

    fn delta(&mut self, delta: Delta, text: &str) -> Result<(), Violation> {
        if !self.is_following() {
            return Err(Violation::OutOfTurn("a delta"));
        }
        let applied = self.validator.applied();
        if delta.from > applied {
            return Err(Violation::Gap { from: delta.from, applied });
        }
        self.apply(delta, text, Road::Stream);
        Ok(())
    }

    /// Takes a delta of the bus, and tells whether the table shows it. One that does not continue what is there, or is of
    /// another log, is left to the stream.
    pub fn overhear(&mut self, log: Uuid, delta: Delta) -> bool {
        let applied = self.validator.applied();
        if self.table != Table::Complete(log) || delta.from > applied {
            return false;
        }
        if delta.to <= applied {
            self.confirm(delta.to);
            return true;
        }
        let message = ToNode::Delta(delta);
        // As the stream would have said it. Without that, the observer would miss it.
        let Ok(text) = serde_json::to_string(&message) else { return false };
        if let ToNode::Delta(delta) = message {
            self.apply(delta, &text, Road::Bus);
        }
        true
    }

    /// Applies a delta that continues what is there. What is known already is left alone: entries may be older than others
    /// that came since.
    fn apply(&mut self, delta: Delta, text: &str, road: Road) {
        if delta.to > self.validator.applied() {
            metrics::counter!("nexus_deltas_total", "road" => road.name()).increment(1);
            let to = delta.to;
            self.validator.apply(delta.entries, to);
            self.begin_rights();
            self.confirm(to);
            self.observer.message(text, to);
        } else {
            // Whoever sent it waits for the word that it is visible, which it is.
            self.confirm(delta.to);
        }
    }

    /// Only after the table shows it: whoever hears of this takes it for visible to every look-up.
    fn confirm(&self, position: u64) {
        self.confirmed.send_if_modified(|confirmed| {
            let moved = position > *confirmed;
            *confirmed = position.max(*confirmed);
            moved
        });
    }

    fn grant(&mut self, grant: Grant) {
        let Stream::Following { epoch } = self.stream else { return };
        // An API node that was suspended and registered anew ends its streams, and has another epoch in the next welcome.
        if grant.epoch != epoch || self.asked.is_none_or(|asked| grant.t0 > nanoseconds(asked)) {
            return;
        }
        if grant.from <= self.validator.applied() {
            self.validator.apply([], grant.tail);
            self.observer.reached(grant.tail);
        }
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(grant);
        self.begin_rights();
    }

    /// Uses the grants whose tail is visible.
    fn begin_rights(&mut self) {
        let applied = self.validator.applied();
        let lease = &self.lease;
        self.waiting.retain(|grant| {
            let visible = grant.tail <= applied;
            if visible {
                let until = Duration::from_nanos(grant.t0).saturating_add(LENGTH);
                lease.extend(until);
                metrics::counter!("nexus_lease_renewals_total").increment(1);
            }
            !visible
        });
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
