//! The journal on PostgreSQL: a batch is one call of `append_batch` (see the migration), and LISTEN wakes the readers.

use std::sync::Arc;
use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArgumentBuffer, PgConnectOptions, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef,
};
use sqlx::types::Json;
use sqlx::{Connection, Decode, Encode, PgConnection, PgPool, Postgres, Type};
use tokio::sync::watch;

use super::append::{AppendError, Appended, ClaimAction, Prepared, SlotAction};
use super::lane::{Outcome, advance};
use super::{EventColumns, Turn};
use crate::database::listen::{self, Heard};
use crate::database::{DatabaseError, prepare_session};

const APPEND: &str = "SELECT head, rejected, reasons, details FROM append_batch(\
     $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)";

const SELECT: &str = "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, \
                      created_at FROM events";

/// A connection of the lane's own, so that a busy pool never holds up commits.
pub(super) struct PostgresWriter {
    options: Arc<PgConnectOptions>,
    connection: Option<PgConnection>,
    timeout: Duration,
}

impl PostgresWriter {
    pub(super) fn new(pool: &PgPool, timeout: Duration) -> Self {
        Self { options: pool.connect_options(), connection: None, timeout }
    }

    /// Commits what can be. The connection is put back only after success or a plain refusal: after anything else, a dropped
    /// future included, its state is unknown.
    pub(super) async fn commit(&mut self, batch: &[&Prepared]) -> Result<Vec<Outcome>, DatabaseError> {
        let work = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => connect(&self.options).await?,
            };
            let answer = append(&mut connection, batch).await;
            if answer.as_ref().err().is_none_or(DatabaseError::is_refusal) {
                self.connection = Some(connection);
            }
            answer
        };
        match tokio::time::timeout(self.timeout, work).await {
            Ok(answer) => answer,
            Err(_) => Err(DatabaseError::timed_out()),
        }
    }

    /// Gives up the connection: the next batch gets a new one.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Finds out between batches whether the connection still stands, and replaces it.
    pub(super) async fn keep_alive(&mut self) {
        let work = async {
            if let Some(mut connection) = self.connection.take() {
                connection.ping().await.ok()?;
                return Some(connection);
            }
            connect(&self.options).await.ok()
        };
        self.connection = tokio::time::timeout(self.timeout, work).await.ok().flatten();
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    prepare_session(&mut connection).await?;
    Ok(connection)
}

/// Rendered JSON, bound as `jsonb` without parsing it again.
struct RenderedJson<'a>(&'a str);

impl Type<Postgres> for RenderedJson<'_> {
    fn type_info() -> PgTypeInfo {
        <Json<serde_json::Value> as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for RenderedJson<'_> {
    fn array_type_info() -> PgTypeInfo {
        <Json<serde_json::Value> as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for RenderedJson<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // The version of jsonb's binary form, then the text.
        buffer.push(1);
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

/// A value of `jsonb`, read as text without parsing it.
struct StoredJson(String);

impl Type<Postgres> for StoredJson {
    fn type_info() -> PgTypeInfo {
        RenderedJson::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for StoredJson {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Text => Ok(Self(value.as_str()?.to_owned())),
            PgValueFormat::Binary => match value.as_bytes()?.split_first() {
                Some((1, text)) => Ok(Self(std::str::from_utf8(text)?.to_owned())),
                Some((version, _)) => Err(format!("jsonb comes in the unknown version {version}").into()),
                None => Err("jsonb comes without a version".into()),
            },
        }
    }
}

impl From<StoredJson> for String {
    fn from(json: StoredJson) -> Self {
        json.0
    }
}

#[derive(Default)]
struct Streams<'a> {
    cmd: Vec<i32>,
    aggregate_type: Vec<&'a str>,
    aggregate_id: Vec<&'a str>,
    expected: Vec<i64>,
}

#[derive(Default)]
struct Events<'a> {
    cmd: Vec<i32>,
    stream: Vec<i32>,
    offset: Vec<i32>,
    aggregate_type: Vec<&'a str>,
    aggregate_id: Vec<&'a str>,
    event_type: Vec<&'a str>,
    event_version: Vec<&'a str>,
    payload: Vec<RenderedJson<'a>>,
    metadata: Vec<RenderedJson<'a>>,
    created_at: Vec<Option<i64>>,
}

#[derive(Default)]
struct Keys<'a> {
    cmd: Vec<i32>,
    scope: Vec<&'a str>,
    key: Vec<&'a str>,
    fingerprint: Vec<&'a [u8]>,
    result: Vec<&'a [u8]>,
    now: Vec<i64>,
    expires_at: Vec<i64>,
}

#[derive(Default)]
struct Claims<'a> {
    cmd: Vec<i32>,
    name: Vec<&'a str>,
    holder: Vec<&'a str>,
    take: Vec<bool>,
}

#[derive(Default)]
struct Slots<'a> {
    cmd: Vec<i32>,
    quota: Vec<&'a str>,
    holder: Vec<&'a str>,
    hold: Vec<bool>,
    limit: Vec<i64>,
    expires_at: Vec<Option<i64>>,
    now: Vec<i64>,
}

/// The arrays of one call.
#[derive(Default)]
struct Arrays<'a> {
    streams: Streams<'a>,
    events: Events<'a>,
    keys: Keys<'a>,
    claims: Claims<'a>,
    slots: Slots<'a>,
}

impl<'a> Arrays<'a> {
    fn of(batch: &[&'a Prepared]) -> Self {
        let mut arrays = Self::default();
        for (append, cmd) in batch.iter().zip(0..) {
            arrays.push_streams(cmd, append);
            arrays.push_conditions(cmd, append);
        }
        arrays
    }

    fn push_streams(&mut self, cmd: i32, append: &'a Prepared) {
        for stream in &append.streams {
            self.streams.cmd.push(cmd);
            self.streams.aggregate_type.push(&stream.aggregate_type);
            self.streams.aggregate_id.push(&stream.aggregate_id);
            self.streams.expected.push(stream.expected.unwrap_or(-1));
            // SQL counts from 1. A batch has far fewer streams than an i32 can count: the lane bounds it.
            let number = i32::try_from(self.streams.cmd.len()).unwrap_or(i32::MAX);
            for (event, offset) in stream.events.iter().zip(1..) {
                self.events.cmd.push(cmd);
                self.events.stream.push(number);
                self.events.offset.push(offset);
                self.events.aggregate_type.push(&stream.aggregate_type);
                self.events.aggregate_id.push(&stream.aggregate_id);
                self.events.event_type.push(&event.event_type);
                self.events.event_version.push(&event.event_version);
                self.events.payload.push(RenderedJson(event.payload.as_str()));
                self.events.metadata.push(RenderedJson(event.metadata.as_str()));
                self.events.created_at.push(append.created_at);
            }
        }
    }

    fn push_conditions(&mut self, cmd: i32, append: &'a Prepared) {
        if let Some(idempotency) = &append.idempotency {
            self.keys.cmd.push(cmd);
            self.keys.scope.push(&idempotency.scope);
            self.keys.key.push(&idempotency.key);
            self.keys.fingerprint.push(&idempotency.fingerprint);
            self.keys.result.push(&idempotency.result);
            self.keys.now.push(append.now);
            self.keys.expires_at.push(idempotency.expires_at);
        }
        for claim in &append.claims {
            self.claims.cmd.push(cmd);
            self.claims.name.push(&claim.name);
            self.claims.holder.push(&claim.holder);
            self.claims.take.push(claim.action == ClaimAction::Take);
        }
        for slot in &append.slots {
            let (hold, limit, expires_at) = match slot.action {
                SlotAction::Take { limit, expires_at } | SlotAction::Extend { limit, expires_at } => {
                    (true, limit, expires_at)
                }
                SlotAction::Release => (false, 0, None),
            };
            self.slots.cmd.push(cmd);
            self.slots.quota.push(&slot.quota);
            self.slots.holder.push(&slot.holder);
            self.slots.hold.push(hold);
            self.slots.limit.push(i64::from(limit));
            self.slots.expires_at.push(expires_at);
            self.slots.now.push(append.now);
        }
    }
}

type Answer = (i64, Vec<i32>, Vec<i32>, Vec<i32>);

async fn append(connection: &mut PgConnection, batch: &[&Prepared]) -> Result<Vec<Outcome>, DatabaseError> {
    let Arrays { streams, events, keys, claims, slots } = Arrays::of(batch);
    let query = sqlx::query_as::<_, Answer>(APPEND)
        .bind(streams.cmd)
        .bind(streams.aggregate_type)
        .bind(streams.aggregate_id)
        .bind(streams.expected)
        .bind(events.cmd)
        .bind(events.stream)
        .bind(events.offset)
        .bind(events.aggregate_type)
        .bind(events.aggregate_id)
        .bind(events.event_type)
        .bind(events.event_version)
        .bind(events.payload)
        .bind(events.metadata)
        .bind(events.created_at)
        .bind(keys.cmd)
        .bind(keys.scope)
        .bind(keys.key)
        .bind(keys.fingerprint)
        .bind(keys.result)
        .bind(keys.now)
        .bind(keys.expires_at)
        .bind(claims.cmd)
        .bind(claims.name)
        .bind(claims.holder)
        .bind(claims.take)
        .bind(slots.cmd)
        .bind(slots.quota)
        .bind(slots.holder)
        .bind(slots.hold)
        .bind(slots.limit)
        .bind(slots.expires_at)
        .bind(slots.now);
    let (head, rejected, reasons, details) = query.fetch_one(connection).await?;
    let mut outcomes: Vec<Option<AppendError>> = batch.iter().map(|_| None).collect();
    for ((cmd, reason), detail) in rejected.into_iter().zip(reasons).zip(details) {
        let cmd = usize::try_from(cmd).unwrap_or(usize::MAX);
        if let (Some(outcome), Some(append)) = (outcomes.get_mut(cmd), batch.get(cmd)) {
            *outcome = Some(rejection(append, cmd, batch, reason, detail));
        }
    }
    Ok(place(u64::try_from(head).unwrap_or(0), batch, outcomes))
}

/// Turns the function's reason into an error. `detail` counts the claims or slots of the whole batch, from 1.
fn rejection(append: &Prepared, cmd: usize, batch: &[&Prepared], reason: i32, detail: i32) -> AppendError {
    let before =
        |count: fn(&Prepared) -> usize| -> usize { batch.iter().take(cmd).map(|append| count(append)).sum() };
    let detail = usize::try_from(detail).unwrap_or(0).saturating_sub(1);
    match reason {
        1 => AppendError::Conflict,
        2 => AppendError::IdempotencyTaken,
        3 => {
            let claim = append.claims.get(detail.saturating_sub(before(|append| append.claims.len())));
            AppendError::ClaimTaken { name: claim.map(|claim| claim.name.clone()).unwrap_or_default() }
        }
        4 => {
            let slot = append.slots.get(detail.saturating_sub(before(|append| append.slots.len())));
            super::quota_exceeded(slot)
        }
        other => AppendError::Invalid(format!("the database rejected it for the unknown reason {other}")),
    }
}

/// Counts positions on behind `head`, over the commands that were accepted.
fn place(head: u64, batch: &[&Prepared], rejections: Vec<Option<AppendError>>) -> Vec<Outcome> {
    let mut last = head;
    let place_one = |(append, rejection): (&&Prepared, Option<AppendError>)| match rejection {
        Some(error) => Err(error),
        None => {
            let events = append.event_count as u64;
            let first = if events == 0 { last } else { last + 1 };
            last += events;
            Ok(Appended { first, last })
        }
    };
    batch.iter().zip(rejections).map(place_one).collect()
}

pub(super) async fn head(pool: &PgPool) -> Result<u64, DatabaseError> {
    let (head,): (i64,) = sqlx::query_as("SELECT pos FROM log_head WHERE id = 1").fetch_one(pool).await?;
    Ok(u64::try_from(head).unwrap_or(0))
}

pub(super) async fn read(pool: &PgPool, after: i64, limit: u32) -> Result<Turn, DatabaseError> {
    let sql = format!("{SELECT} WHERE position > $1 ORDER BY position LIMIT $2");
    let mut rows =
        sqlx::query_as::<_, EventColumns<StoredJson>>(&sql).bind(after).bind(i64::from(limit)).fetch(pool);
    super::bounded(&mut rows, limit).await
}

pub(super) async fn at(pool: &PgPool, positions: Vec<i64>) -> Result<Turn, DatabaseError> {
    let sql = format!("{SELECT} WHERE position = ANY($1) ORDER BY position");
    let mut rows = sqlx::query_as::<_, EventColumns<StoredJson>>(&sql).bind(positions).fetch(pool);
    super::bounded(&mut rows, u32::MAX).await
}

/// Moves `head` with the notifications of all processes, until it is aborted.
pub(super) async fn listen(pool: PgPool, head: watch::Sender<u64>) {
    let follow = |heard: Heard<'_>| {
        // What was missed before it listened, the poll finds.
        if let Heard::Announced(payload) = heard
            && let Ok(position) = payload.parse()
        {
            advance(&head, position);
        }
    };
    match listen::listen(pool, "nexus_journal", follow).await {}
}
