//! The journal: one ordered log of all events, appended to through one lane per process and read by position.
//! Positions are dense and in commit order, so a reader that remembers the last one misses nothing.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, TryStreamExt};
use nexus_domain::validity::DialectEntry;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::database::{ANSWERS_WITHIN, Database, DatabaseError, Row, Value, in_time};

mod append;
mod json;
mod lane;
mod postgres;
mod recent;
mod shared_read;
mod sqlite;
mod store;
mod subscription;
#[cfg(test)]
mod tests;

pub use append::{
    Append, AppendError, Appended, Claim, ClaimAction, Expected, Idempotency, MAX_NAME, NewEvent, Slot,
    SlotAction, StreamAppend,
};
pub use json::Json;
pub use store::JournalStore;
pub use subscription::Subscription;

use append::Prepared;
use lane::{Lane, Message, QUEUE, Request, Writer};
use recent::Recent;
use shared_read::SharedRead;

/// How often the head is read, to notice appends of which no notification came.
const POLL: Duration = Duration::from_secs(1);
/// Most rows that one statement of [`Journal::purge_expired`] removes.
const PURGE: i64 = 1000;

/// How the journal works.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// How long the lane waits for the store to commit a batch, and how long an append waits, its place in the lane's queue
    /// included, before it is [`AppendError::Unavailable`].
    pub append_timeout: Duration,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { append_timeout: ANSWERS_WITHIN }
    }
}

/// That an event was appended, and to which stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The event's place in the whole log, from 1, without gaps.
    pub position: u64,
    /// The aggregate's type.
    pub aggregate_type: String,
    /// The aggregate's id.
    pub aggregate_id: String,
    /// The event's place in its aggregate's stream, from 1.
    pub sequence: u64,
    /// The event's type.
    pub event_type: String,
    /// [`Append::shows`], with the last event of an append of this process that is remembered; never from the store.
    pub shows: Option<Arc<DialectEntry>>,
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// Its place in the whole log, from 1, without gaps.
    pub position: u64,
    /// The aggregate's type.
    pub aggregate_type: String,
    /// The aggregate's id.
    pub aggregate_id: String,
    /// Its place in its aggregate's stream, from 1.
    pub sequence: u64,
    /// The event's type.
    pub event_type: String,
    /// The version of its schema.
    pub event_version: String,
    /// The event itself.
    pub payload: Json,
    /// Tenant, actor, request and causation.
    pub metadata: Json,
    /// [`Append::now`] of the command, in unix microseconds. It need not rise with the position.
    pub created_at: i64,
}

impl RecordedEvent {
    fn bytes(&self) -> usize {
        self.payload.as_str().len() + self.metadata.as_str().len()
    }
}

/// What a repeated request is answered with.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredResult {
    /// SHA-256 of the first request.
    pub fingerprint: Vec<u8>,
    /// Its answer, encrypted by the caller.
    pub result: Vec<u8>,
}

impl std::fmt::Debug for StoredResult {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StoredResult").finish_non_exhaustive()
    }
}

/// The log. Cheap to clone; when the last clone is dropped, what is queued is still committed.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    database: Database,
    lane: mpsc::Sender<Message>,
    /// How long an append waits.
    patience: Duration,
    head: watch::Sender<u64>,
    heads: SharedRead,
    recent: Arc<Recent>,
    watchers: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for watcher in &self.watchers {
            watcher.abort();
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Journal").field("head", &*self.0.head.borrow()).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the log and starts its lane, on the runtime that this is called from.
    ///
    /// Fails with [`DatabaseError::OlderSchema`] or [`DatabaseError::NewerSchema`] if the schema is not this program's.
    pub async fn open(database: Database, options: JournalOptions) -> Result<Self, DatabaseError> {
        database.require_current_schema().await?;
        let position = read_head(&database).await?;
        let head = watch::Sender::new(position);
        let (sender, requests) = mpsc::channel(QUEUE);
        let mut watchers = vec![tokio::spawn(poll(database.clone(), head.clone())).abort_handle()];
        let writers = match &database {
            Database::Postgres(pool) => {
                watchers.push(tokio::spawn(postgres::listen(pool.clone(), head.clone())).abort_handle());
                let writer = || postgres::PostgresWriter::new(pool, options.append_timeout);
                vec![Writer::Postgres(writer()), Writer::Postgres(writer())]
            }
            Database::Sqlite(sqlite) => {
                vec![Writer::Sqlite(sqlite::SqliteWriter::new(sqlite.clone(), options.append_timeout))]
            }
        };
        let patience = options.append_timeout;
        let recent = Arc::<Recent>::default();
        tokio::spawn(Lane { writers, requests, head: head.clone(), recent: Arc::clone(&recent) }.run());
        Ok(Self(Arc::new(Inner {
            database,
            lane: sender,
            patience,
            head,
            heads: SharedRead::default(),
            recent,
            watchers,
        })))
    }

    /// The store that the log is in.
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// Appends, all or nothing, and returns once it is durable. Dropping the future withdraws it where the lane
    /// has not taken it yet, and does not take it back afterwards; neither does [`AppendError::Unavailable`].
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.submit(Prepared::new(append)?).await
    }

    async fn submit(&self, append: Prepared) -> Result<Appended, AppendError> {
        let (reply, outcome) = oneshot::channel();
        let message = Message::Append(Request { append: Box::new(append), reply });
        let work = async {
            self.0.lane.send(message).await.map_err(|_| AppendError::Closed)?;
            outcome.await.unwrap_or(Err(AppendError::Closed))
        };
        // Behind a batch that is not answered, a command would wait for that one's time and then for its own.
        let outcome = tokio::time::timeout(self.0.patience, work).await;
        outcome.unwrap_or_else(|_| Err(AppendError::Unavailable(DatabaseError::timed_out())))
    }

    /// The log's own id: positions of two logs mean nothing to each other. A restored copy of the store keeps it.
    ///
    /// Fails with [`DatabaseError::Malformed`] if it is not there.
    pub async fn id(&self) -> Result<Uuid, DatabaseError> {
        let rows = self.0.database.query("SELECT id FROM log_identity", &[]).await?;
        let text = rows.first().ok_or(sqlx::Error::RowNotFound)?.text(0)?;
        text.parse().map_err(|error: uuid::Error| DatabaseError::Malformed(Arc::new(error)))
    }

    /// The last committed position, 0 for an empty log, read from the database after this was called. Those who ask at once share
    /// what is read.
    pub async fn head(&self) -> Result<u64, DatabaseError> {
        self.0.heads.read(|| read_head(&self.0.database)).await
    }

    /// The events behind position `after`, at most `limit`, in order. Fewer where they are big: what is read at once takes
    /// about 16 MiB at most.
    pub async fn read(&self, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, DatabaseError> {
        Ok(self.read_turn(after, limit).await?.events)
    }

    /// As [`Journal::read`], and says whether there were no more.
    pub async fn read_turn(&self, after: u64, limit: u32) -> Result<Turn, DatabaseError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        match &self.0.database {
            Database::Postgres(pool) => in_time(postgres::read(pool, after, limit)).await,
            Database::Sqlite(sqlite) => in_time(sqlite::read(sqlite, after, limit)).await,
        }
    }

    /// As [`Journal::read`], without what the events say: that may be long, and whoever reads states needs none of it.
    pub async fn changes(&self, after: u64, limit: u32) -> Result<Vec<Change>, DatabaseError> {
        let log = if self.0.database.is_postgres() {
            "events"
        } else {
            "event_log JOIN events USING (aggregate_type, aggregate_id, sequence)"
        };
        let sql = format!(
            "SELECT position, aggregate_type, aggregate_id, sequence, event_type FROM {log} \
             WHERE position > $1 ORDER BY position LIMIT $2"
        );
        let args = [i64::try_from(after).unwrap_or(i64::MAX).into(), i64::from(limit).into()];
        let change = |row: &Row| {
            Ok(Change {
                position: row.uint(0)?,
                aggregate_type: row.text(1)?.to_owned(),
                aggregate_id: row.text(2)?.to_owned(),
                sequence: row.uint(3)?,
                event_type: row.text(4)?.to_owned(),
                shows: None,
            })
        };
        self.0.database.query(&sql, &args).await?.iter().map(change).collect()
    }

    /// The changes right behind position `after`, at most `limit`, as far as this process appended them itself, and not long ago;
    /// none where the next one is not among them. Without a look at the store.
    pub fn recent_changes(&self, after: u64, limit: u32) -> Vec<Change> {
        self.0.recent.after(after, limit as usize)
    }

    /// The events at these positions, in order; what is not in the log is left out. Where they are big, as many as
    /// [`Journal::read`] reads at once, and [`Turn::at_end`] says whether those are all.
    pub async fn at(&self, positions: &[u64]) -> Result<Turn, DatabaseError> {
        let positions =
            positions.iter().map(|position| i64::try_from(*position).unwrap_or(i64::MAX)).collect();
        in_time(async {
            match &self.0.database {
                Database::Postgres(pool) => postgres::at(pool, positions).await,
                Database::Sqlite(sqlite) => sqlite::at(sqlite, positions).await,
            }
        })
        .await
    }

    /// What was stored under an idempotency key that has not run out at `now` (unix microseconds).
    pub async fn idempotent_result(
        &self,
        scope: &str,
        key: &str,
        now: i64,
    ) -> Result<Option<StoredResult>, DatabaseError> {
        let sql =
            "SELECT fingerprint, result FROM idempotency WHERE scope = $1 AND key = $2 AND expires_at > $3";
        let rows = self.0.database.query(sql, &[scope.into(), key.into(), now.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(StoredResult { fingerprint: row.blob(0)?.to_vec(), result: row.blob(1)?.to_vec() }))
    }

    /// Puts another result under an idempotency key where `before` still is, and says whether it was.
    pub async fn replace_idempotent_result(
        &self,
        new: &Idempotency,
        before: &[u8],
    ) -> Result<bool, DatabaseError> {
        let sql = "UPDATE idempotency SET result = $1 WHERE scope = $2 AND key = $3 AND result = $4";
        let args =
            [new.result.as_slice().into(), new.scope.as_str().into(), new.key.as_str().into(), before.into()];
        Ok(self.0.database.execute(sql, &args).await? > 0)
    }

    /// Removes idempotency keys and quota slots that have run out at `now` (unix microseconds), at most 1000 of each, and
    /// returns how many. Nothing depends on it but the size of the tables.
    pub async fn purge_expired(&self, now: i64) -> Result<u64, DatabaseError> {
        let mut removed = 0;
        for (table, key) in [("idempotency", "scope, key"), ("slot", "quota, holder")] {
            // A row that an append is about to overwrite is skipped, for waiting both ways round would be a deadlock.
            let lock = if self.0.database.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
            let sql = format!(
                "DELETE FROM {table} WHERE ({key}) IN \
                 (SELECT {key} FROM {table} WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 {lock})"
            );
            removed += self.0.database.execute(&sql, &[now.into(), Value::from(PURGE)]).await?;
        }
        Ok(removed)
    }

    /// The highest position known to be committed. Appends of this process move it before they return; those of others
    /// move it by notification on PostgreSQL, and in any case within about a second.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.head.subscribe()
    }

    /// Lets the lane commit what is queued, then stops it. Later appends, through any clone, are [`AppendError::Closed`].
    pub async fn close(self) {
        let (closed, done) = oneshot::channel();
        if self.0.lane.send(Message::Close(closed)).await.is_ok() {
            // The lane drops the sender when it is gone already, which is just as well.
            let _ = done.await;
        }
    }
}

async fn read_head(database: &Database) -> Result<u64, DatabaseError> {
    match database {
        Database::Postgres(pool) => in_time(postgres::head(pool)).await,
        Database::Sqlite(sqlite) => in_time(sqlite::head(sqlite)).await,
    }
}

/// Moves the known head by looking, until it is aborted. Errors are left to those who read events.
async fn poll(database: Database, head: watch::Sender<u64>) {
    loop {
        tokio::time::sleep(POLL).await;
        if let Ok(position) = read_head(&database).await {
            lane::advance(&head, position);
        }
    }
}

fn quota_exceeded(slot: Option<&Slot>) -> AppendError {
    let limit = match slot.map(|slot| slot.action) {
        Some(SlotAction::Take { limit, .. } | SlotAction::Extend { limit, .. }) => limit,
        Some(SlotAction::Release) | None => 0,
    };
    AppendError::QuotaExceeded { quota: slot.map(|slot| slot.quota.clone()).unwrap_or_default(), limit }
}

/// The columns of a recorded event, in the order in which both stores select them.
#[derive(sqlx::FromRow)]
struct EventColumns<J> {
    position: i64,
    aggregate_type: String,
    aggregate_id: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    payload: J,
    metadata: J,
    created_at: i64,
}

/// Bytes of events that are read at once, apart from the last one.
const READ_AT_ONCE: usize = 16 << 20;

/// What is read of the log at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The events, in order.
    pub events: Vec<RecordedEvent>,
    /// Whether, when they were read, there was nothing behind them of what was asked for.
    pub at_end: bool,
}

/// Takes the rows of a query for `limit` of them until they are enough for memory.
async fn bounded<J: Into<String>>(
    rows: &mut (impl Stream<Item = Result<EventColumns<J>, sqlx::Error>> + Unpin),
    limit: u32,
) -> Result<Turn, DatabaseError> {
    let mut events = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        let event = RecordedEvent::from(row);
        bytes += event.bytes();
        events.push(event);
        if bytes >= READ_AT_ONCE {
            return Ok(Turn { events, at_end: false });
        }
    }
    let at_end = events.len() < limit as usize;
    Ok(Turn { events, at_end })
}

impl<J: Into<String>> From<EventColumns<J>> for RecordedEvent {
    fn from(columns: EventColumns<J>) -> Self {
        Self {
            position: columns.position.unsigned_abs(),
            aggregate_type: columns.aggregate_type,
            aggregate_id: columns.aggregate_id,
            sequence: columns.sequence.unsigned_abs(),
            event_type: columns.event_type,
            event_version: columns.event_version,
            payload: Json::stored(columns.payload.into()),
            metadata: Json::stored(columns.metadata.into()),
            created_at: columns.created_at,
        }
    }
}
