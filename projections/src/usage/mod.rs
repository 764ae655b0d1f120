//! Usage: how often each key was presented and with what outcome, by minute and in total, and the requests
//! one by one, as far as nodes recorded them. When a key was last accepted stands in the key list.

mod fold;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::Counts;
use nexus_domain::verification::Code;
use nexus_infrastructure::database::{Row, Value};
use serde::Serialize;

pub(crate) use self::fold::Fold;
use crate::cursor::{self, Page};
use crate::error::QueryError;
use crate::reader::{Reader, instant};

/// The projection's name.
pub const NAME: &str = "usage";

/// Most steps in one answer of [`Usage::by_key`].
pub const MOST_STEPS: i64 = 10_000;

/// Seconds in the finest step.
const MINUTE: i64 = 60;

/// What fell into a step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageStep {
    /// When the step begins.
    pub start: DateTime<Utc>,
    /// Decisions by outcome.
    pub counts: Counts,
}

/// A request that a node decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestItem {
    /// The key; absent where the credential was nobody's.
    pub key_id: Option<KeyId>,
    /// Its owner.
    pub tenant_id: Option<TenantId>,
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// The outcome.
    pub code: Code,
    /// Which secret version was presented.
    pub version: Option<u32>,
    /// HTTP method.
    pub method: Option<String>,
    /// Path without the query.
    pub path: Option<String>,
    /// The caller's address, sealed: opaque here.
    pub ip: Option<String>,
    /// The caller's request id.
    pub request_id: Option<String>,
    /// The version that the caller's client says it has.
    pub client_version: Option<String>,
}

/// Whose requests or totals are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<T> {
    /// Those of one key or tenant.
    One(T),
    /// Those that belong to no key.
    Nobody,
}

impl<T: ToString> Of<T> {
    fn id(&self) -> Value {
        match self {
            Self::One(id) => id.to_string().into(),
            Self::Nobody => "".into(),
        }
    }
}

/// Asks for usage.
#[derive(Clone)]
pub struct Usage {
    reader: Reader,
}

impl Usage {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A key's decisions in the minutes that begin in `from..to`, summed into steps, oldest first. `step` is rounded up to
    /// whole minutes; steps are counted from 1970-01-01T00:00Z, so that days begin at midnight UTC. Steps without any
    /// decision are left out.
    ///
    /// # Errors
    /// [`QueryError::TooManySteps`] where the span has more than [`MOST_STEPS`] steps, or another [`QueryError`].
    pub async fn by_key(
        &self,
        key: KeyId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        step: TimeDelta,
    ) -> Result<Vec<UsageStep>, QueryError> {
        let step = step.num_seconds().max(1).saturating_add(MINUTE - 1) / MINUTE;
        let first = from.timestamp().div_euclid(MINUTE);
        // The minute in which `to` lies counts, unless it lies at its very beginning.
        let end = (to - TimeDelta::microseconds(1)).timestamp().div_euclid(MINUTE) + 1;
        if (end - first) / step > MOST_STEPS {
            return Err(QueryError::TooManySteps { limit: MOST_STEPS });
        }
        let sql = |build| {
            format!(
                "SELECT minute - minute % $4, code, sum(decisions) FROM usage_minute_{build} \
                 WHERE key_id = $1 AND minute >= $2 AND minute < $3 GROUP BY 1, 2 ORDER BY 1, 2"
            )
        };
        let args = [key.to_string().into(), first.into(), end.into(), step.into()];
        let mut steps: BTreeMap<i64, Counts> = BTreeMap::new();
        for row in self.reader.query(sql, &args).await? {
            steps.entry(row.int(0)?).or_default().insert(code(&row, 1)?, row.uint(2)?);
        }
        let step = |(minute, counts): (i64, Counts)| {
            Ok(UsageStep { start: instant(minute.saturating_mul(MINUTE * 1_000_000))?, counts })
        };
        steps.into_iter().map(step).collect()
    }

    /// A key's decisions by outcome over all time, exact.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn key_totals(&self, key: KeyId) -> Result<Counts, QueryError> {
        let sql = |build| {
            format!("SELECT code, sum(decisions) FROM usage_minute_{build} WHERE key_id = $1 GROUP BY code")
        };
        self.counts(&self.reader.query(sql, &[key.to_string().into()]).await?)
    }

    /// Decisions by outcome over all time, exact: of a tenant's keys, or of credentials that were nobody's.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn tenant_totals(&self, tenant: Of<TenantId>) -> Result<Counts, QueryError> {
        let sql = |build| format!("SELECT code, decisions FROM usage_total_{build} WHERE tenant_id = $1");
        self.counts(&self.reader.query(sql, &[tenant.id()]).await?)
    }

    /// All decisions by outcome over all time, exact.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn totals(&self) -> Result<Counts, QueryError> {
        let sql = |build| format!("SELECT code, sum(decisions) FROM usage_total_{build} GROUP BY code");
        self.counts(&self.reader.query(sql, &[]).await?)
    }

    /// A page of recorded requests, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn requests(
        &self,
        of: Of<KeyId>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<RequestItem>, QueryError> {
        let limit = cursor::bounded(limit);
        let [at, position, number] = match cursor {
            Some(cursor) => {
                let [at, position, number] = cursor::read("requests", cursor)?;
                [cursor::number(&at)?, cursor::number(&position)?, cursor::number(&number)?]
            }
            None => [i64::MAX; 3],
        };
        let sql = |build| {
            format!(
                "SELECT tenant_id, key_id, at, code, version, method, path, ip, request_id, client_version, position, number \
                 FROM usage_request_{build} WHERE key_id = $1 AND (at, position, number) < ($2, $3, $4) \
                 ORDER BY at DESC, position DESC, number DESC LIMIT $5"
            )
        };
        let args = [of.id(), at.into(), position.into(), number.into(), (limit + 1).into()];
        let rows = self.reader.query(sql, &args).await?;
        let items = rows.iter().map(request).collect::<Result<_, _>>()?;
        let page = Page::of(items, limit, |(_, place): &(RequestItem, [i64; 3])| {
            let [at, position, number] = place;
            cursor::write("requests", &[at, position, number])
        });
        let data = page.data.into_iter().map(|(item, _)| item).collect();
        Ok(Page { data, next_cursor: page.next_cursor })
    }

    fn counts(&self, rows: &[Row]) -> Result<Counts, QueryError> {
        rows.iter().map(|row| Ok((code(row, 0)?, row.uint(1)?))).collect()
    }
}

fn code(row: &Row, column: usize) -> Result<Code, QueryError> {
    let number = row.int(column)?;
    let code = u8::try_from(number).ok().and_then(Code::from_number);
    code.ok_or_else(|| QueryError::row(UnknownCode(number)))
}

/// A request with its place in the list.
fn request(row: &Row) -> Result<(RequestItem, [i64; 3]), QueryError> {
    let owned = |column| Ok::<_, QueryError>(row.opt_text(column)?.map(str::to_owned));
    let item = RequestItem {
        tenant_id: Some(row.text(0)?)
            .filter(|id| !id.is_empty())
            .map(str::parse)
            .transpose()
            .map_err(QueryError::row)?,
        key_id: Some(row.text(1)?)
            .filter(|id| !id.is_empty())
            .map(str::parse)
            .transpose()
            .map_err(QueryError::row)?,
        at: instant(row.int(2)?)?,
        code: code(row, 3)?,
        version: row.opt_int(4)?.map(u32::try_from).transpose().map_err(QueryError::row)?,
        method: owned(5)?,
        path: owned(6)?,
        ip: owned(7)?,
        request_id: owned(8)?,
        client_version: owned(9)?,
    };
    Ok((item, [row.int(2)?, row.int(10)?, row.int(11)?]))
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is the number of no outcome")]
struct UnknownCode(i64);
