//! A write transaction on either store.

use sqlx::{Postgres, Sqlite};

use super::value::{ColumnType, Row, Value, postgres_query, sqlite_query};
use super::{DatabaseError, collect_postgres, collect_sqlite, copy};

/// So many rows are worth the two round trips of a COPY, which no server keeps prepared.
const COPY_FROM: usize = 500;

/// A write transaction. Dropped without [`Transaction::commit`], it is rolled back.
///
/// On SQLite it holds the process's only write connection: keep it short, and do not wait for another writer inside.
#[derive(Debug)]
pub struct Transaction(Inner);

#[derive(Debug)]
enum Inner {
    Postgres(sqlx::Transaction<'static, Postgres>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Transaction {
    pub(super) fn postgres(transaction: sqlx::Transaction<'static, Postgres>) -> Self {
        Self(Inner::Postgres(transaction))
    }

    pub(super) fn sqlite(transaction: sqlx::Transaction<'static, Sqlite>) -> Self {
        Self(Inner::Sqlite(transaction))
    }

    /// Whether this runs on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Inner::Postgres(_))
    }

    /// Runs one statement and returns its rows.
    pub async fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        match &mut self.0 {
            Inner::Postgres(tx) => {
                collect_postgres(postgres_query(sql, args.to_vec()).fetch_all(&mut **tx).await?)
            }
            Inner::Sqlite(tx) => collect_sqlite(sqlite_query(sql, args.to_vec()).fetch_all(&mut **tx).await?),
        }
    }

    /// Runs one statement and returns how many rows it touched.
    pub async fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64, DatabaseError> {
        self.execute_with(sql, args.to_vec()).await
    }

    /// Runs several statements without arguments, such as DDL.
    pub async fn execute_batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        match &mut self.0 {
            Inner::Postgres(tx) => {
                sqlx::raw_sql(sql).execute(&mut **tx).await?;
            }
            Inner::Sqlite(tx) => {
                sqlx::raw_sql(sql).execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// As [`Transaction::execute`], with arguments that need not be copied.
    pub async fn execute_with(&mut self, sql: &str, args: Vec<Value>) -> Result<u64, DatabaseError> {
        Ok(match &mut self.0 {
            Inner::Postgres(tx) => postgres_query(sql, args).execute(&mut **tx).await?.rows_affected(),
            Inner::Sqlite(tx) => sqlite_query(sql, args).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Inserts many rows that no other row can be in the way of into `columns`, names with types, of `table`: on PostgreSQL
    /// with COPY, which neither keeps the rows as arrays nor looks at them one by one. Otherwise as [`Transaction::bulk`].
    pub async fn load(
        &mut self,
        table: &str,
        columns: &[(&str, ColumnType)],
        rows: Vec<Vec<Value>>,
    ) -> Result<u64, DatabaseError> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let types: Vec<ColumnType> = columns.iter().map(|(_, kind)| *kind).collect();
        let names = names.join(", ");
        match &mut self.0 {
            Inner::Postgres(tx) if rows.len() >= COPY_FROM => {
                for row in &rows {
                    check_row(&types, row)?;
                }
                let sql = format!("COPY {table} ({names}) FROM STDIN (FORMAT binary)");
                copy::write(tx, &sql, &rows).await
            }
            Inner::Postgres(_) | Inner::Sqlite(_) => {
                self.bulk(&format!("INSERT INTO {table} ({names})"), &types, rows, "").await
            }
        }
    }

    /// Inserts many rows: `head` is `INSERT INTO t (a, b)`, `tail` is empty or `ON CONFLICT …`. Returns the rows touched.
    ///
    /// On PostgreSQL it is one statement whatever the number of rows, so with `ON CONFLICT DO UPDATE` no two rows may have
    /// the same key. A row of another length or with other types than `columns` is an error and nothing is written.
    pub async fn bulk(
        &mut self,
        head: &str,
        columns: &[ColumnType],
        rows: Vec<Vec<Value>>,
        tail: &str,
    ) -> Result<u64, DatabaseError> {
        if rows.is_empty() {
            return Ok(0);
        }
        match &mut self.0 {
            Inner::Postgres(tx) => {
                let casts: Vec<String> = columns
                    .iter()
                    .zip(1..)
                    .map(|(column, n)| format!("${n}::{}[]", postgres_name(*column)))
                    .collect();
                let sql = format!("{head} SELECT * FROM UNNEST({}) {tail}", casts.join(", "));
                let query =
                    transpose(columns, rows)?.into_iter().fold(
                        sqlx::query(&sql),
                        |query, array| match array {
                            Array::Int(values) => query.bind(values),
                            Array::Text(values) => query.bind(values),
                            Array::Blob(values) => query.bind(values),
                        },
                    );
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
            Inner::Sqlite(tx) => {
                let marks: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
                let sql = format!("{head} VALUES ({}) {tail}", marks.join(", "));
                for row in &rows {
                    check_row(columns, row)?;
                }
                let mut touched = 0;
                for row in rows {
                    touched += sqlite_query(&sql, row).execute(&mut **tx).await?.rows_affected();
                }
                Ok(touched)
            }
        }
    }

    /// Waits until no other transaction of any process holds `name`, and holds it until this one ends. On SQLite a write
    /// transaction is alone anyway.
    pub async fn lock(&mut self, name: &str) -> Result<(), DatabaseError> {
        if let Inner::Postgres(tx) = &mut self.0 {
            sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
                .bind(name)
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }

    /// Makes it all durable. An error of class [`DatabaseError::Transient`] leaves open whether it is.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        match self.0 {
            Inner::Postgres(tx) => tx.commit().await?,
            Inner::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Undoes it all.
    pub async fn rollback(self) -> Result<(), DatabaseError> {
        match self.0 {
            Inner::Postgres(tx) => tx.rollback().await?,
            Inner::Sqlite(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

enum Array {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Blob(Vec<Option<Vec<u8>>>),
}

fn postgres_name(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Int => "bigint",
        ColumnType::Text => "text",
        ColumnType::Blob => "bytea",
    }
}

fn transpose(columns: &[ColumnType], rows: Vec<Vec<Value>>) -> Result<Vec<Array>, DatabaseError> {
    let mut arrays: Vec<Array> = columns
        .iter()
        .map(|column| match column {
            ColumnType::Int => Array::Int(Vec::with_capacity(rows.len())),
            ColumnType::Text => Array::Text(Vec::with_capacity(rows.len())),
            ColumnType::Blob => Array::Blob(Vec::with_capacity(rows.len())),
        })
        .collect();
    for row in rows {
        check_row(columns, &row)?;
        for (array, value) in arrays.iter_mut().zip(row) {
            match (array, value) {
                (Array::Int(values), Value::Int(value)) => values.push(value),
                (Array::Text(values), Value::Text(value)) => values.push(value),
                (Array::Blob(values), Value::Blob(value)) => values.push(value),
                // check_row has refused these
                (Array::Int(_) | Array::Text(_) | Array::Blob(_), _) => {}
            }
        }
    }
    Ok(arrays)
}

fn check_row(columns: &[ColumnType], row: &[Value]) -> Result<(), DatabaseError> {
    let mistake = |column, found: &str| DatabaseError::Column {
        column,
        wanted: "a value of its column's type",
        found: found.to_owned(),
    };
    if row.len() != columns.len() {
        return Err(mistake(row.len().min(columns.len()), "a row of another length"));
    }
    for (number, pair) in columns.iter().zip(row).enumerate() {
        match pair {
            (ColumnType::Int, Value::Int(_))
            | (ColumnType::Text, Value::Text(_))
            | (ColumnType::Blob, Value::Blob(_)) => {}
            _ => return Err(mistake(number, "one of another type")),
        }
    }
    Ok(())
}
