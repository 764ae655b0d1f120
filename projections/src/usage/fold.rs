//! The fold behind usage: counts per key and minute, totals, and requests one by one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::key::Key;
use nexus_domain::tenant::Tenant;
use nexus_domain::usage::{Counts, KeyUsed, Usage, UsageEvent, UsedRequest};
use nexus_domain::verification::Code;
use nexus_infrastructure::database::ColumnType::{self, Int, Text};
use nexus_infrastructure::database::Value;

use crate::error::FoldError;
use crate::event::{Body, Event};
use crate::projection::{Projection, Rows, Stored, Table};

use super::{MINUTE, NAME};

const REQUEST_COLUMNS: &[(&str, ColumnType)] = &[
    ("position", Int),
    ("number", Int),
    ("tenant_id", Text),
    ("key_id", Text),
    ("at", Int),
    ("code", Int),
    ("version", Int),
    ("method", Text),
    ("path", Text),
    ("ip", Text),
    ("request_id", Text),
    ("client_version", Text),
];

/// The fold.
pub(crate) struct Fold;

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
                // A minute is its number since 1970; a code is `Code::number`. An empty id stands for nobody.
                Table {
                    name: "usage_minute",
                    columns: "key_id TEXT NOT NULL, minute BIGINT NOT NULL, code BIGINT NOT NULL, decisions BIGINT NOT NULL, \
                              PRIMARY KEY (key_id, minute, code)",
                    indexes: &[],
                },
                Table {
                    name: "usage_total",
                    columns: "tenant_id TEXT NOT NULL, code BIGINT NOT NULL, decisions BIGINT NOT NULL, \
                              PRIMARY KEY (tenant_id, code)",
                    indexes: &[],
                },
                Table {
                    name: "usage_request",
                    columns: "position BIGINT NOT NULL, number BIGINT NOT NULL, tenant_id TEXT NOT NULL, key_id TEXT NOT NULL, \
                              at BIGINT NOT NULL, code BIGINT NOT NULL, version BIGINT, method TEXT, path TEXT, ip TEXT, \
                              request_id TEXT, client_version TEXT",
                    indexes: &[("key", "(key_id, at, position, number)")],
                },
            ]
        }
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[Usage::TYPE]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[Key::TYPE, Tenant::TYPE]
    }

    fn fold<'a>(&'a self, _: Stored<'a>, events: &'a [Event]) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        let mut sums = Sums::default();
        for event in events {
            match &event.body {
                Body::Usage(usage) => sums.add(event.position, usage),
                Body::Key(..) | Body::Tenant(..) | Body::Foreign | Body::Undecodable(_) => {}
            }
        }
        std::future::ready(Ok(sums.rows())).boxed()
    }
}

/// What a batch adds.
#[derive(Default)]
struct Sums {
    minutes: BTreeMap<(KeyId, i64, Code), u64>,
    totals: BTreeMap<(Option<TenantId>, Code), u64>,
    requests: Vec<Vec<Value>>,
}

impl Sums {
    fn add(&mut self, position: u64, usage: &UsageEvent) {
        match usage {
            UsageEvent::KeyUsed(used) => {
                self.add_minutes(used);
                self.add_totals(Some(used.tenant_id), &used.counts);
                self.add_requests(position, Some((used.tenant_id, used.key_id)), &used.requests);
            }
            UsageEvent::UnattributedRefusals(refusals) => {
                self.add_totals(None, &refusals.counts);
                self.add_requests(position, None, &refusals.requests);
            }
        }
    }

    /// A window may reach over the end of a minute. Where every request is recorded each counts in its own, else all count
    /// where the window began.
    fn add_minutes(&mut self, used: &KeyUsed) {
        if recorded(used) {
            for request in &used.requests {
                *self.minutes.entry((used.key_id, minute(request.at), request.code)).or_default() += 1;
            }
        } else {
            for (code, count) in &used.counts {
                *self.minutes.entry((used.key_id, minute(used.from), *code)).or_default() += count;
            }
        }
    }

    fn add_totals(&mut self, tenant: Option<TenantId>, counts: &Counts) {
        for (code, count) in counts {
            *self.totals.entry((tenant, *code)).or_default() += count;
        }
    }

    fn add_requests(&mut self, position: u64, owner: Option<(TenantId, KeyId)>, requests: &[UsedRequest]) {
        for (number, request) in (0i64..).zip(requests) {
            self.requests.push(vec![
                position.into(),
                number.into(),
                owner.map(|(tenant, _)| tenant.to_string()).unwrap_or_default().into(),
                owner.map(|(_, key)| key.to_string()).unwrap_or_default().into(),
                request.at.timestamp_micros().into(),
                i64::from(request.code.number()).into(),
                request.version.into(),
                request.method.as_ref().into(),
                request.path.as_ref().into(),
                request.ip.as_ref().into(),
                request.request_id.as_ref().into(),
                request.client_version.as_ref().into(),
            ]);
        }
    }

    fn rows(self) -> Vec<Rows> {
        let minute = |((key, minute, code), count): ((KeyId, i64, Code), u64)| -> Vec<Value> {
            vec![key.to_string().into(), minute.into(), i64::from(code.number()).into(), count.into()]
        };
        let total = |((tenant, code), count): ((Option<TenantId>, Code), u64)| -> Vec<Value> {
            let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
            vec![tenant.into(), i64::from(code.number()).into(), count.into()]
        };
        vec![
            Rows {
                table: "usage_minute",
                columns: &[("key_id", Text), ("minute", Int), ("code", Int), ("decisions", Int)],
                rows: self.minutes.into_iter().map(minute).collect(),
                on_conflict: "ON CONFLICT (key_id, minute, code) \
                              DO UPDATE SET decisions = stored.decisions + excluded.decisions",
            },
            Rows {
                table: "usage_total",
                columns: &[("tenant_id", Text), ("code", Int), ("decisions", Int)],
                rows: self.totals.into_iter().map(total).collect(),
                on_conflict: "ON CONFLICT (tenant_id, code) \
                              DO UPDATE SET decisions = stored.decisions + excluded.decisions",
            },
            Rows { table: "usage_request", columns: REQUEST_COLUMNS, rows: self.requests, on_conflict: "" },
        ]
    }
}

/// Whether all decisions of a window are recorded one by one.
fn recorded(used: &KeyUsed) -> bool {
    let of = |code: &Code| used.requests.iter().filter(|request| request.code == *code).count();
    let decisions: u64 = used.counts.values().sum();
    u64::try_from(used.requests.len()) == Ok(decisions)
        && used.counts.iter().all(|(code, count)| u64::try_from(of(code)) == Ok(*count))
}

fn minute(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(MINUTE)
}
