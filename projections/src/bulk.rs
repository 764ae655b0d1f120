//! Many rows in few statements, on either store.

use nexus_infrastructure::database::{ColumnType, DatabaseError, Transaction, Value};
use uuid::Uuid;

use crate::projection::{Build, Rows};

/// Rows in one SQLite statement, most first. A statement costs more than its rows, and a fixed set of sizes keeps every
/// one of them prepared.
const CHUNKS: [usize; 3] = [100, 10, 1];

/// Writes rows into a table of a build.
pub(crate) async fn write(
    transaction: &mut Transaction,
    build: Build,
    rows: Rows,
) -> Result<(), DatabaseError> {
    let table = format!("{}_{build}", rows.table);
    if rows.on_conflict.is_empty() {
        return load(transaction, &table, rows).await;
    }
    if transaction.is_postgres() {
        let types: Vec<ColumnType> = rows.columns.iter().map(|(_, kind)| *kind).collect();
        transaction.bulk(&head(&table, &rows), &types, rows.rows, rows.on_conflict).await?;
        return Ok(());
    }
    let (head, width) = (head(&table, &rows), rows.columns.len());
    in_chunks(transaction, &head, width, rows.rows, rows.on_conflict).await
}

/// Writes rows that cannot be there yet into the table of this name.
pub(crate) async fn load(
    transaction: &mut Transaction,
    table: &str,
    rows: Rows,
) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        transaction.load(table, rows.columns, rows.rows).await?;
        return Ok(());
    }
    let (head, width) = (head(table, &rows), rows.columns.len());
    in_chunks(transaction, &head, width, rows.rows, "").await
}

fn head(table: &str, rows: &Rows) -> String {
    let names: Vec<&str> = rows.columns.iter().map(|(name, _)| *name).collect();
    format!("INSERT INTO {table} AS stored ({})", names.join(", "))
}

async fn in_chunks(
    transaction: &mut Transaction,
    head: &str,
    width: usize,
    rows: Vec<Vec<Value>>,
    tail: &str,
) -> Result<(), DatabaseError> {
    let mut rows = rows.into_iter();
    for chunk in CHUNKS {
        let mut sql = None;
        while rows.len() >= chunk {
            let args: Vec<Value> = rows.by_ref().take(chunk).flatten().collect();
            let sql = sql.get_or_insert_with(|| statement(head, width, chunk, tail));
            transaction.execute_with(sql, args).await?;
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

/// As [`one_of`], for a column of ids as [`id`] makes them and a list of their hexadecimal digits.
pub(crate) fn one_of_ids(postgres: bool, column: &str, number: usize) -> String {
    if postgres {
        format!("{column} IN (SELECT decode(jsonb_array_elements_text(${number}::jsonb), 'hex'))")
    } else {
        format!("{column} IN (SELECT unhex(value) FROM json_each(${number}))")
    }
}

/// An id as its sixteen bytes. As text it takes more than twice as much, in every index again, and its first bytes, by
/// which a server sorts, are the same in all keys.
pub(crate) fn id(uuid: Uuid) -> Value {
    uuid.as_bytes().as_slice().into()
}

/// The argument for [`one_of`].
pub(crate) fn list<T: ToString>(texts: impl IntoIterator<Item = T>) -> Value {
    let texts: Vec<String> = texts.into_iter().map(|text| text.to_string()).collect();
    Value::from(serde_json::Value::from(texts).to_string())
}
