//! The fold behind the key list: a row per key, and one per secret version that was used.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::Agent;
use nexus_domain::client::Client;
use nexus_domain::grant::Grant;
use nexus_domain::ids::KeyId;
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::{Key, KeyEvent};
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::Token;
use nexus_domain::usage::{Usage, UsageEvent};
use nexus_infrastructure::database::ColumnType::{self, Blob, Int, Text};
use nexus_infrastructure::database::Value;
use serde::{Deserialize, Serialize};

use crate::bulk;
use crate::credential_lookup::key_steps;
use crate::documents::{self, Document};
use crate::error::FoldError;
use crate::event::{Body, Event};
use crate::projection::{Projection, Rows, Stored, Sums, Table};

use super::NAME;

const COLUMNS: &[(&str, ColumnType)] = &[
    ("key_id", Text),
    ("tenant_id", Text),
    ("created_at", Int),
    ("expires_at", Int),
    ("revoked_at", Int),
    ("expiry_recorded", Int),
    ("integration_id", Text),
    ("document", Text),
];
const REPLACE: &str = "ON CONFLICT (key_id) DO UPDATE SET expires_at = excluded.expires_at, \
                       revoked_at = excluded.revoked_at, expiry_recorded = excluded.expiry_recorded, \
                       document = excluded.document";

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
    type Id = KeyId;
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
        4
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[
                Table {
                    name: NAME,
                    columns: "key_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, created_at BIGINT NOT NULL, \
                              expires_at BIGINT, revoked_at BIGINT, expiry_recorded BIGINT NOT NULL, integration_id TEXT, \
                              document TEXT NOT NULL",
                    indexes: &[
                        ("tenant", "(tenant_id, created_at, key_id)"),
                        (
                            "integration",
                            "(integration_id, created_at, key_id) WHERE integration_id IS NOT NULL",
                        ),
                        (
                            "due",
                            "(expires_at, key_id) WHERE expires_at IS NOT NULL AND revoked_at IS NULL AND expiry_recorded = 0",
                        ),
                    ],
                    sums: None,
                },
                Table {
                    name: "key_list_used",
                    columns: "key_id BLOB NOT NULL, version BIGINT NOT NULL, used_at BIGINT NOT NULL, \
                              PRIMARY KEY (key_id, version)",
                    indexes: &[],
                    sums: Some(Sums { key: "key_id, version", value: "max(used_at)" }),
                },
            ]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Key::TYPE, Usage::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            Agent::TYPE,
            Integration::TYPE,
            Tenant::TYPE,
            Client::TYPE,
            Grant::TYPE,
            Token::TYPE,
            Member::TYPE,
            Session::TYPE,
            JwtSecret::TYPE,
            SigningKeys::TYPE,
        ]
    }

    fn fold<'a>(
        &'a self,
        stored: Stored<'a>,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        async move {
            let steps = key_steps(events);
            let keys = documents::fold::<KeyDocument>(stored, NAME, "key_id", "document", steps).await?;
            let keys = keys.rows(NAME, COLUMNS, REPLACE, key_row)?;
            Ok(keys.into_iter().chain([uses(events)]).collect())
        }
        .boxed()
    }
}

fn key_row(id: KeyId, document: &KeyDocument) -> Result<Vec<Value>, FoldError> {
    let key = document.key.state();
    let micros = |at: DateTime<Utc>| at.timestamp_micros();
    Ok(vec![
        id.to_string().into(),
        key.map(|key| key.tenant_id.to_string()).into(),
        key.map(|key| micros(key.issued_at)).into(),
        key.and_then(|key| key.expires_at).map(micros).into(),
        key.and_then(|key| key.revoked).map(|(at, _)| micros(at)).into(),
        key.is_some_and(|key| key.expiry_recorded).into(),
        key.and_then(|key| key.integration_id).map(|id| id.to_string()).into(),
        serde_json::to_string(document)?.into(),
    ])
}

/// The last uses of secret versions.
fn uses(events: &[Event]) -> Rows {
    let mut uses: BTreeMap<(KeyId, u32), i64> = BTreeMap::new();
    for event in events {
        match &event.body {
            Body::Usage(UsageEvent::KeyUsed(used)) => {
                for (version, at) in &used.last_accepted {
                    let latest = uses.entry((used.key_id, *version)).or_insert(i64::MIN);
                    *latest = at.timestamp_micros().max(*latest);
                }
            }
            Body::Usage(UsageEvent::UnattributedRefusals(_))
            | Body::Key(..)
            | Body::Tenant(..)
            | Body::Client(..)
            | Body::Grant(..)
            | Body::Token(..)
            | Body::Member(..)
            | Body::Session(..)
            | Body::Agent(..)
            | Body::Integration(..)
            | Body::JwtSecret(..)
            | Body::SigningKey(_)
            | Body::Foreign
            | Body::Undecodable(_) => {}
        }
    }
    let row =
        |((key, version), at): ((KeyId, u32), i64)| vec![bulk::id(key.uuid()), version.into(), at.into()];
    Rows {
        table: "key_list_used",
        columns: &[("key_id", Blob), ("version", Int), ("used_at", Int)],
        rows: uses.into_iter().map(row).collect(),
        on_conflict: "ON CONFLICT (key_id, version) DO UPDATE SET used_at = excluded.used_at \
                      WHERE excluded.used_at > stored.used_at",
    }
}
