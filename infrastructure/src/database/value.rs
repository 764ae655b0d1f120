//! Values that go into a statement and rows that come out of it, the same for both stores.
//! Timestamps are unix microseconds in `Int`, JSON is `Text`, booleans are 0 or 1 in `Int`.

use sqlx::postgres::{PgArguments, PgRow, PgValueRef};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Postgres, Row as _, Sqlite, TypeInfo as _, ValueRef as _};

use super::DatabaseError;

/// One argument of a statement or one column of a row. A NULL keeps its type, since PostgreSQL wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `BIGINT` in PostgreSQL, `INTEGER` in SQLite.
    Int(Option<i64>),
    /// `TEXT` in both.
    Text(Option<String>),
    /// `BYTEA` in PostgreSQL, `BLOB` in SQLite.
    Blob(Option<Vec<u8>>),
}

/// The type of a column in [`super::Transaction::bulk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// See [`Value::Int`].
    Int,
    /// See [`Value::Text`].
    Text,
    /// See [`Value::Blob`].
    Blob,
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $variant:ident($into:expr)),+ $(,)?) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                Self::$variant(Some($into))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map(|$value| $into))
            }
        }
    )+};
}

value_from! {
    i64 => |value| Int(value),
    i32 => |value| Int(i64::from(value)),
    u32 => |value| Int(i64::from(value)),
    bool => |value| Int(i64::from(value)),
    String => |value| Text(value),
    &str => |value| Text(value.to_owned()),
    &String => |value| Text(value.clone()),
    Vec<u8> => |value| Blob(value),
    &[u8] => |value| Blob(value.to_vec()),
}

impl From<u64> for Value {
    /// Positions and sequences. What does not fit a signed 64-bit integer is held at its maximum, which no log reaches.
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

/// A row, columns counted from 0. Every accessor answers [`DatabaseError::Column`] for a column that is missing, NULL
/// where no NULL was asked for, or of another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    /// The integer in `column`.
    pub fn int(&self, column: usize) -> Result<i64, DatabaseError> {
        self.opt_int(column)?.ok_or_else(|| unexpected(column, "an integer", "NULL"))
    }

    /// The integer in `column`, or nothing for NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            other => null_or(other, column, "an integer"),
        }
    }

    /// The non-negative integer in `column`: a position, a sequence, a count.
    pub fn uint(&self, column: usize) -> Result<u64, DatabaseError> {
        u64::try_from(self.int(column)?)
            .map_err(|_| unexpected(column, "a non-negative integer", "a negative one"))
    }

    /// The text in `column`.
    pub fn text(&self, column: usize) -> Result<&str, DatabaseError> {
        self.opt_text(column)?.ok_or_else(|| unexpected(column, "text", "NULL"))
    }

    /// The text in `column`, or nothing for NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value.as_deref()),
            other => null_or(other, column, "text"),
        }
    }

    /// The bytes in `column`.
    pub fn blob(&self, column: usize) -> Result<&[u8], DatabaseError> {
        self.opt_blob(column)?.ok_or_else(|| unexpected(column, "bytes", "NULL"))
    }

    /// The bytes in `column`, or nothing for NULL.
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Blob(value)) => Ok(value.as_deref()),
            other => null_or(other, column, "bytes"),
        }
    }

    pub(super) fn from_postgres(row: &PgRow) -> Result<Self, DatabaseError> {
        (0..row.len()).map(|column| postgres_value(row, column)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn from_sqlite(row: &SqliteRow) -> Result<Self, DatabaseError> {
        (0..row.len()).map(|column| sqlite_value(row, column)).collect::<Result<_, _>>().map(Self)
    }
}

/// SQLite has no typed NULLs, so a NULL of another type is a NULL too.
fn null_or<T>(
    value: Option<&Value>,
    column: usize,
    wanted: &'static str,
) -> Result<Option<T>, DatabaseError> {
    match value {
        Some(Value::Int(None) | Value::Text(None) | Value::Blob(None)) => Ok(None),
        Some(Value::Int(Some(_))) => Err(unexpected(column, wanted, "an integer")),
        Some(Value::Text(Some(_))) => Err(unexpected(column, wanted, "text")),
        Some(Value::Blob(Some(_))) => Err(unexpected(column, wanted, "bytes")),
        None => Err(unexpected(column, wanted, "no such column")),
    }
}

fn unexpected(column: usize, wanted: &'static str, found: &str) -> DatabaseError {
    DatabaseError::Column { column, wanted, found: found.to_owned() }
}

fn postgres_value(row: &PgRow, column: usize) -> Result<Value, DatabaseError> {
    let raw = row.try_get_raw(column)?;
    let type_info = raw.type_info().into_owned();
    Ok(match type_info.name() {
        "INT8" => Value::Int(row.try_get(column)?),
        "INT4" => Value::Int(row.try_get::<Option<i32>, _>(column)?.map(i64::from)),
        "INT2" => Value::Int(row.try_get::<Option<i16>, _>(column)?.map(i64::from)),
        "BOOL" => Value::Int(row.try_get::<Option<bool>, _>(column)?.map(i64::from)),
        "NUMERIC" => Value::Int(integral_numeric(raw, column)?),
        "TEXT" | "VARCHAR" | "NAME" | "CHAR" | "UNKNOWN" => Value::Text(row.try_get_unchecked(column)?),
        "JSON" | "JSONB" => {
            Value::Text(row.try_get::<Option<serde_json::Value>, _>(column)?.map(|json| json.to_string()))
        }
        "BYTEA" => Value::Blob(row.try_get(column)?),
        "VOID" => Value::Text(None),
        other => {
            return Err(unexpected(column, "a portable type (cast it to bigint, text or bytea)", other));
        }
    })
}

/// PostgreSQL answers `sum(bigint)` with a numeric: base 10,000 digits behind a header of digit count, weight, sign and scale.
fn integral_numeric(raw: PgValueRef<'_>, column: usize) -> Result<Option<i64>, DatabaseError> {
    if raw.is_null() {
        return Ok(None);
    }
    let refuse = || unexpected(column, "an integer of 64 bits", "a numeric that is none");
    let bytes = raw.as_bytes().map_err(|_| refuse())?;
    let words: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_be_bytes(*pair)).collect();
    let (Some(&weight), Some(&sign), Some(digits)) = (words.get(1), words.get(2), words.get(4..)) else {
        return Err(refuse());
    };
    let places = usize::try_from(i32::from(weight) + 1).map_err(|_| refuse())?;
    if digits.len() > places || !(sign == 0 || sign == 0x4000) {
        return Err(refuse());
    }
    let padded = digits.iter().copied().chain(std::iter::repeat(0)).take(places);
    let sign: i64 = if sign == 0 { 1 } else { -1 };
    padded
        .into_iter()
        .try_fold(0i64, |sum, digit| sum.checked_mul(10_000)?.checked_add(sign * i64::from(digit)))
        .map(Some)
        .ok_or_else(refuse)
}

fn sqlite_value(row: &SqliteRow, column: usize) -> Result<Value, DatabaseError> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Int(None));
    }
    let type_info = raw.type_info().into_owned();
    Ok(match type_info.name() {
        "INTEGER" => Value::Int(row.try_get_unchecked(column)?),
        "TEXT" => Value::Text(row.try_get_unchecked(column)?),
        "BLOB" => Value::Blob(row.try_get_unchecked(column)?),
        other => {
            return Err(unexpected(column, "a portable type (cast it to integer, text or blob)", other));
        }
    })
}

pub(super) fn postgres_query(sql: &str, args: Vec<Value>) -> Query<'_, Postgres, PgArguments> {
    args.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    })
}

pub(super) fn sqlite_query(sql: &str, args: Vec<Value>) -> Query<'_, Sqlite, SqliteArguments<'_>> {
    args.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    })
}
