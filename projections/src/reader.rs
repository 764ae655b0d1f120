//! Asking the live tables of a projection, whichever those are at the moment.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use nexus_infrastructure::database::{Database, DatabaseError, Row, Value};
use nexus_infrastructure::journal::RecordedEvent;

use crate::builds::Standing;
use crate::error::QueryError;
use crate::projection::Build;
use crate::shared::{Shared, Slot};

/// Asks one projection.
#[derive(Clone)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    name: &'static str,
}

impl Reader {
    pub(crate) const fn new(shared: Arc<Shared>, name: &'static str) -> Self {
        Self { shared, name }
    }

    /// Shows `look` the events at these positions, in the order of the log, a few MiB at a time.
    pub(crate) async fn at(
        &self,
        mut positions: Vec<u64>,
        mut look: impl FnMut(RecordedEvent) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        positions.sort_unstable();
        let mut rest = positions.as_slice();
        loop {
            let turn = self.shared.journal.at(rest).await?;
            for event in turn.events {
                match rest.split_first() {
                    Some((expected, behind)) if *expected == event.position => rest = behind,
                    Some((expected, _)) => return Err(QueryError::row(Missing(*expected))),
                    None => return Err(QueryError::row(Missing(event.position))),
                }
                look(event)?;
            }
            match rest.first() {
                None => return Ok(()),
                Some(expected) if turn.at_end => return Err(QueryError::row(Missing(*expected))),
                Some(_) => {}
            }
        }
    }

    pub(crate) fn database(&self) -> &Database {
        self.shared.database()
    }

    /// Runs a statement against the live tables. The tables may be replaced and dropped meanwhile: then it runs once more,
    /// against the new ones.
    pub(crate) async fn query(
        &self,
        sql: impl Fn(Build) -> String,
        args: &[Value],
    ) -> Result<Vec<Row>, QueryError> {
        let live = self.live().await?;
        match self.database().query(&sql(live.build), args).await {
            Err(error) if is_missing_table(&error) => {
                let live = self.reread().await?;
                Ok(self.database().query(&sql(live.build), args).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// The live build, as this process knows it.
    pub(crate) async fn live(&self) -> Result<Standing, QueryError> {
        match self.shared.known(self.slot()?) {
            Some(live) => Ok(live),
            None => self.reread().await,
        }
    }

    /// The live build, as the database knows it.
    pub(crate) async fn reread(&self) -> Result<Standing, QueryError> {
        self.shared.refresh(self.slot()?).await?.ok_or(QueryError::NotBuilt(self.name))
    }

    pub(crate) fn slot(&self) -> Result<&Slot, QueryError> {
        let slot =
            self.shared.slot(self.name).ok_or_else(|| QueryError::UnknownProjection(self.name.to_owned()))?;
        Ok(slot)
    }
}

/// Whether the statement named a table that is not there.
pub(crate) fn is_missing_table(error: &DatabaseError) -> bool {
    let DatabaseError::Other(cause) = error else {
        return false;
    };
    match cause.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(error)) => {
            error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
        }
        _ => false,
    }
}

/// An instant out of a column of unix microseconds.
pub(crate) fn instant(micros: i64) -> Result<DateTime<Utc>, QueryError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| QueryError::row(OutOfRange(micros)))
}

#[derive(Debug, thiserror::Error)]
#[error("the log has no event at position {0}, where a row says that there is one: restore the database")]
struct Missing(u64);

#[derive(Debug, thiserror::Error)]
#[error("{0} microseconds are no date")]
struct OutOfRange(i64);
