//! What a projection is: names, tables and a fold. Everything else (reading, locking, checkpoints, rebuilding) is done
//! for it.

use std::fmt;

use futures::future::BoxFuture;
use nexus_infrastructure::database::{ColumnType, Database, Value};

use crate::error::FoldError;
use crate::event::Event;

/// A fold of the log into tables of its own.
pub trait Projection: Send + Sync + 'static {
    /// Its name. The names of its tables begin with it, and no other projection's name begins with it.
    fn name(&self) -> &'static str;

    /// The version of its tables and its fold, from 1. Raising it makes the runner build new tables beside those of the
    /// older program and use them once they are complete.
    fn schema_version(&self) -> u32;

    /// Its tables.
    fn tables(&self) -> &'static [Table];

    /// The aggregate types whose events it folds. One that cannot be decoded stops it.
    fn consumes(&self) -> &'static [&'static str];

    /// The aggregate types that it passes over. A type that is in neither list stops it.
    fn ignores(&self) -> &'static [&'static str];

    /// Works out which rows events make. The events come in the order of the log, right behind those that the tables hold,
    /// which may be read meanwhile. The rows are written afterwards, in the transaction that also moves the checkpoint, if
    /// nobody else has moved it since; so no lock is held while a fold thinks.
    ///
    /// # Errors
    /// [`FoldError`]; nothing is written.
    fn fold<'a>(
        &'a self,
        stored: Stored<'a>,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>>;
}

/// The tables that a fold goes on from.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The store, to read from.
    pub database: &'a Database,
    /// Whose tables.
    pub build: Build,
}

/// Rows for one table.
#[derive(Debug)]
pub struct Rows {
    /// The table's name without the build.
    pub table: &'static str,
    /// The names and types of the columns, separated as between the parentheses of `INSERT`.
    pub columns: &'static [(&'static str, ColumnType)],
    /// The rows, each with a value per column.
    pub rows: Vec<Vec<Value>>,
    /// What becomes of rows that are there already: `ON CONFLICT …`, in which the table's row is `stored` and no two of the
    /// rows may have the same key. Empty where there can be none. [`Table::sums`] must come to the same.
    pub on_conflict: &'static str,
}

/// A table of a projection, in portable words: `TEXT`, `BIGINT` and `BLOB`.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name without the build; begins with the projection's name.
    pub name: &'static str,
    /// Columns and primary key, as between the parentheses of `CREATE TABLE`. The primary key is what the fold itself
    /// needs; everything else is an index.
    pub columns: &'static str,
    /// Indexes that only queries need: a name, and what follows the table's name in `CREATE INDEX`. A rebuild makes them
    /// after the load.
    pub indexes: &'static [(&'static str, &'static str)],
    /// Where rows with the same key only add up, whatever their order, and the fold never reads them: how. A rebuild then
    /// writes what each batch adds behind one another, and brings it together at the end of the load.
    pub sums: Option<Sums>,
}

/// How rows with the same key become one.
#[derive(Debug, Clone, Copy)]
pub struct Sums {
    /// The columns of the key, the first ones of the table, separated by commas.
    pub key: &'static str,
    /// What becomes of the one other column, such as `sum(decisions)`.
    pub value: &'static str,
}

/// The number of a set of tables: the schema version in millions, and a count of rebuilds. Displayed as the suffix of its
/// tables' names, `v1000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Build(i64);

const BUILDS_PER_SCHEMA: i64 = 1_000_000;

impl Build {
    pub(crate) const fn from_number(number: i64) -> Self {
        Self(number)
    }

    pub(crate) fn first(schema: u32) -> Self {
        Self(i64::from(schema) * BUILDS_PER_SCHEMA + 1)
    }

    pub(crate) const fn following(self) -> Self {
        Self(self.0 + 1)
    }

    /// The number as it is stored.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The schema version of its tables.
    #[must_use]
    pub const fn schema(self) -> i64 {
        self.0 / BUILDS_PER_SCHEMA
    }

    /// Which build of this schema it is, from 1.
    #[must_use]
    pub const fn count(self) -> i64 {
        self.0 % BUILDS_PER_SCHEMA
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Table {
    /// The statement that makes the table.
    pub(crate) fn create(&self, build: Build, postgres: bool) -> String {
        // Ordered byte by byte, so that both stores page in the same order; and a lone INTEGER PRIMARY KEY is SQLite's row id.
        let columns = if postgres {
            self.columns.replace(" TEXT", " TEXT COLLATE \"C\"").replace(" BLOB", " BYTEA")
        } else {
            self.columns.replace(" BIGINT", " INTEGER")
        };
        // What is nothing but a key and its value need not stand in a table and in an index on it.
        let rest = if self.sums.is_some() && !postgres { " WITHOUT ROWID" } else { "" };
        format!("CREATE TABLE IF NOT EXISTS {}_{build} ({columns}){rest}", self.name)
    }

    /// The name of the table that takes what batches add while a build is loaded.
    pub(crate) fn loaded(&self, build: Build) -> String {
        format!("{}_load_{build}", self.name)
    }

    /// The statement that makes it, if there is to be one. It has no key, so that a row costs the same however many there are.
    pub(crate) fn create_loaded(&self, build: Build) -> Option<String> {
        let Self { name, .. } = self;
        self.sums.map(|_| {
            format!("CREATE TABLE {} AS SELECT * FROM {name}_{build} WHERE 1 = 0", self.loaded(build))
        })
    }

    /// The statements that bring together what was loaded, in the order of the key: SQLite adds to the end of a tree then, and
    /// PostgreSQL makes the tree afterwards of what is sorted already.
    pub(crate) fn bring_together(&self, build: Build, postgres: bool) -> Vec<String> {
        let Some(Sums { key, value }) = self.sums else { return Vec::new() };
        let (table, loaded) = (format!("{}_{build}", self.name), self.loaded(build));
        let insert =
            format!("INSERT INTO {table} SELECT {key}, {value} FROM {loaded} GROUP BY {key} ORDER BY {key}");
        let drop = format!("DROP TABLE {loaded}");
        if postgres {
            vec![
                format!("ALTER TABLE {table} DROP CONSTRAINT {table}_pkey"),
                insert,
                format!("ALTER TABLE {table} ADD PRIMARY KEY ({key})"),
                drop,
            ]
        } else {
            vec![insert, drop]
        }
    }

    /// The statements that make its indexes.
    pub(crate) fn create_indexes(&self, build: Build) -> impl Iterator<Item = String> {
        self.indexes.iter().map(move |(index, columns)| {
            let table = self.name;
            format!("CREATE INDEX IF NOT EXISTS {table}_{build}_{index} ON {table}_{build} {columns}")
        })
    }
}
