//! The group-commit lane: one task per process that turns the appends which arrive while a batch commits into the next one.
//! Under load a commit is shared by up to 256 commands; without load a command is alone and waits for nobody.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use super::append::{AppendError, Appended, Prepared};
use super::postgres::PostgresWriter;
use super::sqlite::SqliteWriter;
use crate::database::DatabaseError;

/// Most appends that wait in the channel; beyond it callers wait to get in.
pub(super) const QUEUE: usize = 4096;
const BATCH: usize = 256;
const BATCH_EVENTS: usize = 4096;
const BATCH_BYTES: usize = 8 << 20;
/// How long the lane is idle before it looks whether its connection still stands, so that a restart of the database is
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

    async fn keep_alive(&mut self) {
        match self {
            Self::Postgres(writer) => writer.keep_alive().await,
            Self::Sqlite(_) => {}
        }
    }
}

pub(super) struct Lane {
    pub(super) writer: Writer,
    pub(super) requests: mpsc::Receiver<Message>,
    pub(super) head: watch::Sender<u64>,
}

impl Lane {
    /// Runs until it is closed or all senders are gone, and then until all that was queued is answered.
    pub(super) async fn run(mut self) {
        let mut waiting = VecDeque::new();
        let mut closing = Vec::new();
        while self.receive(&mut waiting, &mut closing).await {
            let batch = take_batch(&mut waiting);
            self.commit(batch).await;
        }
        for closed in closing {
            // Whoever waited for the end may have given up.
            let _ = closed.send(());
        }
    }

    /// Waits for requests if there are none, and takes what is there. False at the end.
    async fn receive(
        &mut self,
        waiting: &mut VecDeque<Request>,
        closing: &mut Vec<oneshot::Sender<()>>,
    ) -> bool {
        let mut messages = Vec::new();
        if waiting.is_empty() {
            loop {
                match tokio::time::timeout(IDLE, self.requests.recv_many(&mut messages, BATCH)).await {
                    Ok(0) => return false,
                    Ok(_) => break,
                    Err(_) => self.writer.keep_alive().await,
                }
            }
        } else {
            // Read on behind the commands that wait for their turn, so that one busy stream does not hold up the others.
            while messages.len() < BATCH && waiting.len() + messages.len() < QUEUE {
                match self.requests.try_recv() {
                    Ok(message) => messages.push(message),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
        }
        for message in messages {
            match message {
                Message::Append(request) => waiting.push_back(request),
                Message::Close(closed) => {
                    self.requests.close();
                    closing.push(closed);
                }
            }
        }
        true
    }

    async fn commit(&mut self, batch: Vec<Request>) {
        let mut chunks = vec![batch];
        while let Some(mut chunk) = chunks.pop() {
            if chunk.is_empty() {
                continue;
            }
            let appends: Vec<&Prepared> = chunk.iter().map(|request| &*request.append).collect();
            match self.writer.commit(&appends).await {
                Ok(outcomes) => {
                    if let Some(last) = outcomes.iter().flatten().map(|appended| appended.last).max() {
                        advance(&self.head, last);
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
                        AppendError::Unavailable(error)
                    };
                    let outcomes = chunk.iter().map(|_| Err(outcome.clone())).collect();
                    answer(chunk, outcomes);
                }
            }
        }
    }
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

/// Takes what may commit together, in order of arrival. A command that shares a stream, key, claim or quota with an earlier
/// one stays for a later batch, and whatever shares something with it stays behind it. Streams that both only look at do not
/// count: a tenant's keys are rotated together, each on condition that the tenant stands as it did.
fn take_batch(waiting: &mut VecDeque<Request>) -> Vec<Request> {
    let mut batch: Vec<Request> = Vec::new();
    let mut kept = VecDeque::new();
    let (mut changed, mut looked_at) = (HashSet::<u64>::new(), HashSet::<u64>::new());
    let (mut events, mut bytes) = (0, 0);
    while let Some(request) = waiting.pop_front() {
        if request.reply.is_closed() {
            continue;
        }
        let full = batch.len() >= BATCH
            || !batch.is_empty()
                && (events + request.append.event_count > BATCH_EVENTS
                    || bytes + request.append.bytes > BATCH_BYTES);
        if full {
            kept.push_back(request);
            break;
        }
        let append = &request.append;
        let clashes = append.keys.iter().any(|key| changed.contains(key) || looked_at.contains(key))
            || append.conditions.iter().any(|key| changed.contains(key));
        // All go in even when one is there already: see above.
        changed.extend(&append.keys);
        looked_at.extend(&append.conditions);
        if clashes {
            kept.push_back(request);
        } else {
            events += request.append.event_count;
            bytes += request.append.bytes;
            batch.push(request);
        }
    }
    kept.append(waiting);
    *waiting = kept;
    batch
}
