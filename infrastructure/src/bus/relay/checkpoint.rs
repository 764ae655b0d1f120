//! How far the log has been published: the position and, for each tenant, how many of its events lie at or before it.
//!
//! Both are moved in one transaction, and the numbers of events behind the position are counted from there. An event that is
//! sent again, by this process or another, so always has the number that it had the first time.

use std::collections::{BTreeSet, HashMap};

use super::session::SessionError;
use crate::bus::{CloudEvent, UnreadableEvent};
use crate::database::{ColumnType, Database, DatabaseError, Value};
use crate::journal::RecordedEvent;

/// The relay's row in `subscription_checkpoint`.
const NAME: &str = "relay";

pub(super) struct Checkpoint {
    database: Database,
    position: u64,
    /// The last number given to an event of each tenant, for those tenants that had an event since the start. Ahead of the
    /// stored ones by what is not confirmed yet.
    given: HashMap<String, u64>,
}

impl Checkpoint {
    pub(super) async fn load(database: &Database) -> Result<Self, DatabaseError> {
        let first = "INSERT INTO subscription_checkpoint (name, position) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING";
        database.execute(first, &[NAME.into()]).await?;
        let position = stored_position(database).await?.unwrap_or(0);
        Ok(Self { database: database.clone(), position, given: HashMap::new() })
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Renders the next events of the log with their numbers, up to the first that cannot be read.
    pub(super) async fn number(
        &mut self,
        events: &[RecordedEvent],
        public_url: &str,
    ) -> Result<(Vec<CloudEvent>, Option<UnreadableEvent>), SessionError> {
        let mut unreadable = None;
        let tenants: Vec<String> = events
            .iter()
            .map(CloudEvent::tenant_of)
            .map_while(|tenant| tenant.map_err(|error| unreadable = Some(error)).ok())
            .collect();
        self.fetch(tenants.iter().filter(|tenant| !self.given.contains_key(*tenant)).cloned().collect())
            .await?;
        let numbered = events.iter().zip(tenants).map(|(event, tenant)| {
            let number = self.given.entry(tenant).or_default();
            *number += 1;
            CloudEvent::new(event, public_url, *number)
        });
        Ok((numbered.collect::<Result<_, _>>().map_err(SessionError::Unreadable)?, unreadable))
    }

    /// Looks up the numbers of tenants that had no event since the start, so that the stored ones are the last ones given.
    async fn fetch(&mut self, tenants: BTreeSet<String>) -> Result<(), SessionError> {
        if tenants.is_empty() {
            return Ok(());
        }
        let marks: Vec<String> = (2..tenants.len() + 2).map(|n| format!("${n}")).collect();
        // One statement, one snapshot: the numbers belong to the position that is read beside them.
        let sql = format!(
            "SELECT c.position, t.tenant, t.sequence FROM subscription_checkpoint c \
             LEFT JOIN relay_tenant_sequence t ON t.tenant IN ({}) WHERE c.name = $1",
            marks.join(", ")
        );
        let args: Vec<Value> =
            std::iter::once(NAME).chain(tenants.iter().map(String::as_str)).map(Value::from).collect();
        let rows = self.database.query(&sql, &args).await?;
        if rows.is_empty() {
            return Err(SessionError::Superseded);
        }
        self.given.extend(tenants.into_iter().map(|tenant| (tenant, 0)));
        for row in rows {
            if row.uint(0)? != self.position {
                return Err(SessionError::Superseded);
            }
            if let Some(tenant) = row.opt_text(1)? {
                self.given.insert(tenant.to_owned(), row.uint(2)?);
            }
        }
        Ok(())
    }

    /// Stores that everything up to `position` is published, `numbers` being the last ones of the tenants on the way there.
    ///
    /// Fails with [`SessionError::Superseded`] when the stored position is not the one this process left: another one
    /// publishes, and the position must not go back.
    pub(super) async fn advance(
        &mut self,
        position: u64,
        numbers: HashMap<String, u64>,
    ) -> Result<(), SessionError> {
        let mut transaction = self.database.begin().await?;
        let moved = transaction
            .execute(
                "UPDATE subscription_checkpoint SET position = $1 WHERE name = $2 AND position = $3",
                &[position.into(), NAME.into(), self.position.into()],
            )
            .await?;
        if moved != 1 {
            transaction.rollback().await?;
            return Err(SessionError::Superseded);
        }
        let rows = numbers.into_iter().map(|(tenant, number)| vec![tenant.into(), number.into()]).collect();
        transaction
            .bulk(
                "INSERT INTO relay_tenant_sequence (tenant, sequence)",
                &[ColumnType::Text, ColumnType::Int],
                rows,
                "ON CONFLICT (tenant) DO UPDATE SET sequence = excluded.sequence",
            )
            .await?;
        transaction.commit().await?;
        self.position = position;
        Ok(())
    }
}

/// The position as any process has stored it; nothing before the first start.
pub(super) async fn stored_position(database: &Database) -> Result<Option<u64>, DatabaseError> {
    let rows = database
        .query("SELECT position FROM subscription_checkpoint WHERE name = $1", &[NAME.into()])
        .await?;
    rows.first().map(|row| row.uint(0)).transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::databases;

    fn event(position: u64, tenant: &str) -> RecordedEvent {
        RecordedEvent {
            position,
            aggregate_type: "key".to_owned(),
            aggregate_id: "key_1".to_owned(),
            sequence: position,
            event_type: "KeyRevoked".to_owned(),
            event_version: "1.0".to_owned(),
            payload: json!({}).into(),
            metadata: json!({ "tenant_id": tenant }).into(),
            created_at: 0,
        }
    }

    #[tokio::test]
    async fn a_process_that_was_overtaken_neither_numbers_nor_stores() {
        for test in databases().await {
            let database = &test.database;
            let mut old = Checkpoint::load(database).await.unwrap();
            let numbers = |(events, _): (Vec<CloudEvent>, _)| {
                events.iter().map(CloudEvent::tenant_sequence).collect::<Vec<_>>()
            };
            let events = [event(1, "a"), event(2, "b"), event(3, "a")];
            assert_eq!(numbers(old.number(&events, "").await.unwrap()), [1, 1, 2]);

            let mut new = Checkpoint::load(database).await.unwrap();
            new.number(&events, "").await.unwrap();
            new.advance(2, HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)])).await.unwrap();
            let outcome = old.advance(1, HashMap::from([("a".to_owned(), 1)])).await;
            assert!(matches!(outcome, Err(SessionError::Superseded)), "{outcome:?}");
            let outcome = old.number(&[event(4, "c")], "").await;
            assert!(matches!(outcome, Err(SessionError::Superseded)), "{outcome:?}");
            assert_eq!(stored_position(database).await.unwrap(), Some(2));

            let mut next = Checkpoint::load(database).await.unwrap();
            assert_eq!(numbers(next.number(&[event(3, "a"), event(4, "c")], "").await.unwrap()), [2, 1]);
        }
    }
}
