//! The rows of the table `projection`: which builds of a projection exist, which one is live, how far each is.
//!
//! Live is one build per schema version, so that during an upgrade the older program's nodes go on with theirs.

use nexus_infrastructure::database::{Database, DatabaseError, Transaction, Value};

use crate::projection::{Build, Projection};

/// What a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Being filled by a rebuild.
    Building,
    /// Followed by the runners and asked by queries.
    Live,
    /// Replaced; its tables are about to be dropped.
    Retired,
}

impl State {
    const fn number(self) -> i64 {
        match self {
            Self::Building => 0,
            Self::Live => 1,
            Self::Retired => 2,
        }
    }

    const fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Building,
            1 => Self::Live,
            _ => Self::Retired,
        }
    }
}

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BuildRow {
    pub(crate) build: Build,
    pub(crate) state: State,
    pub(crate) checkpoint: u64,
}

/// A build and the position up to which its tables are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) build: Build,
    pub(crate) checkpoint: u64,
}

/// All builds of a projection, of any schema version, oldest first.
pub(crate) async fn all(database: &Database, name: &str) -> Result<Vec<BuildRow>, DatabaseError> {
    let rows = database.query(SELECT_ALL, &[name.into()]).await?;
    rows.iter().map(|row| Ok(build_row(row.int(0)?, row.int(1)?, row.uint(2)?))).collect()
}

const SELECT_ALL: &str = "SELECT version, live, checkpoint FROM projection WHERE name = $1 ORDER BY version";

const fn build_row(version: i64, live: i64, checkpoint: u64) -> BuildRow {
    BuildRow { build: Build::from_number(version), state: State::from_number(live), checkpoint }
}

/// The build of `rows` in `state` with the schema version of this program, the newest if there are several.
pub(crate) fn own(rows: &[BuildRow], projection: &dyn Projection, state: State) -> Option<BuildRow> {
    let schema = i64::from(projection.schema_version());
    rows.iter().rfind(|row| row.build.schema() == schema && row.state == state).copied()
}

/// The live build of this program's schema.
pub(crate) async fn live(
    database: &Database,
    projection: &dyn Projection,
) -> Result<Option<Standing>, DatabaseError> {
    let rows = all(database, projection.name()).await?;
    let row = own(&rows, projection, State::Live);
    Ok(row.map(|row| Standing { build: row.build, checkpoint: row.checkpoint }))
}

/// The build being filled, or a new one with empty tables.
pub(crate) async fn open(
    database: &Database,
    projection: &dyn Projection,
) -> Result<BuildRow, DatabaseError> {
    let name = projection.name();
    let mut transaction = database.begin().await?;
    transaction.lock(&format!("projection/{name}/open")).await?;
    let rows = transaction.query(SELECT_ALL, &[name.into()]).await?;
    let rows: Vec<BuildRow> = rows
        .iter()
        .map(|row| Ok(build_row(row.int(0)?, row.int(1)?, row.uint(2)?)))
        .collect::<Result<_, DatabaseError>>()?;
    if let Some(row) = own(&rows, projection, State::Building) {
        return Ok(row);
    }
    let first = Build::first(projection.schema_version());
    let newest = rows.iter().map(|row| row.build).rfind(|build| build.schema() == first.schema());
    let build = newest.map_or(first, Build::following);
    let postgres = transaction.is_postgres();
    for table in projection.tables() {
        transaction.execute(&table.create(build, postgres), &[]).await?;
        if let Some(statement) = table.create_loaded(build) {
            transaction.execute(&statement, &[]).await?;
        }
    }
    let sql = "INSERT INTO projection (name, version, live, checkpoint) VALUES ($1, $2, $3, 0)";
    let state = State::Building;
    transaction.execute(sql, &[name.into(), build.number().into(), state.number().into()]).await?;
    transaction.commit().await?;
    Ok(BuildRow { build, state, checkpoint: 0 })
}

/// Whether the sums of a build still lie apart: it was not loaded to the end.
pub(crate) async fn is_loading(
    transaction: &mut Transaction,
    projection: &dyn Projection,
    build: Build,
) -> Result<bool, DatabaseError> {
    let Some(table) = projection.tables().iter().find(|table| table.sums.is_some()) else {
        return Ok(false);
    };
    let sql = if transaction.is_postgres() {
        "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
    } else {
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1"
    };
    Ok(!transaction.query(sql, &[table.loaded(build).into()]).await?.is_empty())
}

/// What became of an attempt to take a build's row for the rest of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is ours, and stands here.
    At(u64),
    /// Another process is folding into it.
    Busy,
    /// It is not in that state any more.
    Gone,
}

/// Takes the row of a build, which gives the right to fold into its tables until the transaction ends. With `wait`, waits
/// for whoever has it.
pub(crate) async fn take(
    transaction: &mut Transaction,
    name: &str,
    build: Build,
    state: State,
    wait: bool,
) -> Result<Taken, DatabaseError> {
    let args = [name.into(), build.number().into(), state.number().into()];
    let select = "SELECT checkpoint FROM projection WHERE name = $1 AND version = $2 AND live = $3";
    let lock = match (transaction.is_postgres(), wait) {
        (false, _) => "",
        (true, true) => " FOR UPDATE",
        (true, false) => " FOR UPDATE SKIP LOCKED",
    };
    if let Some(row) = transaction.query(&format!("{select}{lock}"), &args).await?.first() {
        return Ok(Taken::At(row.uint(0)?));
    }
    let there = !lock.is_empty() && !transaction.query(select, &args).await?.is_empty();
    Ok(if there { Taken::Busy } else { Taken::Gone })
}

/// Moves the checkpoint of a build whose row was taken.
pub(crate) async fn advance(
    transaction: &mut Transaction,
    name: &str,
    build: Build,
    checkpoint: u64,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE projection SET checkpoint = $3 WHERE name = $1 AND version = $2";
    transaction.execute(sql, &[name.into(), build.number().into(), checkpoint.into()]).await?;
    Ok(())
}

/// Gives a build another state.
pub(crate) async fn set_state(
    transaction: &mut Transaction,
    name: &str,
    build: Build,
    state: State,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE projection SET live = $3 WHERE name = $1 AND version = $2";
    transaction.execute(sql, &[name.into(), build.number().into(), state.number().into()]).await?;
    Ok(())
}

/// Commits of this transaction need not wait for the disk. A crash takes the rows and their checkpoint away together, and
/// the events are folded again.
pub(crate) async fn relax(transaction: &mut Transaction) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        transaction.execute("SET LOCAL synchronous_commit = off", &[]).await?;
    }
    Ok(())
}

/// Drops the tables of a build and forgets it. Tables are found by name, since another program's schema may have others.
pub(crate) async fn drop_build(database: &Database, name: &str, build: Build) -> Result<(), DatabaseError> {
    let mut transaction = database.begin().await?;
    let (catalog, column) = if transaction.is_postgres() {
        // A long read must not make the drop, and behind it every other reader, wait.
        transaction.execute("SET LOCAL lock_timeout = '2s'", &[]).await?;
        ("pg_tables WHERE schemaname = current_schema() AND", "tablename::text")
    } else {
        ("sqlite_master WHERE type = 'table' AND", "name")
    };
    let sql = format!("SELECT {column} FROM {catalog} {column} LIKE $1 ESCAPE '\\'");
    let pattern = format!("{}%\\_{build}", name.replace('_', "\\_"));
    let tables = transaction.query(&sql, &[Value::from(pattern)]).await?;
    for table in &tables {
        transaction.execute(&format!("DROP TABLE IF EXISTS {}", table.text(0)?), &[]).await?;
    }
    let sql = "DELETE FROM projection WHERE name = $1 AND version = $2";
    transaction.execute(sql, &[name.into(), build.number().into()]).await?;
    transaction.commit().await
}
