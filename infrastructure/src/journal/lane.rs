//! The group-commit lane: one task per process that turns the appends which arrive while a batch commits into the next one.
//! Under load a commit is shared by up to 256 commands; without load a command is alone and waits for nobody.
//!
//! On PostgreSQL it has two connections. Batches are judged one after the other, since each waits for the lock on the log's
//! head; but while one is, the database reads the other, and neither waits for this process.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};

use super::append::{AppendError, Appended, Prepared};
use super::postgres::PostgresWriter;
use super::recent::Recent;
use super::sqlite::SqliteWriter;
use crate::database::DatabaseError;

/// Most appends that wait in the channel; beyond it callers wait to get in.
pub(super) const QUEUE: usize = 4096;
const BATCH: usize = 256;
const BATCH_EVENTS: usize = 4096;
const BATCH_BYTES: usize = 8 << 20;
/// A batch that is not larger is not divided among connections: what every commit costs would be paid more often.
const UNDIVIDED: usize = 64;
/// How long the lane is idle before it looks whether its connections still stand, so that a restart of the database is
/// noticed by the lane and not by the next caller.
const IDLE: Duration = Duration::from_secs(3);

pub(super) enum Message {
    Append(Request),
    Close(oneshot::Sender<()>),
}

pub(super) struct Request {
    pub(super) append: Box<Prepared>,
    pub(super) reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// Commits batches. An error means that the whole batch has failed, or perhaps not ([`DatabaseError::Transient`]).
pub(super) enum Writer {
    Postgres(PostgresWriter),
    Sqlite(SqliteWriter),
}

/// What became of one command of a batch that was committed.
pub(super) type Outcome = Result<Appended, AppendError>;

impl Writer {
    async fn commit(&mut self, batch: &[&Prepared]) -> Result<Vec<Outcome>, DatabaseError> {
        match self {
            Self::Postgres(writer) => writer.commit(batch).await,
            Self::Sqlite(writer) => writer.commit(batch).await,
        }
    }

    fn disconnect(&mut self) {
        match self {
            Self::Postgres(writer) => writer.disconnect(),
            Self::Sqlite(_) => {}
        }
    }

    async fn keep_alive(&mut self) {
        match self {
            Self::Postgres(writer) => writer.keep_alive().await,
            Self::Sqlite(_) => {}
        }
    }
}

pub(super) struct Lane {
    /// Each commits a batch at a time.
    pub(super) writers: Vec<Writer>,
    pub(super) requests: mpsc::Receiver<Message>,
    pub(super) head: watch::Sender<u64>,
    pub(super) recent: Arc<Recent>,
}

impl Lane {
    /// Runs until it is closed or all senders are gone, and then until all that was queued is answered.
    pub(super) async fn run(self) {
        let Self { writers, mut requests, head, recent } = self;
        let mut queue = Queue::of(writers.len());
        // In turn, so that each is used, and one that has died does not wait for the day on which it is needed.
        let mut free = VecDeque::from(writers);
        let mut commits = FuturesUnordered::new();
        let (mut messages, mut closing) = (Vec::new(), Vec::new());
        let mut open = true;
        loop {
            while let Some(writer) = free.pop_front() {
                let Some((batch, requests)) = queue.next() else {
                    free.push_front(writer);
                    break;
                };
                commits.push(commit(writer, batch, requests, &head, &recent));
            }
            let idle = commits.is_empty() && queue.waiting.is_empty();
            if idle && !open {
                break;
            }
            tokio::select! {
                Some(Committed { writer, batch, failed }) = commits.next() => {
                    free.push_back(writer);
                    queue.done(batch);
                    if failed {
                        // What has ended one connection has ended the others as likely, and one caller is enough to notice.
                        free.iter_mut().for_each(Writer::disconnect);
                    }
                }
                // Read on behind the commands that wait for their turn, so that one busy stream does not hold up the others.
                received = requests.recv_many(&mut messages, BATCH), if open && queue.waiting.len() < QUEUE => {
                    open = received > 0;
                    for message in messages.drain(..) {
                        match message {
                            Message::Append(request) => queue.waiting.push_back(request),
                            Message::Close(closed) => {
                                requests.close();
                                closing.push(closed);
                            }
                        }
                    }
                }
                () = tokio::time::sleep(IDLE), if idle => {
                    join_all(free.iter_mut().map(Writer::keep_alive)).await;
                }
            }
        }
        for closed in closing {
            // Whoever waited for the end may have given up.
            let _ = closed.send(());
        }
    }
}

/// What is left of a batch that was committed, or that failed.
struct Committed {
    writer: Writer,
    batch: u64,
    /// The store did not answer as it should.
    failed: bool,
}

/// Commits a batch and answers its commands.
async fn commit(
    mut writer: Writer,
    batch: u64,
    requests: Vec<Request>,
    head: &watch::Sender<u64>,
    recent: &Recent,
) -> Committed {
    let mut failed = false;
    let mut chunks = vec![requests];
    while let Some(mut chunk) = chunks.pop() {
        if chunk.is_empty() {
            continue;
        }
        let appends: Vec<&Prepared> = chunk.iter().map(|request| &*request.append).collect();
        match writer.commit(&appends).await {
            Ok(outcomes) => {
                // Before anybody is woken to read them.
                recent.remember(&appends, &outcomes);
                if let Some(last) = outcomes.iter().flatten().map(|appended| appended.last).max() {
                    advance(head, last);
                }
                answer(chunk, outcomes);
            }
            // One command spoils the statement for all: halve until it is alone, so that its neighbours succeed.
            Err(error) if error.is_refusal() && chunk.len() > 1 => {
                let second = chunk.split_off(chunk.len() / 2);
                chunks.push(second);
                chunks.push(chunk);
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    commands = chunk.len(),
                    "append failed"
                );
                let outcome = if error.is_refusal() {
                    AppendError::Invalid("the database refused its data".to_owned())
                } else {
                    failed = true;
                    AppendError::Unavailable(error)
                };
                let outcomes = chunk.iter().map(|_| Err(outcome.clone())).collect();
                answer(chunk, outcomes);
            }
        }
    }
    Committed { writer, batch, failed }
}

/// Moves the known head forward; a late message about an earlier position changes nothing.
pub(super) fn advance(head: &watch::Sender<u64>, position: u64) {
    head.send_if_modified(|known| {
        let newer = position > *known;
        if newer {
            *known = position;
        }
        newer
    });
}

fn answer(chunk: Vec<Request>, outcomes: Vec<Outcome>) {
    for (request, outcome) in chunk.into_iter().zip(outcomes) {
        // The caller may have gone; its events stand in the log all the same.
        let _ = request.reply.send(outcome);
    }
}

/// What waits, and what is being committed.
struct Queue {
    waiting: VecDeque<Request>,
    under_way: Vec<Batch>,
    /// How many batches are under way at most.
    at_once: usize,
    next: u64,
}

/// A batch that is being committed.
struct Batch {
    number: u64,
    commands: usize,
    touched: Touched,
}

/// What commands have to do with, as [`Prepared::keys`] and [`Prepared::conditions`] have it.
#[derive(Default)]
struct Touched {
    changed: HashSet<u64>,
    looked_at: HashSet<u64>,
}

impl Touched {
    /// Streams that both only look at do not count: a tenant's keys are rotated together, each on condition that the tenant
    /// stands as it did.
    fn clashes(&self, append: &Prepared) -> bool {
        append.keys.iter().any(|key| self.changed.contains(key) || self.looked_at.contains(key))
            || append.conditions.iter().any(|key| self.changed.contains(key))
    }

    fn add(&mut self, append: &Prepared) {
        self.changed.extend(&append.keys);
        self.looked_at.extend(&append.conditions);
    }
}

impl Queue {
    fn of(at_once: usize) -> Self {
        Self { waiting: VecDeque::new(), under_way: Vec::new(), at_once, next: 0 }
    }

    /// A batch to commit now, with its number, or nothing while it is better to wait. Beside another one, a batch is begun when
    /// it is as large, so that batches do not become smaller and more.
    fn next(&mut self) -> Option<(u64, Vec<Request>)> {
        let under_way: usize = self.under_way.iter().map(|batch| batch.commands).sum();
        if self.waiting.len() < under_way {
            return None;
        }
        let share = (self.waiting.len() + under_way).div_ceil(self.at_once);
        let requests = self.take(share.clamp(UNDIVIDED, BATCH));
        if requests.is_empty() {
            return None;
        }
        let mut touched = Touched::default();
        for request in &requests {
            touched.add(&request.append);
        }
        self.next += 1;
        self.under_way.push(Batch { number: self.next, commands: requests.len(), touched });
        Some((self.next, requests))
    }

    fn done(&mut self, batch: u64) {
        self.under_way.retain(|under_way| under_way.number != batch);
    }

    /// Takes what may commit together, in order of arrival. A command that shares a stream, key, claim or quota with an earlier
    /// one, or with one that is being committed, stays for a later batch, and whatever shares something with it stays behind it.
    fn take(&mut self, most: usize) -> Vec<Request> {
        let mut batch: Vec<Request> = Vec::new();
        let mut kept = VecDeque::new();
        let mut earlier = Touched::default();
        let (mut events, mut bytes) = (0, 0);
        while let Some(request) = self.waiting.pop_front() {
            if request.reply.is_closed() {
                continue;
            }
            let full = batch.len() >= most
                || !batch.is_empty()
                    && (events + request.append.event_count > BATCH_EVENTS
                        || bytes + request.append.bytes > BATCH_BYTES);
            if full {
                kept.push_back(request);
                break;
            }
            let append = &request.append;
            let clashes =
                earlier.clashes(append) || self.under_way.iter().any(|batch| batch.touched.clashes(append));
            // All go in even when one is there already: see above.
            earlier.add(append);
            if clashes {
                kept.push_back(request);
            } else {
                events += append.event_count;
                bytes += append.bytes;
                batch.push(request);
            }
        }
        kept.append(&mut self.waiting);
        self.waiting = kept;
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::super::append::{Append, Expected, NewEvent, StreamAppend};
    use super::super::json::Json;
    use super::*;

    /// A command that changes one stream, perhaps on condition of another one, and its caller.
    fn command(changes: &str, looks_at: Option<&str>) -> (Request, oneshot::Receiver<Outcome>) {
        let stream = |id: &str, events| StreamAppend {
            aggregate_type: "thing".to_owned(),
            aggregate_id: id.to_owned(),
            expected: Expected::Any,
            events,
        };
        let event = NewEvent {
            event_type: "Happened".to_owned(),
            event_version: "1.0".to_owned(),
            payload: Json::from(serde_json::json!({})),
            metadata: Json::from(serde_json::json!({})),
        };
        let mut streams = vec![stream(changes, vec![event])];
        streams.extend(looks_at.map(|id| stream(id, Vec::new())));
        let append = Append { streams, ..Append::default() };
        let (reply, caller) = oneshot::channel();
        (Request { append: Box::new(Prepared::new(append).unwrap()), reply }, caller)
    }

    /// Lets commands wait, each of which changes one of these streams.
    fn wait(queue: &mut Queue, changes: impl IntoIterator<Item = String>) -> Vec<oneshot::Receiver<Outcome>> {
        let wait_one = |id: String| {
            let (request, caller) = command(&id, None);
            queue.waiting.push_back(request);
            caller
        };
        changes.into_iter().map(wait_one).collect()
    }

    fn ids(numbers: std::ops::Range<u32>) -> impl Iterator<Item = String> {
        numbers.map(|number| number.to_string())
    }

    fn begin(queue: &mut Queue) -> Option<(u64, usize)> {
        queue.next().map(|(batch, requests)| (batch, requests.len()))
    }

    #[test]
    fn many_commands_are_divided_and_few_are_not() {
        let mut queue = Queue::of(2);
        let _callers = wait(&mut queue, ids(0..256));
        assert_eq!((begin(&mut queue), begin(&mut queue)), (Some((1, 128)), Some((2, 128))));
        queue.done(1);
        let _more = wait(&mut queue, ids(1000..1127));
        assert_eq!(begin(&mut queue), None, "not yet as many as are under way");
        let _last = wait(&mut queue, ids(1127..1128));
        assert_eq!(begin(&mut queue), Some((3, 128)));
        let mut alone = Queue::of(1);
        let _callers = wait(&mut alone, ids(0..300));
        assert_eq!(begin(&mut alone), Some((1, BATCH)));
        let mut few = Queue::of(2);
        let _callers = wait(&mut few, ids(0..40));
        assert_eq!(begin(&mut few), Some((1, 40)));
    }

    #[test]
    fn what_shares_a_stream_with_a_batch_under_way_waits_for_it() {
        let mut queue = Queue::of(2);
        let _first = wait(&mut queue, ["a".to_owned()]);
        assert_eq!(begin(&mut queue), Some((1, 1)));
        let _clashing = wait(&mut queue, ["a".to_owned(), "a".to_owned()]);
        assert_eq!(begin(&mut queue), None);
        let _other = wait(&mut queue, ["b".to_owned()]);
        assert_eq!(begin(&mut queue), Some((2, 1)), "the other one need not wait");
        queue.done(2);
        assert_eq!(begin(&mut queue), None);
        queue.done(1);
        assert_eq!(begin(&mut queue), Some((3, 1)), "one of a stream at a time");
        assert_eq!(queue.waiting.len(), 1);
    }

    #[test]
    fn a_stream_that_is_only_looked_at_keeps_nobody_waiting_but_who_changes_it() {
        let mut queue = Queue::of(2);
        let mut callers = Vec::new();
        let mut add = |queue: &mut Queue, changes: &str, looks_at: Option<&str>| {
            let (request, caller) = command(changes, looks_at);
            queue.waiting.push_back(request);
            callers.push(caller);
        };
        add(&mut queue, "key 1", Some("tenant"));
        assert_eq!(begin(&mut queue), Some((1, 1)));
        add(&mut queue, "key 2", Some("tenant"));
        assert_eq!(begin(&mut queue), Some((2, 1)));
        queue.done(2);
        add(&mut queue, "tenant", None);
        add(&mut queue, "key 3", Some("tenant"));
        assert_eq!(begin(&mut queue), None, "whoever comes behind the change waits for it");
        queue.done(1);
        assert_eq!(begin(&mut queue), Some((3, 1)));
        assert_eq!(begin(&mut queue), None);
        queue.done(3);
        assert_eq!(begin(&mut queue), Some((4, 1)));
    }

    #[test]
    fn commands_whose_callers_have_gone_are_forgotten() {
        let mut queue = Queue::of(2);
        drop(wait(&mut queue, ids(0..3)));
        assert_eq!(begin(&mut queue), None);
        assert!(queue.waiting.is_empty() && queue.under_way.is_empty());
    }
}
