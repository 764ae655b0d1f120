//! Many rows in few statements, on either store.

use nexus_infrastructure::database::{ColumnType, DatabaseError, Transaction, Value};

use crate::projection::{Build, Rows};

/// Rows in one SQLite statement, most first. A statement costs more than its rows, and a fixed set of sizes keeps every
/// one of them prepared.
const CHUNKS: [usize; 3] = [100, 10, 1];

/// Writes rows into the tables of a build.
pub(crate) async fn write(
    transaction: &mut Transaction,
    build: Build,
    rows: Vec<Rows>,
) -> Result<(), DatabaseError> {
    for rows in rows {
        let names: Vec<&str> = rows.columns.iter().map(|(name, _)| *name).collect();
        let types: Vec<ColumnType> = rows.columns.iter().map(|(_, kind)| *kind).collect();
        let head = format!("INSERT INTO {}_{build} AS stored ({})", rows.table, names.join(", "));
        insert(transaction, &head, &types, rows.rows, rows.on_conflict).await?;
    }
    Ok(())
}

async fn insert(
    transaction: &mut Transaction,
    head: &str,
    columns: &[ColumnType],
    rows: Vec<Vec<Value>>,
    tail: &str,
) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        transaction.bulk(head, columns, rows, tail).await?;
        return Ok(());
    }
    let mut rows = rows.into_iter();
    for chunk in CHUNKS {
        let mut sql = None;
        while rows.len() >= chunk {
            let args: Vec<Value> = rows.by_ref().take(chunk).flatten().collect();
            let sql = sql.get_or_insert_with(|| statement(head, columns.len(), chunk, tail));
            transaction.execute(sql, &args).await?;
        }
    }
    Ok(())
}

/// The placeholders have no names: SQLite looks names up one by one, for every argument from the first.
fn statement(head: &str, columns: usize, rows: usize, tail: &str) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    format!("{head} VALUES {} {tail}", vec![row; rows].join(","))
}

/// A condition: `column` is one of the texts in argument `number`, a JSON array made by [`list`]. One argument whatever its
/// length, so that the statement stays prepared.
pub(crate) fn one_of(postgres: bool, column: &str, number: usize) -> String {
    if postgres {
        format!("{column} IN (SELECT jsonb_array_elements_text(${number}::jsonb))")
    } else {
        format!("{column} IN (SELECT value FROM json_each(${number}))")
    }
}

/// The argument for [`one_of`].
pub(crate) fn list<T: ToString>(texts: impl IntoIterator<Item = T>) -> Value {
    let texts: Vec<String> = texts.into_iter().map(|text| text.to_string()).collect();
    Value::from(serde_json::Value::from(texts).to_string())
}
