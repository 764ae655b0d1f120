//! The ledgers of rate limits, one row per subject: API nodes change them in transactions, so that
//! nodes may ask any of them. [`RateBudgets::settle`] answers what nodes ask.
//!
//! The time is the database's where several processes share it (PostgreSQL), and this process's where
//! there is only one (SQLite). It must not leap forward: shares would be free before their time.

use std::collections::BTreeMap;

use nexus_domain::rate_limit::{Ask, Declined, Holder, LEASE_MS, LONGEST_WINDOW, Ledger, Shares};

use crate::clock::SharedClock;
use crate::database::{ColumnType, Database, DatabaseError, Transaction, in_time};

/// So many requests are settled in one transaction: others wait for its locks.
const AT_ONCE: usize = 256;

/// What a node asks about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRequest {
    /// Whose limits: the name of the ledger ([`nexus_domain::rate_limit::Counted`]).
    pub subject: String,
    /// Who asks, as the control plane knows it and not as it says itself.
    pub holder: Holder,
    /// What it asks.
    pub ask: Ask,
}

/// One request has no answer; the node asks again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// The ledger does not answer this ask.
    #[error(transparent)]
    Declined(#[from] Declined),
    /// The subject's ledger was written by another version, or by hand. Nobody gets a share of it until it
    /// is repaired, or deleted an hour after the last share was given.
    #[error("the subject's ledger cannot be read")]
    Unreadable,
}

/// The ledgers in a store.
#[derive(Clone)]
pub struct RateBudgets {
    database: Database,
    clock: SharedClock,
}

impl RateBudgets {
    /// The ledgers in `database`; `clock` is read on SQLite alone.
    #[must_use]
    pub fn new(database: Database, clock: SharedClock) -> Self {
        Self { database, clock }
    }

    /// Answers requests, in their order, each with shares or the reason why not. Several for one subject
    /// are settled one after another.
    ///
    /// # Errors
    /// [`DatabaseError`]: any number of the requests may have been settled without an answer, which
    /// withholds shares until the nodes ask again.
    pub async fn settle(
        &self,
        requests: &[BudgetRequest],
    ) -> Result<Vec<Result<Shares, Unsettled>>, DatabaseError> {
        let mut answers = Vec::with_capacity(requests.len());
        for requests in requests.chunks(AT_ONCE) {
            answers.extend(in_time(self.settle_at_once(requests)).await?);
        }
        Ok(answers)
    }

    /// Deletes the ledgers that nobody has changed since everything in them has lapsed; returns how many.
    /// For now and then: what it deletes does no harm but take space.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn prune(&self) -> Result<u64, DatabaseError> {
        let mut transaction = self.database.begin().await?;
        let now_ms = self.now_ms(&mut transaction).await?;
        // Twice, for clocks that run at different speeds.
        let lapsed =
            2 * (u64::from(LEASE_MS) + u64::try_from(LONGEST_WINDOW.as_millis()).unwrap_or(u64::MAX));
        let before = micros(now_ms.saturating_sub(lapsed));
        let deleted =
            transaction.execute("DELETE FROM rate_budget WHERE changed < $1", &[before.into()]).await?;
        transaction.commit().await?;
        Ok(deleted)
    }

    async fn settle_at_once(
        &self,
        requests: &[BudgetRequest],
    ) -> Result<Vec<Result<Shares, Unsettled>>, DatabaseError> {
        let mut subjects: Vec<&str> = requests.iter().map(|request| request.subject.as_str()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let (mut transaction, mut ledgers) = loop {
            let mut transaction = self.database.begin().await?;
            let ledgers = lock(&mut transaction, &subjects).await?;
            if ledgers.len() == subjects.len() {
                break (transaction, ledgers);
            }
            // A row that is not there cannot be locked. It is made apart from the locks: two that hold some
            // and make others would wait for each other.
            transaction.rollback().await?;
            self.create(&subjects).await?;
        };
        // After the locks: whoever held them has settled at an earlier time.
        let now_ms = self.now_ms(&mut transaction).await?;
        let answers = requests
            .iter()
            .map(|request| {
                let ledger = ledgers.get_mut(&request.subject).and_then(Option::as_mut);
                let ledger = ledger.ok_or(Unsettled::Unreadable)?;
                Ok(ledger.ask(&request.holder, &request.ask, now_ms)?)
            })
            .collect();
        store(&mut transaction, ledgers, now_ms).await?;
        transaction.commit().await?;
        Ok(answers)
    }

    async fn create(&self, subjects: &[&str]) -> Result<(), DatabaseError> {
        let mut transaction = self.database.begin().await?;
        let now_ms = self.now_ms(&mut transaction).await?;
        let empty = text(&Ledger::default())?;
        let row = |subject: &&str| vec![(*subject).into(), empty.as_str().into(), micros(now_ms).into()];
        let rows = subjects.iter().map(row).collect();
        transaction.bulk(INSERT, &COLUMNS, rows, "ON CONFLICT DO NOTHING").await?;
        transaction.commit().await
    }

    async fn now_ms(&self, transaction: &mut Transaction) -> Result<u64, DatabaseError> {
        if !transaction.is_postgres() {
            return Ok(u64::try_from(self.clock.unix_micros() / 1_000).unwrap_or(0));
        }
        let now = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)";
        let rows = transaction.query(now, &[]).await?;
        rows.first().map_or(Ok(0), |row| row.uint(0))
    }
}

/// The ledgers of these subjects that there are, `None` where one cannot be read, with their rows locked
/// in order: two API nodes that settle for the same subjects wait, and do not deadlock.
async fn lock(
    transaction: &mut Transaction,
    subjects: &[&str],
) -> Result<BTreeMap<String, Option<Ledger>>, DatabaseError> {
    let sql = if transaction.is_postgres() {
        "SELECT subject, ledger FROM rate_budget \
         WHERE subject IN (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))) \
         ORDER BY subject COLLATE \"C\" FOR UPDATE OF rate_budget"
    } else {
        "SELECT subject, ledger FROM rate_budget WHERE subject IN (SELECT value FROM json_each($1))"
    };
    let list = serde_json::Value::from(subjects).to_string();
    let mut ledgers = BTreeMap::new();
    for row in transaction.query(sql, &[list.into()]).await? {
        let (subject, text) = (row.text(0)?, row.text(1)?);
        let ledger = serde_json::from_str(text).inspect_err(
            |error| tracing::error!(subject, %error, "the ledger of a rate limit cannot be read"),
        );
        ledgers.insert(subject.to_owned(), ledger.ok());
    }
    Ok(ledgers)
}

const INSERT: &str = "INSERT INTO rate_budget (subject, ledger, changed)";
const COLUMNS: [ColumnType; 3] = [ColumnType::Text, ColumnType::Text, ColumnType::Int];

/// Writes the ledgers that could be read.
async fn store(
    transaction: &mut Transaction,
    ledgers: BTreeMap<String, Option<Ledger>>,
    now_ms: u64,
) -> Result<(), DatabaseError> {
    let mut rows = Vec::with_capacity(ledgers.len());
    for (subject, ledger) in ledgers {
        let Some(ledger) = ledger else { continue };
        rows.push(vec![subject.into(), text(&ledger)?.into(), micros(now_ms).into()]);
    }
    let update = "ON CONFLICT (subject) DO UPDATE SET ledger = excluded.ledger, changed = excluded.changed";
    transaction.bulk(INSERT, &COLUMNS, rows, update).await?;
    Ok(())
}

fn text(ledger: &Ledger) -> Result<String, DatabaseError> {
    serde_json::to_string(ledger).map_err(|error| DatabaseError::Other(std::sync::Arc::new(error)))
}

/// Timestamps are microseconds in this store.
fn micros(ms: u64) -> u64 {
    ms.saturating_mul(1_000)
}

#[cfg(test)]
mod tests;
