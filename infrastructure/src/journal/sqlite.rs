//! The journal on SQLite: a batch is one transaction of the only writer. Every command is judged before it writes, so a
//! rejected one leaves nothing behind.

use std::time::Duration;

use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::append::{
    AppendError, Appended, Claim, ClaimAction, Idempotency, Prepared, PreparedStream, Slot, SlotAction,
};
use super::lane::Outcome;
use super::{EventColumns, Turn};
use crate::database::{DatabaseError, SqliteDatabase};

// CROSS JOIN fixes the order of the loops: positions first, each event by its key.
const SELECT: &str = "SELECT l.position, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version, e.payload, \
            e.metadata, l.created_at \
     FROM event_log l CROSS JOIN events e \
       ON e.aggregate_type = l.aggregate_type AND e.aggregate_id = l.aggregate_id AND e.sequence = l.sequence";

pub(super) struct SqliteWriter {
    database: SqliteDatabase,
    timeout: Duration,
}

impl SqliteWriter {
    pub(super) fn new(database: SqliteDatabase, timeout: Duration) -> Self {
        Self { database, timeout }
    }

    /// Commits what can be. What is given up is taken back, unless it was being committed already: nobody knows then.
    pub(super) async fn commit(&mut self, batch: &[&Prepared]) -> Result<Vec<Outcome>, DatabaseError> {
        match tokio::time::timeout(self.timeout, self.commit_all(batch)).await {
            Ok(answer) => answer,
            Err(_) => Err(DatabaseError::timed_out()),
        }
    }

    async fn commit_all(&mut self, batch: &[&Prepared]) -> Result<Vec<Outcome>, DatabaseError> {
        let mut transaction: Transaction<'_, Sqlite> =
            self.database.write.begin_with("BEGIN IMMEDIATE").await?;
        let mut last = read_head(&mut transaction).await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for append in batch {
            let judgement = judge(&mut transaction, append).await?;
            outcomes.push(match judgement {
                Ok(sequences) => {
                    write(&mut transaction, append, &sequences, last).await?;
                    let first = if append.event_count == 0 { last } else { last + 1 };
                    last += append.event_count as u64;
                    Ok(Appended { first, last })
                }
                Err(rejection) => Err(rejection),
            });
        }
        transaction.commit().await?;
        Ok(outcomes)
    }
}

/// The last sequence of each stream for which one is expected, or why the command is rejected; the order of the reasons is PostgreSQL's.
async fn judge(
    connection: &mut SqliteConnection,
    append: &Prepared,
) -> Result<Result<Vec<Option<i64>>, AppendError>, DatabaseError> {
    if let Some(idempotency) = &append.idempotency
        && key_is_taken(connection, idempotency, append.now).await?
    {
        return Ok(Err(AppendError::IdempotencyTaken));
    }
    let mut sequences = Vec::with_capacity(append.streams.len());
    for stream in &append.streams {
        let Some(expected) = stream.expected else {
            sequences.push(None);
            continue;
        };
        let (last,): (i64,) = sqlx::query_as(
            "SELECT coalesce(max(sequence), 0) FROM events WHERE aggregate_type = $1 AND aggregate_id = $2",
        )
        .bind(&stream.aggregate_type)
        .bind(&stream.aggregate_id)
        .fetch_one(&mut *connection)
        .await?;
        if expected != last {
            return Ok(Err(AppendError::Conflict));
        }
        sequences.push(Some(last));
    }
    for claim in append.claims.iter().filter(|claim| claim.action == ClaimAction::Take) {
        if claim_is_taken(connection, claim, &append.claims).await? {
            return Ok(Err(AppendError::ClaimTaken { name: claim.name.clone() }));
        }
    }
    for slot in &append.slots {
        if !quota_has_room(connection, slot, &append.slots, append.now).await? {
            return Ok(Err(super::quota_exceeded(Some(slot))));
        }
    }
    Ok(Ok(sequences))
}

async fn key_is_taken(
    connection: &mut SqliteConnection,
    idempotency: &Idempotency,
    now: i64,
) -> Result<bool, DatabaseError> {
    let taken = sqlx::query("SELECT 1 FROM idempotency WHERE scope = $1 AND key = $2 AND expires_at > $3")
        .bind(&idempotency.scope)
        .bind(&idempotency.key)
        .bind(now)
        .fetch_optional(connection)
        .await?;
    Ok(taken.is_some())
}

async fn claim_is_taken(
    connection: &mut SqliteConnection,
    claim: &Claim,
    all: &[Claim],
) -> Result<bool, DatabaseError> {
    let holder: Option<(String,)> = sqlx::query_as("SELECT holder FROM claim WHERE name = $1")
        .bind(&claim.name)
        .fetch_optional(connection)
        .await?;
    Ok(holder.is_some_and(|(holder,)| {
        let handed_over = all.iter().any(|other| {
            other.action == ClaimAction::Release && other.name == claim.name && other.holder == holder
        });
        holder != claim.holder && !handed_over
    }))
}

/// Judges a whole quota once, by the first slot that is to be held in it, as it would be after the command.
async fn quota_has_room(
    connection: &mut SqliteConnection,
    slot: &Slot,
    all: &[Slot],
    now: i64,
) -> Result<bool, DatabaseError> {
    let mine: Vec<&Slot> = all.iter().filter(|other| other.quota == slot.quota).collect();
    let judged = mine.iter().find(|other| other.action != SlotAction::Release);
    if judged.is_none_or(|judged| judged.holder != slot.holder) {
        return Ok(true);
    }
    let wanted: Vec<(&str, u32)> = mine
        .iter()
        .filter_map(|slot| match slot.action {
            SlotAction::Take { limit, expires_at } | SlotAction::Extend { limit, expires_at } => {
                expires_at.is_none_or(|at| at > now).then_some((slot.holder.as_str(), limit))
            }
            SlotAction::Release => None,
        })
        .collect();
    let Some(limit) = wanted.iter().map(|(_, limit)| *limit).min() else {
        return Ok(true);
    };
    let held: Vec<(String,)> = sqlx::query_as(
        "SELECT holder FROM slot WHERE quota = $1 AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(&slot.quota)
    .bind(now)
    .fetch_all(connection)
    .await?;
    let is_held = |holder: &str| held.iter().any(|(other,)| other == holder);
    let others = held.iter().filter(|(holder,)| !mine.iter().any(|slot| slot.holder == *holder)).count();
    let adds = wanted.iter().any(|(holder, _)| !is_held(holder));
    Ok(!adds || others + wanted.len() <= limit as usize)
}

async fn write(
    connection: &mut SqliteConnection,
    append: &Prepared,
    sequences: &[Option<i64>],
    head: u64,
) -> Result<(), DatabaseError> {
    for (stream, last) in append.streams.iter().zip(sequences) {
        write_events(connection, stream, *last).await?;
    }
    // The trigger has stamped them with the machine's clock.
    if let Some(created_at) = append.created_at
        && append.event_count > 0
    {
        sqlx::query("UPDATE event_log SET created_at = $1 WHERE position > $2")
            .bind(created_at)
            .bind(i64::try_from(head).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await?;
    }
    if let Some(idempotency) = &append.idempotency {
        sqlx::query("INSERT OR REPLACE INTO idempotency VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&idempotency.scope)
            .bind(&idempotency.key)
            .bind(&idempotency.fingerprint)
            .bind(&idempotency.result)
            .bind(append.now)
            .bind(idempotency.expires_at)
            .execute(&mut *connection)
            .await?;
    }
    write_claims(connection, &append.claims).await?;
    write_slots(connection, &append.slots).await
}

async fn write_events(
    connection: &mut SqliteConnection,
    stream: &PreparedStream,
    last: Option<i64>,
) -> Result<(), DatabaseError> {
    const BEHIND: &str = "coalesce(?3, (SELECT coalesce(max(sequence), 0) + 1 FROM events \
                          WHERE aggregate_type = ?1 AND aggregate_id = ?2))";
    let sql = format!("INSERT INTO events VALUES (?1, ?2, {BEHIND}, ?4, ?5, ?6, ?7)");
    for (event, offset) in stream.events.iter().zip(1..) {
        sqlx::query(&sql)
            .bind(&stream.aggregate_type)
            .bind(&stream.aggregate_id)
            .bind(last.map(|last| last + offset))
            .bind(&event.event_type)
            .bind(&event.event_version)
            .bind(event.payload.as_str())
            .bind(event.metadata.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn write_claims(connection: &mut SqliteConnection, claims: &[Claim]) -> Result<(), DatabaseError> {
    for action in [ClaimAction::Release, ClaimAction::Take] {
        for claim in claims.iter().filter(|claim| claim.action == action) {
            let sql = match action {
                ClaimAction::Release => "DELETE FROM claim WHERE name = $1 AND holder = $2",
                ClaimAction::Take => "INSERT INTO claim VALUES ($1, $2) ON CONFLICT DO NOTHING",
            };
            sqlx::query(sql).bind(&claim.name).bind(&claim.holder).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

async fn write_slots(connection: &mut SqliteConnection, slots: &[Slot]) -> Result<(), DatabaseError> {
    for slot in slots {
        match slot.action {
            SlotAction::Take { expires_at, .. } | SlotAction::Extend { expires_at, .. } => {
                sqlx::query("INSERT OR REPLACE INTO slot VALUES ($1, $2, $3)")
                    .bind(&slot.quota)
                    .bind(&slot.holder)
                    .bind(expires_at)
                    .execute(&mut *connection)
                    .await?;
            }
            SlotAction::Release => {
                sqlx::query("DELETE FROM slot WHERE quota = $1 AND holder = $2")
                    .bind(&slot.quota)
                    .bind(&slot.holder)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    Ok(())
}

async fn read_head(connection: &mut SqliteConnection) -> Result<u64, DatabaseError> {
    let (head,): (i64,) =
        sqlx::query_as("SELECT coalesce(max(position), 0) FROM event_log").fetch_one(connection).await?;
    Ok(u64::try_from(head).unwrap_or(0))
}

pub(super) async fn head(database: &SqliteDatabase) -> Result<u64, DatabaseError> {
    read_head(&mut *database.read.acquire().await?).await
}

pub(super) async fn read(database: &SqliteDatabase, after: i64, limit: u32) -> Result<Turn, DatabaseError> {
    let sql = format!("{SELECT} WHERE l.position > ? ORDER BY l.position LIMIT ?");
    let mut rows = sqlx::query_as::<_, EventColumns<String>>(&sql)
        .bind(after)
        .bind(i64::from(limit))
        .fetch(&database.read);
    super::bounded(&mut rows, limit).await
}

pub(super) async fn at(database: &SqliteDatabase, positions: Vec<i64>) -> Result<Turn, DatabaseError> {
    let sql = format!("{SELECT} WHERE l.position IN (SELECT value FROM json_each(?)) ORDER BY l.position");
    let mut rows = sqlx::query_as::<_, EventColumns<String>>(&sql)
        .bind(sqlx::types::Json(positions))
        .fetch(&database.read);
    super::bounded(&mut rows, u32::MAX).await
}
