//! The durable registry of API nodes, which makes a revocation a barrier: an API node lets its validating nodes answer
//! only while its registration stands here, and whoever revokes waits for every registration that is listed here.
//!
//! The two sides meet in the store. [`Registry::standing`] reads the registration and the log together; a revocation
//! commits to the log and reads the registry afterwards, through [`RegistryWatch::fresh`].

use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use crate::database::{Database, DatabaseError, Row, Value};

#[cfg(test)]
mod tests;
mod view;

pub use view::{RegistryWatch, View};

/// The channel on which PostgreSQL tells that reports or registrations changed. The payload, for people, is the id.
const CHANNEL: &str = "nexus_registry";

/// An API node, once: each start and each return after an eviction is a registration of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The epoch that its grants carry. Fresh for each call of [`Registry::register`], a failed one included: if an
    /// evicted id came back, what was granted under the old registration would count under the new one.
    pub id: Uuid,
    /// Where other nodes reach it, for people.
    pub address: String,
    /// The version of the program.
    pub version: String,
    /// When the process started, in unix microseconds.
    pub started_at: i64,
    /// The log's head as read before the registration. No validating node can be behind it: each gets its first grant
    /// later, with a later head.
    pub confirmed: u64,
}

/// Whether a registration allows to grant leases, and up to where a lease's holder must have applied the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The last committed position of the log, 0 for an empty one.
    pub head: u64,
    /// Whether the registration is there and not suspended.
    pub may_grant: bool,
}

/// What an API node says about all of its validating nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The position up to which each of them has acknowledged the log or lost its lease.
    pub confirmed: u64,
    /// The position up to which its own table shows the log: it is alive, and waits for others where this is the higher one.
    pub read: u64,
    /// How many there are.
    pub nodes: u32,
    /// How many of these have not acknowledged that; once it is confirmed, those that have lost their lease.
    pub lapsed: u32,
}

/// A registered API node, without its status document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiNode {
    /// See [`Registration::id`].
    pub id: Uuid,
    /// See [`Registration::address`].
    pub address: String,
    /// See [`Registration::version`].
    pub version: String,
    /// See [`Registration::started_at`], in unix microseconds.
    pub started_at: i64,
    /// Whether it was told to grant no more. It stays until what it granted before has run out.
    pub suspended: bool,
    /// See [`Report::confirmed`].
    pub confirmed: u64,
    /// See [`Report::read`].
    pub read: u64,
    /// See [`Report::nodes`].
    pub nodes: u32,
    /// See [`Report::lapsed`].
    pub lapsed: u32,
    /// How often it has shown that it lives.
    pub beat: u64,
}

/// The registry. Cheap to clone; clones hear of each other's changes at once, other values in the same process do so as
/// other processes do.
#[derive(Debug, Clone)]
pub struct Registry {
    database: Database,
    /// Counts the changes that were heard of.
    changes: watch::Sender<u64>,
}

/// What a change is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It survives a crash, and is announced.
    Durable,
    /// A crash of PostgreSQL may lose it: the statement does not wait for the disk. It is announced.
    Lossy,
    /// The same, and nobody needs to hear of it.
    Quiet,
}

impl Weight {
    /// What is run on PostgreSQL beside a change, and in its transaction: this setting ends with it.
    fn effects(self) -> &'static str {
        match self {
            Self::Durable => "pg_notify('nexus_registry', id)",
            Self::Lossy => "pg_notify('nexus_registry', id), set_config('synchronous_commit', 'off', true)",
            Self::Quiet => "set_config('synchronous_commit', 'off', true)",
        }
    }
}

impl Registry {
    /// The registry in `database`, whose schema must be current.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, changes: watch::Sender::new(0) }
    }

    /// Adds a registration, durably: a revocation that commits from now on finds it.
    ///
    /// Nobody may be granted anything because this has answered: [`Registry::standing`] says so, and for each grant
    /// anew. After an error it is unknown whether the registration stands. It is then left to be suspended and evicted, and
    /// the next attempt takes another id.
    ///
    /// Fails with [`DatabaseError::Other`] if the id is registered.
    pub async fn register(&self, registration: &Registration) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO api_node (id, address, version, started_at, confirmed, read) VALUES ($1, $2, $3, $4, $5, $5)";
        let args = [
            key(registration.id),
            registration.address.as_str().into(),
            registration.version.as_str().into(),
            registration.started_at.into(),
            registration.confirmed.into(),
        ];
        self.database.execute(sql, &args).await.map(drop)
    }

    /// The log's head, and whether the registration `id` is there and not suspended, at one instant after the call.
    ///
    /// What is granted on the strength of this is safe because both are read in **one statement**, from one snapshot of
    /// the primary. A registration that the snapshot shows was committed before it. A revocation that the snapshot does
    /// not show, and whose position is therefore behind `head`, commits after it; its reader of the registry reads later
    /// still, finds the registration, and waits for its nodes. A suspension that is not shown commits later too, and
    /// whoever waits it out begins later.
    ///
    /// Two statements would not do. With the head read first, a registration may commit in between (one that was given up
    /// as failed, say), and with it a revocation that has not waited for it and is not in `head`: the grant would let a
    /// validating node accept what is revoked. With the registration read first, it may be suspended, evicted or removed
    /// before the head is read, and only the length of the lease would still stand against that.
    ///
    /// The lease must run from before this call (from the validating node's own reading of its clock before it asked), so
    /// that a pause between this answer and the grant costs time and not safety. And the validating node must be on record
    /// as one that may hold a lease **before** this call: a report made up in between without it could confirm a position
    /// behind `head`, which that node has not applied.
    ///
    /// Fails as any statement does; then nothing may be granted.
    pub async fn standing(&self, id: Uuid) -> Result<Standing, DatabaseError> {
        let stands = "EXISTS (SELECT 1 FROM api_node a WHERE a.id = $1 AND a.suspended = 0)";
        let sql = if self.database.is_postgres() {
            format!("SELECT pos, {stands} FROM log_head WHERE id = 1")
        } else {
            format!("SELECT coalesce(max(position), 0), {stands} FROM event_log")
        };
        let rows = self.database.query(&sql, &[key(id)]).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Standing { head: row.uint(0)?, may_grant: row.int(1)? == 1 })
    }

    /// Says how far the validating nodes of `id` are, and answers whether that registration is there. The position never
    /// goes back, whatever order reports arrive in.
    ///
    /// A crash of PostgreSQL may lose the report, for it does not wait for the disk: that only makes others wait until the
    /// next one, or until leases have run out. SQLite writes it as durably as everything else.
    ///
    /// Fails as any statement does; the report may then still take effect.
    pub async fn report(&self, id: Uuid, report: &Report) -> Result<bool, DatabaseError> {
        let sql = "UPDATE api_node SET confirmed = CASE WHEN confirmed < $2 THEN $2 ELSE confirmed END, nodes = $3, \
                   lapsed = $4, read = CASE WHEN read < $5 THEN $5 ELSE read END WHERE id = $1";
        let args =
            [key(id), report.confirmed.into(), count(report.nodes), count(report.lapsed), report.read.into()];
        self.change(sql, &args, Weight::Lossy).await
    }

    /// Shows that the process of `id` lives, and with `status` replaces the JSON document about its validating nodes.
    /// Answers whether that registration is there. As lossy as [`Registry::report`], and not announced.
    ///
    /// Fails as any statement does; the beat may then still take effect.
    pub async fn beat(&self, id: Uuid, status: Option<&str>) -> Result<bool, DatabaseError> {
        let sql = "UPDATE api_node SET beat = beat + 1, status = coalesce($2, status) WHERE id = $1";
        self.change(sql, &[key(id), status.into()], Weight::Quiet).await
    }

    /// All registrations in the order in which their processes started, suspended ones included, from one snapshot.
    ///
    /// Fails with [`DatabaseError::Malformed`] if one of them cannot be read: it must not be passed over.
    pub async fn list(&self) -> Result<Vec<ApiNode>, DatabaseError> {
        let sql = "SELECT id, address, version, started_at, suspended, confirmed, nodes, lapsed, beat, read FROM api_node \
                   ORDER BY started_at, id";
        self.database.query(sql, &[]).await?.iter().map(ApiNode::from_row).collect()
    }

    /// The status documents of those that have given one, with their ids.
    ///
    /// Fails with [`DatabaseError::Malformed`] if an id is none.
    pub async fn statuses(&self) -> Result<Vec<(Uuid, String)>, DatabaseError> {
        let sql = "SELECT id, status FROM api_node WHERE status IS NOT NULL ORDER BY started_at, id";
        let status = |row: &Row| Ok((id_of(row)?, row.text(1)?.to_owned()));
        self.database.query(sql, &[]).await?.iter().map(status).collect()
    }

    /// Forbids `id` to grant, durably, and answers whether it was allowed to until now.
    ///
    /// What it granted before lives on for at most a lease, counted from this answer; also from `false`, for then another
    /// process was faster, and perhaps by a moment only.
    ///
    /// Fails as any statement does; the suspension may then still take effect.
    pub async fn suspend(&self, id: Uuid) -> Result<bool, DatabaseError> {
        let sql = "UPDATE api_node SET suspended = 1 WHERE id = $1 AND suspended = 0";
        self.change(sql, &[key(id)], Weight::Durable).await
    }

    /// Removes `id` durably if it is suspended, and answers whether it was removed. Only for those who have waited out, since
    /// they knew of the suspension, what it granted: no revocation waits for it from now on.
    ///
    /// Fails as any statement does; the eviction may then still take effect.
    pub async fn evict(&self, id: Uuid) -> Result<bool, DatabaseError> {
        let sql = "DELETE FROM api_node WHERE id = $1 AND suspended = 1";
        self.change(sql, &[key(id)], Weight::Durable).await
    }

    /// Runs an UPDATE or DELETE of one row and answers whether there was one.
    async fn change(&self, sql: &str, args: &[Value], weight: Weight) -> Result<bool, DatabaseError> {
        if self.database.is_postgres() {
            // One statement, and so one trip to the server. The announcement comes back through the listener.
            let sql =
                format!("WITH changed AS ({sql} RETURNING id) SELECT {} FROM changed", weight.effects());
            return Ok(!self.database.query(&sql, args).await?.is_empty());
        }
        let changed = self.database.execute(sql, args).await? > 0;
        if changed && weight != Weight::Quiet {
            self.heard();
        }
        Ok(changed)
    }

    /// Tells the watches of this value that what they have read is no longer all.
    fn heard(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

impl ApiNode {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: id_of(row)?,
            address: row.text(1)?.to_owned(),
            version: row.text(2)?.to_owned(),
            started_at: row.int(3)?,
            suspended: row.int(4)? != 0,
            read: row.uint(9)?,
            confirmed: row.uint(5)?,
            nodes: count_of(row, 6)?,
            lapsed: count_of(row, 7)?,
            beat: row.uint(8)?,
        })
    }
}

fn key(id: Uuid) -> Value {
    id.to_string().into()
}

fn id_of(row: &Row) -> Result<Uuid, DatabaseError> {
    Uuid::try_parse(row.text(0)?).map_err(|error| DatabaseError::Malformed(Arc::new(error)))
}

/// The column holds half of what a `u32` does; two thousand million nodes are as good as more.
fn count(number: u32) -> Value {
    i32::try_from(number).unwrap_or(i32::MAX).into()
}

fn count_of(row: &Row, column: usize) -> Result<u32, DatabaseError> {
    u32::try_from(row.uint(column)?).map_err(|error| DatabaseError::Malformed(Arc::new(error)))
}
