//! The journal as an event store of cqrs-es: loading is left to postgres-es and sqlite-es, committing goes through the lane.

use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::persist::{EventStoreAggregateContext, EventUpcaster, PersistedEventStore};
use cqrs_es::{Aggregate, AggregateError, DomainEvent, EventEnvelope, EventStore};
use postgres_es::PostgresEventRepository;
use sqlite_es::SqliteEventRepository;

use super::append::{Append, AppendError, Expected, NewEvent, Prepared, StreamAppend};
use super::{Database, DatabaseError, Journal, Json};
use crate::database::in_time;

/// The streams of one aggregate type.
pub struct JournalStore<A: Aggregate> {
    journal: Journal,
    loader: Loader<A>,
}

enum Loader<A: Aggregate> {
    Postgres(PersistedEventStore<PostgresEventRepository, A>),
    Sqlite(PersistedEventStore<SqliteEventRepository, A>),
}

impl<A: Aggregate> std::fmt::Debug for JournalStore<A> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("JournalStore").field("aggregate_type", &A::TYPE).finish_non_exhaustive()
    }
}

impl<A: Aggregate> JournalStore<A> {
    /// The streams of `A` in the journal.
    pub fn new(journal: Journal) -> Self {
        let loader = match journal.database() {
            Database::Postgres(pool) => Loader::Postgres(PersistedEventStore::new_event_store(
                PostgresEventRepository::new(pool.clone()),
            )),
            Database::Sqlite(sqlite) => Loader::Sqlite(PersistedEventStore::new_event_store(
                SqliteEventRepository::new(sqlite.read.clone()),
            )),
        };
        Self { journal, loader }
    }

    /// Translates events of older versions while they are loaded.
    #[must_use]
    pub fn with_upcasters(self, upcasters: Vec<Box<dyn EventUpcaster>>) -> Self {
        let loader = match self.loader {
            Loader::Postgres(store) => Loader::Postgres(store.with_upcasters(upcasters)),
            Loader::Sqlite(store) => Loader::Sqlite(store.with_upcasters(upcasters)),
        };
        Self { journal: self.journal, loader }
    }

    /// The aggregate's state and the sequence of its last event, 0 if there is none.
    pub async fn load(&self, aggregate_id: &str) -> Result<(A, u64), DatabaseError> {
        let load = async { self.load_aggregate(aggregate_id).await.map_err(load_error) };
        let context = in_time(load).await?;
        Ok((context.aggregate, context.current_sequence as u64))
    }
}

impl<A: Aggregate> EventStore<A> for JournalStore<A> {
    type AC = EventStoreAggregateContext<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        match &self.loader {
            Loader::Postgres(store) => store.load_events(aggregate_id).await,
            Loader::Sqlite(store) => store.load_events(aggregate_id).await,
        }
    }

    async fn load_aggregate(&self, aggregate_id: &str) -> Result<Self::AC, AggregateError<A::Error>> {
        match &self.loader {
            Loader::Postgres(store) => store.load_aggregate(aggregate_id).await,
            Loader::Sqlite(store) => store.load_aggregate(aggregate_id).await,
        }
    }

    /// Commits through the lane. The trait hands over no time, so the database's clock stamps the events.
    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Self::AC,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let append = stream_append::<A>(&events, &context, &metadata)?;
        let outcome = match Prepared::new(append) {
            Ok(prepared) => self.journal.submit(Prepared { created_at: None, ..prepared }).await,
            Err(error) => Err(error),
        };
        outcome.map_err(commit_error)?;
        let envelopes =
            events.into_iter().zip(context.current_sequence + 1..).map(|(payload, sequence)| EventEnvelope {
                aggregate_id: context.aggregate_id.clone(),
                sequence,
                payload,
                metadata: metadata.clone(),
            });
        Ok(envelopes.collect())
    }
}

fn stream_append<A: Aggregate>(
    events: &[A::Event],
    context: &EventStoreAggregateContext<A>,
    metadata: &HashMap<String, String>,
) -> Result<Append, serde_json::Error> {
    let metadata = Json::of(metadata)?;
    let new_event = |event: &A::Event| -> Result<NewEvent, serde_json::Error> {
        Ok(NewEvent {
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: Json::of(event)?,
            metadata: metadata.clone(),
        })
    };
    let stream = StreamAppend {
        aggregate_type: A::TYPE.to_owned(),
        aggregate_id: context.aggregate_id.clone(),
        expected: Expected::Exactly(context.current_sequence as u64),
        events: events.iter().map(new_event).collect::<Result<_, _>>()?,
    };
    Ok(Append { streams: vec![stream], ..Append::default() })
}

fn commit_error<E: std::error::Error>(error: AppendError) -> AggregateError<E> {
    match error {
        AppendError::Conflict => AggregateError::AggregateConflict,
        AppendError::Unavailable(_) | AppendError::Closed => {
            AggregateError::DatabaseConnectionError(Box::new(error))
        }
        AppendError::IdempotencyTaken
        | AppendError::ClaimTaken { .. }
        | AppendError::QuotaExceeded { .. }
        | AppendError::Invalid(_) => AggregateError::UnexpectedError(Box::new(error)),
    }
}

fn load_error<E: std::error::Error>(error: AggregateError<E>) -> DatabaseError {
    let text = error.to_string();
    match error {
        AggregateError::DatabaseConnectionError(cause) | AggregateError::UnexpectedError(cause) => {
            match cause.downcast::<sqlx::Error>() {
                Ok(error) => (*error).into(),
                Err(cause) => DatabaseError::Other(Arc::from(cause)),
            }
        }
        AggregateError::DeserializationError(cause) => DatabaseError::Malformed(Arc::from(cause)),
        AggregateError::UserError(_) | AggregateError::AggregateConflict => {
            DatabaseError::Other(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(text)))
        }
    }
}
