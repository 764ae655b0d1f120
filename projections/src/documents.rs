//! Rows that hold the folded state of one aggregate as JSON: loaded for the aggregates of a batch, folded with the
//! aggregate's own `apply`, and written back together.

use std::collections::{BTreeMap, BTreeSet};

use nexus_infrastructure::database::Transaction;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bulk;
use crate::error::FoldError;
use crate::event::Event;

/// A folded state.
pub(crate) trait Document: Default + Serialize + DeserializeOwned + Send {
    /// What it folds.
    type Change: Clone;

    /// Folds one event.
    fn apply(&mut self, event: &Event, change: &Self::Change);
}

/// An event for a document.
pub(crate) struct Step<'a, C> {
    /// The aggregate.
    pub(crate) id: String,
    /// Whether its life begins with this event.
    pub(crate) first: bool,
    /// The event.
    pub(crate) event: &'a Event,
    /// The event's body.
    pub(crate) change: &'a C,
}

/// Folds `steps` over the documents in `table`, whose columns `id` and `document` are named. Answers the new states in the
/// order of their ids; nothing is written.
pub(crate) async fn fold<D: Document>(
    transaction: &mut Transaction,
    table: &str,
    id: &str,
    document: &str,
    steps: Vec<Step<'_, D::Change>>,
) -> Result<BTreeMap<String, D>, FoldError> {
    let mut begun = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    for step in &steps {
        if step.first {
            begun.insert(step.id.as_str());
        } else if !begun.contains(step.id.as_str()) {
            wanted.insert(step.id.as_str());
        }
    }
    let mut states = load(transaction, table, id, document, wanted).await?;
    for step in steps {
        if step.first {
            states.insert(step.id.clone(), D::default());
        }
        let Some(state) = states.get_mut(&step.id) else {
            return Err(FoldError::Orphan { position: step.event.position, aggregate_id: step.id });
        };
        state.apply(step.event, step.change);
    }
    Ok(states)
}

async fn load<D: Document>(
    transaction: &mut Transaction,
    table: &str,
    id: &str,
    document: &str,
    wanted: BTreeSet<&str>,
) -> Result<BTreeMap<String, D>, FoldError> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let among = bulk::one_of(transaction.is_postgres(), id, 1);
    let sql = format!("SELECT {id}, {document} FROM {table} WHERE {among}");
    let rows = transaction.query(&sql, &[bulk::list(wanted)]).await?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), serde_json::from_str(row.text(1)?)?))).collect()
}

/// The `DO UPDATE` tail that replaces every column of `columns` but the key.
pub(crate) fn replacing(key: &str, columns: &[&str]) -> String {
    let assignments: Vec<String> =
        columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    format!("ON CONFLICT ({key}) DO UPDATE SET {}", assignments.join(", "))
}
