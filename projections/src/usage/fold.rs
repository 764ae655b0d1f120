//! The fold behind usage: counts per key and minute, and windows of requests.

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
use nexus_domain::key::Key;
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::Token;
use nexus_domain::usage::{Usage, UsageEvent};
use nexus_domain::verification::Code;
use nexus_infrastructure::database::ColumnType::{Blob, Int};
use nexus_infrastructure::database::Value;

use crate::bulk;
use crate::error::FoldError;
use crate::event::{Body, Event, Listed};
use crate::projection::{Projection, Rows, Stored, Sums, Table};

use super::{MINUTE, NAME};

/// The fold.
pub(crate) struct Fold;

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        3
    }

    fn tables(&self) -> &'static [Table] {
        const {
            &[
                // A minute is its number since 1970; a code is `Code::number`. An empty id stands for nobody.
                Table {
                    name: "usage_minute",
                    columns: "key_id BLOB NOT NULL, minute BIGINT NOT NULL, code BIGINT NOT NULL, decisions BIGINT NOT NULL, \
                              PRIMARY KEY (key_id, minute, code)",
                    indexes: &[],
                    sums: Some(Sums { key: "key_id, minute, code", value: "sum(decisions)" }),
                },
                // Which events list requests of a key, and when those were made. The requests stay where they are, in the log.
                Table {
                    name: "usage_window",
                    columns: "key_id BLOB NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, position BIGINT NOT NULL",
                    indexes: &[("key", "(key_id, last_at, position, first_at)")],
                    sums: None,
                },
            ]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Usage::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            Agent::TYPE,
            Integration::TYPE,
            Key::TYPE,
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

    fn fold<'a>(&'a self, _: Stored<'a>, events: &'a [Event]) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        let mut added = Added::default();
        for event in events {
            match &event.body {
                Body::Usage(usage) => added.add(event.position, usage),
                Body::Key(..)
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
        std::future::ready(Ok(added.rows())).boxed()
    }
}

/// What a batch adds.
#[derive(Default)]
struct Added {
    minutes: BTreeMap<(KeyId, i64, Code), u64>,
    windows: Vec<Vec<Value>>,
}

impl Added {
    fn add(&mut self, position: u64, usage: &UsageEvent<Listed>) {
        match usage {
            UsageEvent::KeyUsed(used) => {
                // A window lies within a minute.
                let minute = used.from.timestamp().div_euclid(MINUTE);
                for (code, count) in &used.counts {
                    *self.minutes.entry((used.key_id, minute, *code)).or_default() += count;
                }
                self.add_window(position, bulk::id(used.key_id.uuid()), used.from, used.to, used.requests);
            }
            UsageEvent::UnattributedRefusals(refused) => {
                self.add_window(
                    position,
                    Value::Blob(Some(Vec::new())),
                    refused.from,
                    refused.to,
                    refused.requests,
                );
            }
        }
    }

    fn add_window(
        &mut self,
        position: u64,
        key: Value,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        requests: Listed,
    ) {
        if requests != Listed(0) {
            let (from, to) = (from.timestamp_micros(), to.timestamp_micros());
            self.windows.push(vec![key, from.into(), to.into(), position.into()]);
        }
    }

    fn rows(self) -> Vec<Rows> {
        let minute = |((key, minute, code), count): ((KeyId, i64, Code), u64)| -> Vec<Value> {
            vec![bulk::id(key.uuid()), minute.into(), i64::from(code.number()).into(), count.into()]
        };
        vec![
            Rows {
                table: "usage_minute",
                columns: &[("key_id", Blob), ("minute", Int), ("code", Int), ("decisions", Int)],
                rows: self.minutes.into_iter().map(minute).collect(),
                on_conflict: "ON CONFLICT (key_id, minute, code) \
                              DO UPDATE SET decisions = stored.decisions + excluded.decisions",
            },
            Rows {
                table: "usage_window",
                columns: &[("key_id", Blob), ("first_at", Int), ("last_at", Int), ("position", Int)],
                rows: self.windows,
                on_conflict: "",
            },
        ]
    }
}
