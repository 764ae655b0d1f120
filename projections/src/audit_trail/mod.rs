//! The audit trail: who did what to which key of which tenant, from where, when, and with what outcome.

mod fold;
mod oauth;

use chrono::{DateTime, Utc};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_infrastructure::database::Value;
use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) use self::fold::Fold;
pub use self::fold::{ACTIONS, FAILURES, SUCCESS};
use self::fold::{Entry, REFUSED, USED};
use crate::bulk;
use crate::cursor::{self, Page};
use crate::error::QueryError;
use crate::event::Event;
use crate::reader::{Reader, instant};

/// The projection's name.
pub const NAME: &str = "audit_trail";

/// Rows on a page of an export.
const EXPORT_PAGE: u32 = 1000;

/// One entry of the trail.
#[derive(Debug, Clone, Serialize)]
pub struct AuditItem {
    /// The event's place in the log.
    pub position: u64,
    /// The event's own id.
    pub event_id: Option<String>,
    /// When it was recorded.
    pub time: DateTime<Utc>,
    /// The tenant.
    pub tenant_id: Option<TenantId>,
    /// Who.
    pub actor: Option<String>,
    /// What, such as `key.revoked`.
    pub action: String,
    /// To which key.
    pub key_id: Option<KeyId>,
    /// From where, sealed: opaque here.
    pub ip: Option<String>,
    /// `success`, or the refusal that most requests met, such as `EXPIRED`.
    pub outcome: String,
    /// At whose request.
    pub request_id: Option<String>,
    /// The particulars, a JSON object.
    pub details: Box<RawValue>,
}

/// Which entries are asked for: those that meet all conditions that are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who, exactly.
    pub actor: Option<String>,
    /// What, exactly.
    pub action: Option<String>,
    /// To which key.
    pub key: Option<KeyId>,
    /// Of which tenant.
    pub tenant: Option<TenantId>,
    /// With what outcome, exactly.
    pub outcome: Option<String>,
    /// Only what callers did, and the system: nothing that nodes reported, which has no address and is most of a log.
    pub without_reports: bool,
    /// Recorded at or after this instant.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before this instant.
    pub to: Option<DateTime<Utc>>,
    /// A part of action, actor, key or details, whatever its case in ASCII. The details of uses that were all accepted are
    /// not looked at: who used which key stands in the other three.
    pub q: Option<String>,
}

/// In which order an export goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As it happened.
    OldestFirst,
    /// As lists go.
    NewestFirst,
}

/// Asks for the trail.
#[derive(Clone)]
pub struct AuditTrail {
    reader: Reader,
}

impl AuditTrail {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// A page of entries, newest first. `limit` is held between 1 and [`crate::LONGEST_PAGE`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn list(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AuditItem>, QueryError> {
        let limit = cursor::bounded(limit);
        let before = match cursor {
            Some(cursor) => {
                let [before] = cursor::read("audit", cursor)?;
                cursor::number(&before)?
            }
            None => i64::MAX,
        };
        let mut conditions = Conditions::of(filter, self.reader.database().is_postgres());
        conditions.add("position < ?", before);
        let items = self.fetch(conditions, Order::NewestFirst, limit + 1).await?;
        Ok(Page::of(items, limit, |last: &AuditItem| cursor::write("audit", &[&last.position])))
    }

    /// All entries as they stand now, in pages that are read one at a time. What comes later is left out, so that an export
    /// of a busy log ends.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn export(&self, filter: AuditFilter, order: Order) -> Result<AuditExport, QueryError> {
        let end = i64::try_from(self.reader.live().await?.checkpoint).unwrap_or(i64::MAX);
        Ok(AuditExport { trail: self.clone(), filter, order, rest: Some((0, end)) })
    }

    async fn fetch(
        &self,
        conditions: Conditions,
        order: Order,
        limit: u32,
    ) -> Result<Vec<AuditItem>, QueryError> {
        let direction = match order {
            Order::OldestFirst => "ASC",
            Order::NewestFirst => "DESC",
        };
        let Conditions { sql: conditions, mut args } = conditions;
        args.push(limit.into());
        let last = args.len();
        let sql = |build| {
            format!(
                "SELECT position FROM audit_trail_{build} WHERE {conditions} ORDER BY position {direction} LIMIT ${last}"
            )
        };
        let rows = self.reader.query(sql, &args).await?;
        let positions: Vec<u64> = rows.iter().map(|row| row.uint(0)).collect::<Result<_, _>>()?;
        let mut items = Vec::with_capacity(positions.len());
        let read = |event| {
            items.push(item(&Event::decode(event))?);
            Ok(())
        };
        self.reader.at(positions, read).await?;
        if order == Order::NewestFirst {
            items.reverse();
        }
        Ok(items)
    }
}

/// An export on its way.
pub struct AuditExport {
    trail: AuditTrail,
    filter: AuditFilter,
    order: Order,
    /// The positions still to be looked at, the first excluded and the last included; nothing at the end.
    rest: Option<(i64, i64)>,
}

impl AuditExport {
    /// The next page, never an empty one; nothing at the end.
    ///
    /// # Errors
    /// [`QueryError`]; another call tries the same page again.
    pub async fn next(&mut self) -> Result<Option<Vec<AuditItem>>, QueryError> {
        let Some((after, end)) = self.rest else { return Ok(None) };
        let mut conditions = Conditions::of(&self.filter, self.trail.reader.database().is_postgres());
        conditions.add("position > ?", after);
        conditions.add("position <= ?", end);
        let items = self.trail.fetch(conditions, self.order, EXPORT_PAGE).await?;
        let last = items.last().and_then(|item| i64::try_from(item.position).ok());
        self.rest = match (last, self.order) {
            (None, _) => None,
            (Some(last), Order::OldestFirst) => Some((last, end)),
            (Some(last), Order::NewestFirst) => Some((after, last - 1)),
        };
        Ok(Some(items).filter(|items| !items.is_empty()))
    }
}

/// Conditions that must all hold, with their arguments.
struct Conditions {
    sql: String,
    args: Vec<Value>,
}

impl Conditions {
    fn of(filter: &AuditFilter, postgres: bool) -> Self {
        let mut conditions = Self { sql: "1 = 1".to_owned(), args: Vec::new() };
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let exactly = [
            ("actor = ?", text(&filter.actor)),
            ("action = ?", text(&filter.action)),
            ("key_id = ?", filter.key.map(|key| bulk::id(key.uuid()))),
            ("tenant_id = ?", filter.tenant.map(|tenant| bulk::id(tenant.uuid()))),
            ("outcome = ?", text(&filter.outcome)),
        ];
        for (condition, value) in exactly {
            if let Some(value) = value {
                conditions.add(condition, value);
            }
        }
        if filter.actor.as_deref().is_some_and(|actor| !actor.starts_with("node-")) {
            // Said twice, so that the index on everybody but nodes can be used.
            conditions.sql.push_str(" AND substr(actor, 1, 5) <> 'node-'");
        }
        if filter.action.as_deref().is_some_and(|action| action != USED) {
            // Said twice, so that the index on everything but usage can be used.
            conditions.sql.push_str(" AND action <> 'key.used'");
        }
        if filter.outcome.as_deref().is_some_and(|outcome| outcome != SUCCESS) {
            // Said twice, so that the index on refusals can be used.
            conditions.sql.push_str(" AND outcome <> 'success'");
        }
        if filter.without_reports {
            let asked = filter.action.as_deref();
            conditions.sql.push_str(match asked {
                // Nothing can be both, which a store might look through the whole table to find.
                Some(USED | REFUSED) => " AND 1 = 0",
                Some(_) | None => " AND action <> 'key.used' AND action <> 'credential.refused'",
            });
        }
        if let Some(from) = filter.from {
            conditions.add("at >= ?", from.timestamp_micros());
        }
        if let Some(to) = filter.to {
            conditions.add("at < ?", to.timestamp_micros());
        }
        if let Some(part) = &filter.q {
            let digits = if postgres { "encode(key_id, 'hex')" } else { "lower(hex(key_id))" };
            // Without a key, its digits are nothing on one store and an empty text on the other.
            let key = format!("key_id IS NOT NULL AND 'key_' || {digits}");
            let texts = ["action", "lower(actor)", &key, "lower(details)"];
            let alike = texts.map(|text| format!("({text} LIKE ? ESCAPE '\\')"));
            conditions.add(
                &format!("({})", alike.join(" OR ")),
                format!("%{}%", escaped(&part.to_ascii_lowercase())),
            );
        }
        conditions
    }

    /// Adds a condition; every `?` stands for the value.
    fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.args.push(value.into());
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replace('?', &format!("${}", self.args.len())));
    }
}

/// Text for LIKE, in which nothing is a wildcard.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// An entry as the log tells it.
fn item(event: &Event) -> Result<AuditItem, QueryError> {
    let Some(entry) = Entry::of(event) else {
        return Err(QueryError::row(Unreadable(event.position)));
    };
    let circumstances = &event.circumstances;
    let details = serde_json::to_string(&entry.details).map_err(QueryError::row)?;
    Ok(AuditItem {
        position: event.position,
        event_id: circumstances.event_id.clone(),
        time: instant(event.recorded_at)?,
        tenant_id: entry.tenant_of(event),
        actor: circumstances.actor.clone(),
        action: entry.action.to_owned(),
        key_id: entry.key,
        ip: circumstances.ip.clone(),
        outcome: entry.outcome.to_owned(),
        request_id: circumstances.request_id.clone(),
        details: RawValue::from_string(details).map_err(QueryError::row)?,
    })
}

#[derive(Debug, thiserror::Error)]
#[error("the event at position {0} is in the trail and cannot be read")]
struct Unreadable(u64);
