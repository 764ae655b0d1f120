//! Appending to the journal on PostgreSQL, against one-row transactions into a table of the same columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus_infrastructure::journal::{Append, Expected, Idempotency, Journal, Json, NewEvent, StreamAppend};
use serde_json::value::RawValue;
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinSet;

use crate::keys::{self, Population};
use crate::log::{self, Mixed};
use crate::rate::Counter;
use crate::report::{Row, count, size};
use crate::rounds::Rounds;
use crate::sizes::Sizes;
use crate::store::Store;
use crate::{Failure, output};

/// Commands in flight.
const IN_FLIGHT: u32 = 256;
/// Connections of the baseline.
const CONNECTIONS: u32 = 64;
/// Events that a stream gets before the next one begins.
const STREAM: u64 = 4;

/// The columns and the key of `events`. The journal's second index, and its tables of keys and claims, are its own affair.
const SINGLE: &str = "CREATE TABLE single (aggregate_type text NOT NULL, aggregate_id text NOT NULL, \
    sequence bigint NOT NULL, event_type text NOT NULL, event_version text NOT NULL, payload jsonb NOT NULL, \
    metadata jsonb NOT NULL, position bigserial NOT NULL, created_at bigint NOT NULL, \
    PRIMARY KEY (aggregate_type, aggregate_id, sequence))";
const INSERT: &str = "INSERT INTO single (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
    metadata, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(crate) async fn measure(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let store = Store::postgres("append").await?;
    let journal = store.journal().await?;
    let sample = Sample::new()?;
    let mut connections = Connections::open(&store, CONNECTIONS).await?;
    connections.run(SINGLE).await?;
    let connections = Arc::new(tokio::sync::Mutex::new(connections));
    let run = Arc::new(AtomicU64::new(0));
    let rounds = Rounds::play(
        sizes.rounds,
        || appends(&journal, &sample, &run, IN_FLIGHT, sizes.span),
        || async { connections.lock().await.inserts(&sample, &run, sizes.span).await },
    )
    .await?;
    let [few, many] = sizes.at_once;
    let at_once = [
        appends(&journal, &sample, &run, few, sizes.span).await?,
        appends(&journal, &sample, &run, many, sizes.span).await?,
    ];
    journal.close().await;
    drop(connections);
    store.remove().await?;
    let [short, long] = filled(sizes, &sample, &run).await?;
    Ok(vec![Row {
        what: format!("append: {IN_FLIGHT} commands in flight against {CONNECTIONS} connections"),
        ours: format!("{}/s", count(rounds.ours())),
        baseline: format!("{}/s", count(rounds.baseline())),
        ratio: Some(rounds.ratio()),
        target: "≥ 1.5",
        growth: format!(
            "in flight {few}→{many}: {}→{}/s; log of {}→{}: {}→{}/s",
            count(at_once[0]),
            count(at_once[1]),
            size(sizes.events[0]),
            size(sizes.events[1]),
            count(short),
            count(long),
        ),
    }])
}

/// Rates with logs that have something in them.
async fn filled(sizes: &Sizes, sample: &Sample, run: &Arc<AtomicU64>) -> Result<[f64; 2], Failure> {
    let mut rates = [0.0; 2];
    for (rate, events) in rates.iter_mut().zip(sizes.events) {
        let store = Store::postgres(&format!("append_{events}")).await?;
        let journal = store.journal().await?;
        output::progress(&format!("append: writing a log of {}", size(events)));
        log::write(&journal, Mixed::new(events)?).await?;
        *rate = appends(&journal, sample, run, IN_FLIGHT, sizes.span).await?;
        journal.close().await;
        store.remove().await?;
    }
    Ok(rates)
}

/// What both sides write: an event of a usual size.
#[derive(Clone)]
struct Sample(Arc<NewEvent>);

impl Sample {
    fn new() -> Result<Self, Failure> {
        let issued = Population::new(1)?.issued(0, keys::time(0));
        let tenant = issued.tenant_id;
        let payload = Json::of(&nexus_domain::key::KeyEvent::KeyIssued(issued))?;
        let metadata = serde_json::json!({
            "event_id": keys::ordered_uuid(1, 1), "tenant_id": tenant, "actor": keys::key_id(0),
            "request_id": keys::ordered_uuid(2, 1), "causation_id": keys::ordered_uuid(2, 1),
            "time": keys::time(0), "ip": format!("{}:{:056x}", keys::key_id(0), 1),
        });
        let event_type = "KeyIssued".to_owned();
        let metadata = Json::from(metadata);
        Ok(Self(Arc::new(NewEvent { event_type, event_version: "1.0".to_owned(), payload, metadata })))
    }
}

/// The id and the sequence of a task's `number`th event. `run` makes every round's streams new.
fn place(run: u64, task: u32, number: u64) -> (String, u64) {
    let id = keys::ordered_uuid(run << 12 | u64::from(task), number / STREAM);
    (format!("key_{}", id.simple()), number % STREAM)
}

/// Appends a second, with `tasks` commands in flight.
async fn appends(
    journal: &Journal,
    sample: &Sample,
    run: &AtomicU64,
    tasks: u32,
    span: Duration,
) -> Result<f64, Failure> {
    let run = run.fetch_add(1, Ordering::Relaxed);
    let counter = Counter::default();
    let mut running: JoinSet<Result<(), Failure>> = JoinSet::new();
    for task in 0..tasks {
        let (journal, sample, counter) = (journal.clone(), sample.clone(), counter.clone());
        running.spawn(async move {
            let mut number = 0;
            while counter.goes_on() {
                journal.append(command(&sample, run, task, number)).await?;
                number += 1;
                counter.one();
            }
            Ok(())
        });
    }
    let rate = counter.watch(span).await;
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(rate)
}

fn command(sample: &Sample, run: u64, task: u32, number: u64) -> Append {
    let (aggregate_id, sequence) = place(run, task, number);
    let now = keys::BEGINNING;
    let idempotency = Idempotency {
        scope: "3714240b-2e06-4c35-8856-ccc1c096323e/keys.issue".to_owned(),
        key: format!("{aggregate_id}-{sequence}"),
        fingerprint: vec![7; 32],
        result: vec![7; 400],
        expires_at: now + 86_400_000_000,
    };
    let stream = StreamAppend {
        aggregate_type: "key".to_owned(),
        aggregate_id,
        expected: Expected::Exactly(sequence),
        events: vec![(*sample.0).clone()],
    };
    Append { streams: vec![stream], idempotency: Some(idempotency), now, ..Append::default() }
}

/// The baseline's connections, kept open between rounds.
struct Connections(Vec<PgConnection>);

impl Connections {
    async fn open(store: &Store, number: u32) -> Result<Self, Failure> {
        let mut connections = Vec::new();
        for _ in 0..number {
            connections.push(PgConnection::connect(&store.url).await?);
        }
        Ok(Self(connections))
    }

    async fn run(&mut self, statement: &str) -> Result<(), Failure> {
        if let Some(connection) = self.0.first_mut() {
            connection.execute(statement).await?;
        }
        Ok(())
    }

    /// One-row transactions a second: a prepared statement that commits by itself, so one round trip each.
    async fn inserts(&mut self, sample: &Sample, run: &AtomicU64, span: Duration) -> Result<f64, Failure> {
        let run = run.fetch_add(1, Ordering::Relaxed);
        let counter = Counter::default();
        let mut running: JoinSet<Result<PgConnection, Failure>> = JoinSet::new();
        for (task, mut connection) in (0..).zip(std::mem::take(&mut self.0)) {
            let (sample, counter) = (sample.clone(), counter.clone());
            running.spawn(async move {
                let mut number = 0;
                while counter.goes_on() {
                    let (id, sequence) = place(run, task, number);
                    insert(&mut connection, &sample.0, &id, sequence).await?;
                    number += 1;
                    counter.one();
                }
                Ok(connection)
            });
        }
        let rate = counter.watch(span).await;
        while let Some(connection) = running.join_next().await {
            self.0.push(connection??);
        }
        Ok(rate)
    }
}

async fn insert(
    connection: &mut PgConnection,
    event: &NewEvent,
    id: &str,
    sequence: u64,
) -> Result<(), Failure> {
    sqlx::query(INSERT)
        .bind("key")
        .bind(id)
        .bind(i64::try_from(sequence)?)
        .bind(&event.event_type)
        .bind(&event.event_version)
        .bind(sqlx::types::Json(event.payload.parse::<&RawValue>()?))
        .bind(sqlx::types::Json(event.metadata.parse::<&RawValue>()?))
        .bind(keys::BEGINNING)
        .execute(connection)
        .await?;
    Ok(())
}
