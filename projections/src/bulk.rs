//! Many rows in few statements, on either store.

use nexus_infrastructure::database::{ColumnType, DatabaseError, Transaction, Value};

/// Rows in one SQLite statement, most first. A statement costs more than its rows, and a fixed set of sizes keeps every
/// one of them prepared.
const CHUNKS: [usize; 3] = [100, 10, 1];

/// Inserts rows, all with the columns of `columns`: `head` is `INSERT INTO t (a, b)`, `tail` is empty or `ON CONFLICT …`. With a
/// `tail`, no two rows may have the same key.
pub(crate) async fn insert(
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

fn statement(head: &str, columns: usize, rows: usize, tail: &str) -> String {
    let mut sql = format!("{head} VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            if column > 1 {
                sql.push(',');
            }
            sql.push('$');
            sql.push_str(&(row * columns + column).to_string());
        }
        sql.push(')');
    }
    sql.push(' ');
    sql.push_str(tail);
    sql
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
