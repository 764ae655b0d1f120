//! Rows that hold the folded state of one aggregate as JSON: loaded for the aggregates of a batch, folded with the
//! aggregate's own `apply`, and written back together.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use nexus_infrastructure::database::{ColumnType, Row, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bulk;
use crate::error::FoldError;
use crate::event::Event;
use crate::projection::{Rows, Stored};

/// A folded state.
pub(crate) trait Document: Default + Serialize + DeserializeOwned + Send {
    /// What names it.
    type Id: Copy + Ord + Display + FromStr<Err: Error + Send + Sync> + Send + Sync;
    /// What it folds.
    type Change: Sync;

    /// Folds one event.
    fn apply(&mut self, event: &Event, change: &Self::Change);
}

/// An event for a document.
pub(crate) struct Step<'a, D: Document> {
    /// The aggregate.
    pub(crate) id: D::Id,
    /// Whether its life begins with this event.
    pub(crate) first: bool,
    /// The event.
    pub(crate) event: &'a Event,
    /// The event's body.
    pub(crate) change: &'a D::Change,
}

/// What became of the documents of a batch, in the order of their ids.
pub(crate) struct Folded<D: Document> {
    /// Those whose life began in the batch: their rows are inserted.
    pub(crate) new: BTreeMap<D::Id, D>,
    /// Those that were there: their rows are replaced.
    pub(crate) old: BTreeMap<D::Id, D>,
}

/// Folds `steps` over the documents in a table, whose columns `id` and `document` are named.
pub(crate) async fn fold<D: Document>(
    stored: Stored<'_>,
    table: &str,
    id: &str,
    document: &str,
    steps: Vec<Step<'_, D>>,
) -> Result<Folded<D>, FoldError> {
    let mut new: BTreeMap<D::Id, D> = BTreeMap::new();
    let mut wanted = BTreeSet::new();
    for step in &steps {
        if step.first {
            new.insert(step.id, D::default());
        } else if !new.contains_key(&step.id) {
            wanted.insert(step.id);
        }
    }
    let mut old = load::<D>(stored, table, id, document, &wanted).await?;
    for step in steps {
        let Some(state) = new.get_mut(&step.id).or_else(|| old.get_mut(&step.id)) else {
            let aggregate_id = step.id.to_string();
            return Err(FoldError::Orphan { position: step.event.position, aggregate_id });
        };
        state.apply(step.event, step.change);
    }
    Ok(Folded { new, old })
}

async fn load<D: Document>(
    stored: Stored<'_>,
    table: &str,
    id: &str,
    document: &str,
    wanted: &BTreeSet<D::Id>,
) -> Result<BTreeMap<D::Id, D>, FoldError> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let Stored { database, build } = stored;
    let among = bulk::one_of(database.is_postgres(), id, 1);
    let sql = format!("SELECT {id}, {document} FROM {table}_{build} WHERE {among}");
    let rows = database.query(&sql, &[bulk::list(wanted)]).await?;
    let read = |row: &Row| {
        let id = row.text(0)?.parse::<D::Id>().map_err(<serde_json::Error as serde::de::Error>::custom)?;
        Ok((id, serde_json::from_str(row.text(1)?)?))
    };
    rows.iter().map(read).collect()
}

impl<D: Document> Folded<D> {
    /// The rows of the documents; `row` makes those of one.
    pub(crate) fn rows(
        self,
        table: &'static str,
        columns: &'static [(&'static str, ColumnType)],
        on_conflict: &'static str,
        row: impl Fn(D::Id, &D) -> Result<Vec<Value>, FoldError>,
    ) -> Result<[Rows; 2], FoldError> {
        let rows = |documents: BTreeMap<D::Id, D>, on_conflict| {
            let rows = documents
                .iter()
                .map(|(id, document)| row(*id, document))
                .collect::<Result<_, FoldError>>()?;
            Ok::<_, FoldError>(Rows { table, columns, rows, on_conflict })
        };
        // Apart, since looking for a row that cannot be there costs as much as inserting one.
        Ok([rows(self.new, "")?, rows(self.old, on_conflict)?])
    }
}
