//! When something was last asked in which session: one row per session that may still live, changed at most once a minute. The
//! log says whether a session lives; this says whether it is idle, which would be too much for the log.

use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::ids::{MemberId, SessionId, TenantId};
use nexus_domain::session::IDLE;

use crate::database::{Database, DatabaseError, Row, Value};

/// How stale the time may be that a row says.
const STALE: TimeDelta = TimeDelta::minutes(1);

/// A session's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub session_id: SessionId,
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Whose.
    pub member_id: MemberId,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When something was asked in it last, to a minute.
    pub seen_at: DateTime<Utc>,
    /// When it ends, whatever happens in it.
    pub ends_at: DateTime<Utc>,
    /// From where it was begun, encrypted with the member's key.
    pub ip: Option<String>,
    /// By what program, encrypted with the member's key.
    pub user_agent: Option<String>,
}

/// The rows of a store. Cheap to clone.
#[derive(Clone)]
pub struct MemberSessions(Database);

const COLUMNS: &str = "session_id, tenant_id, member_id, began_at, seen_at, ends_at, ip, user_agent";

impl MemberSessions {
    /// The rows in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }

    /// Adds a row, before the session begins in the log.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn add(&self, row: &SessionRow) -> Result<(), DatabaseError> {
        let sql = format!("INSERT INTO member_session ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
        let args = [
            row.session_id.to_string().into(),
            row.tenant_id.to_string().into(),
            row.member_id.to_string().into(),
            row.began_at.timestamp_micros().into(),
            row.seen_at.timestamp_micros().into(),
            row.ends_at.timestamp_micros().into(),
            Value::from(row.ip.clone()),
            Value::from(row.user_agent.clone()),
        ];
        self.0.execute(&sql, &args).await.map(drop)
    }

    /// A session's row.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn get(&self, session: SessionId) -> Result<Option<SessionRow>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS} FROM member_session WHERE session_id = $1");
        let rows = self.0.query(&sql, &[session.to_string().into()]).await?;
        rows.first().map(read).transpose()
    }

    /// The rows of a tenant that are neither idle nor over, newest first, behind `before` (when it began, and its id).
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn list(
        &self,
        tenant: TenantId,
        before: (i64, &str),
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<SessionRow>, DatabaseError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM member_session WHERE tenant_id = $1 AND (began_at, session_id) < ($2, $3) \
             AND ends_at > $4 AND seen_at > $5 ORDER BY began_at DESC, session_id DESC LIMIT $6"
        );
        let args = [
            tenant.to_string().into(),
            before.0.into(),
            before.1.into(),
            now.timestamp_micros().into(),
            (now - IDLE).timestamp_micros().into(),
            limit.into(),
        ];
        self.0.query(&sql, &args).await?.iter().map(read).collect()
    }

    /// Notes that something was asked in a session, unless that was noted within the last minute.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn seen(&self, row: &SessionRow, now: DateTime<Utc>) -> Result<(), DatabaseError> {
        if now - row.seen_at < STALE {
            return Ok(());
        }
        let sql = "UPDATE member_session SET seen_at = $1 WHERE session_id = $2 AND seen_at < $1";
        let args = [now.timestamp_micros().into(), row.session_id.to_string().into()];
        self.0.execute(sql, &args).await.map(drop)
    }

    /// Removes the row of a session that is over.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn remove(&self, session: SessionId) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM member_session WHERE session_id = $1";
        self.0.execute(sql, &[session.to_string().into()]).await.map(drop)
    }

    /// Removes the rows of a member's sessions that began before `before`.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn remove_of(&self, member: MemberId, before: DateTime<Utc>) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM member_session WHERE member_id = $1 AND began_at < $2";
        let args = [member.to_string().into(), before.timestamp_micros().into()];
        self.0.execute(sql, &args).await.map(drop)
    }

    /// Removes the rows of sessions that are over or idle; returns how many. Nothing depends on it but the size of the table.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn prune(&self, now: DateTime<Utc>) -> Result<u64, DatabaseError> {
        let sql = "DELETE FROM member_session WHERE ends_at <= $1 OR seen_at <= $2";
        let args = [now.timestamp_micros().into(), (now - IDLE).timestamp_micros().into()];
        self.0.execute(sql, &args).await
    }
}

fn read(row: &Row) -> Result<SessionRow, DatabaseError> {
    let malformed =
        |error: nexus_domain::ids::InvalidId| DatabaseError::Malformed(std::sync::Arc::new(error));
    let instant = |column| {
        Ok::<_, DatabaseError>(DateTime::from_timestamp_micros(row.int(column)?).unwrap_or_default())
    };
    Ok(SessionRow {
        session_id: row.text(0)?.parse().map_err(malformed)?,
        tenant_id: row.text(1)?.parse().map_err(malformed)?,
        member_id: row.text(2)?.parse().map_err(malformed)?,
        began_at: instant(3)?,
        seen_at: instant(4)?,
        ends_at: instant(5)?,
        ip: row.opt_text(6)?.map(str::to_owned),
        user_agent: row.opt_text(7)?.map(str::to_owned),
    })
}
