//! Usage: how often each key was presented and with what outcome, by minute and in total, and the requests
//! one by one, as far as nodes recorded them. When a key was last accepted stands in the key list.

mod fold;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::{Counts, Requests, UsageEvent, UsedRequest};
use nexus_domain::verification::Code;
use nexus_infrastructure::database::{Row, Value};
use nexus_infrastructure::journal::RecordedEvent;
use serde::Serialize;

pub(crate) use self::fold::Fold;
use crate::bulk;
use crate::cursor::{self, Page};
use crate::error::QueryError;
use crate::reader::{Reader, instant};

/// The projection's name.
pub const NAME: &str = "usage";

/// Most steps in one answer of [`Usage::by_key`].
pub const MOST_STEPS: i64 = 10_000;

/// Windows that are read at a time, at least, while a page of requests is filled.
const WINDOWS_AT_ONCE: u32 = 8;

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

/// Whose requests are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<T> {
    /// Those of one key.
    One(T),
    /// Those that belong to no key.
    Nobody,
}

impl Of<KeyId> {
    fn id(&self) -> Value {
        match self {
            Self::One(id) => bulk::id(id.uuid()),
            Self::Nobody => Value::Blob(Some(Vec::new())),
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
        let args = [bulk::id(key.uuid()), first.into(), end.into(), step.into()];
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
        self.counts(&self.reader.query(sql, &[bulk::id(key.uuid())]).await?)
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
        let before = match cursor {
            Some(cursor) => {
                let [at, position, number] = cursor::read("requests", cursor)?;
                [cursor::number(&at)?, cursor::number(&position)?, cursor::number(&number)?]
            }
            None => [i64::MAX; 3],
        };
        let newest = self.newest(of, before, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
        let page = Page::of(newest, limit, |(place, _): &(Place, RequestItem)| {
            let [at, position, number] = place;
            cursor::write("requests", &[at, position, number])
        });
        let data = page.data.into_iter().map(|(_, item)| item).collect();
        Ok(Page { data, next_cursor: page.next_cursor })
    }

    /// The newest requests in front of a place, newest first, one more than `limit` where there are more.
    ///
    /// Windows of several nodes overlap: a request is in its place for sure once all windows that are still unread end in
    /// front of it.
    async fn newest(
        &self,
        of: Of<KeyId>,
        before: Place,
        limit: usize,
    ) -> Result<Vec<(Place, RequestItem)>, QueryError> {
        let sql = |build| {
            format!(
                "SELECT position, last_at FROM usage_window_{build} \
                 WHERE key_id = $1 AND first_at <= $2 AND (last_at, position) < ($3, $4) \
                 ORDER BY last_at DESC, position DESC LIMIT $5"
            )
        };
        let mut found: BTreeMap<Reverse<Place>, RequestItem> = BTreeMap::new();
        let [before_at, ..] = before;
        // A window lies within a minute, so none that ends later holds anything before this.
        let mut unread = (before_at.saturating_add(MINUTE * 1_000_000), i64::MAX);
        let at_once = WINDOWS_AT_ONCE.max(u32::try_from(limit / 4).unwrap_or(u32::MAX));
        loop {
            let args = [of.id(), before_at.into(), unread.0.into(), unread.1.into(), at_once.into()];
            let rows = self.reader.query(sql, &args).await?;
            let mut positions = Vec::with_capacity(rows.len());
            for row in &rows {
                positions.push(row.uint(0)?);
                unread = (row.int(1)?, row.int(0)?);
            }
            let read = |event| {
                found.extend(requests_of(&event)?.into_iter().filter(|(place, _)| place.0 < before));
                // Only the newest are wanted, and windows may hold many.
                while found.len() > limit + 1 {
                    found.pop_last();
                }
                Ok(())
            };
            self.reader.at(positions, read).await?;
            let settled = found.len() > limit
                && found.last_key_value().is_some_and(|(Reverse([at, ..]), _)| *at > unread.0);
            if settled || rows.len() < at_once as usize {
                return Ok(found.into_iter().map(|(Reverse(place), item)| (place, item)).collect());
            }
        }
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

/// Where a request stands in the list: its time, the position of its event in the log, its number in the event.
type Place = [i64; 3];

/// The requests that an event lists.
fn requests_of(event: &RecordedEvent) -> Result<Vec<(Reverse<Place>, RequestItem)>, QueryError> {
    let (owner, requests): (_, Requests) = match event.payload.parse().map_err(QueryError::row)? {
        UsageEvent::KeyUsed(used) => (Some((used.tenant_id, used.key_id)), used.requests),
        UsageEvent::UnattributedRefusals(refused) => (None, refused.requests),
    };
    let position = i64::try_from(event.position).map_err(QueryError::row)?;
    let item = |(number, request): (i64, UsedRequest<&str>)| {
        let UsedRequest { at, code, version, method, path, ip, request_id, client_version } = request;
        let item = RequestItem {
            key_id: owner.map(|(_, key)| key),
            tenant_id: owner.map(|(tenant, _)| tenant),
            at,
            code,
            version,
            method: method.map(str::to_owned),
            path: path.map(str::to_owned),
            ip: ip.map(str::to_owned),
            request_id: request_id.map(str::to_owned),
            client_version: client_version.map(str::to_owned),
        };
        (Reverse([at.timestamp_micros(), position, number]), item)
    };
    Ok((0..).zip(requests.in_order()).map(item).collect())
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is the number of no outcome")]
struct UnknownCode(i64);
