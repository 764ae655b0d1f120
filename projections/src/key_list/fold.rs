//! The fold behind the key list: a row per key, and one per secret version that was used.

use std::collections::BTreeMap;

use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::key::{Key, KeyEvent};
use nexus_domain::tenant::Tenant;
use nexus_domain::usage::{Usage, UsageEvent};
use nexus_infrastructure::database::{ColumnType, Transaction, Value};
use serde::{Deserialize, Serialize};

use crate::bulk;
use crate::credential_lookup::key_steps;
use crate::documents::{self, Document, replacing};
use crate::error::FoldError;
use crate::event::{Body, Event};
use crate::projection::{Build, Projection, Table};
use crate::usage::last_uses;

use super::NAME;

/// The fold.
pub(crate) struct Fold;

/// What is stored of a key: its folded state, and what its events say beyond it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KeyDocument {
    pub(super) key: Key,
    pub(super) created_by: Option<String>,
    pub(super) note: Option<String>,
}

impl Document for KeyDocument {
    type Change = KeyEvent;

    fn apply(&mut self, event: &Event, change: &KeyEvent) {
        match change {
            KeyEvent::KeyIssued(_) => self.created_by.clone_from(&event.circumstances.actor),
            KeyEvent::KeyRevoked(revoked) => self.note.clone_from(&revoked.note),
            KeyEvent::KeyChanged(_) | KeyEvent::KeyRotated(_) | KeyEvent::KeyExpired(_) => {}
        }
        Aggregate::apply(&mut self.key, change.clone());
    }
}

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[
                Table {
                    name: "key_list",
                    columns: "key_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, created_at BIGINT NOT NULL, \
                              expires_at BIGINT, revoked_at BIGINT, expiry_recorded BIGINT NOT NULL, document TEXT NOT NULL",
                    indexes: &[
                        ("tenant", "(tenant_id, created_at, key_id)"),
                        (
                            "due",
                            "(expires_at, key_id) WHERE expires_at IS NOT NULL AND revoked_at IS NULL AND expiry_recorded = 0",
                        ),
                    ],
                },
                Table {
                    name: "key_list_used",
                    columns: "key_id TEXT NOT NULL, version BIGINT NOT NULL, used_at BIGINT NOT NULL, \
                              PRIMARY KEY (key_id, version)",
                    indexes: &[],
                },
            ]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Key::TYPE, Usage::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[Tenant::TYPE]
    }

    fn fold<'a>(
        &'a self,
        transaction: &'a mut Transaction,
        build: Build,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<(), FoldError>> {
        async move {
            write_keys(transaction, build, events).await?;
            write_uses(transaction, &format!("key_list_used_{build}"), events).await
        }
        .boxed()
    }
}

async fn write_keys(transaction: &mut Transaction, build: Build, events: &[Event]) -> Result<(), FoldError> {
    let table = format!("key_list_{build}");
    let steps = key_steps(events);
    let documents = documents::fold::<KeyDocument>(transaction, &table, "key_id", "document", steps).await?;
    let mut rows = Vec::with_capacity(documents.len());
    for (id, document) in documents {
        let Some(key) = document.key.state() else { continue };
        rows.push(vec![
            id.into(),
            key.tenant_id.to_string().into(),
            key.issued_at.timestamp_micros().into(),
            key.expires_at.map(|at| at.timestamp_micros()).into(),
            key.revoked.map(|(at, _)| at.timestamp_micros()).into(),
            key.expiry_recorded.into(),
            serde_json::to_string(&document)?.into(),
        ]);
    }
    let head = format!(
        "INSERT INTO {table} (key_id, tenant_id, created_at, expires_at, revoked_at, expiry_recorded, document)"
    );
    let tail = replacing("key_id", &["expires_at", "revoked_at", "expiry_recorded", "document"]);
    const COLUMNS: [ColumnType; 7] = {
        use ColumnType::{Int, Text};
        [Text, Text, Int, Int, Int, Int, Text]
    };
    bulk::insert(transaction, &head, &COLUMNS, rows, &tail).await?;
    Ok(())
}

/// Notes the last uses of keys and of their versions in a table of `key_id`, `version` and `used_at`, where version 0 is the
/// key as a whole.
pub(crate) async fn write_uses(
    transaction: &mut Transaction,
    table: &str,
    events: &[Event],
) -> Result<(), FoldError> {
    let mut uses = BTreeMap::new();
    for event in events {
        match &event.body {
            Body::Usage(UsageEvent::KeyUsed(used)) => {
                for (version, at) in last_uses(used) {
                    let latest = uses.entry((used.key_id, version)).or_insert(at);
                    *latest = at.max(*latest);
                }
            }
            Body::Usage(UsageEvent::UnattributedRefusals(_))
            | Body::Key(..)
            | Body::Tenant(..)
            | Body::Foreign
            | Body::Undecodable(_) => {}
        }
    }
    let row = |((key, version), at): ((_, u32), i64)| -> Vec<Value> {
        let key: nexus_domain::ids::KeyId = key;
        vec![key.to_string().into(), version.into(), at.into()]
    };
    let head = format!("INSERT INTO {table} AS u (key_id, version, used_at)");
    let tail = "ON CONFLICT (key_id, version) DO UPDATE SET used_at = excluded.used_at WHERE excluded.used_at > u.used_at";
    let columns = [ColumnType::Text, ColumnType::Int, ColumnType::Int];
    bulk::insert(transaction, &head, &columns, uses.into_iter().map(row).collect(), tail).await?;
    Ok(())
}
