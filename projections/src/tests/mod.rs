//! Tests of the crate as a whole, on real databases: a log written event by event, and what the projections make of it.

mod ended;
mod folding;
mod paging;
mod rebuilding;
mod running;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use nexus_domain::credential::Digest;
use nexus_domain::dialect::KeyType;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::key::{Key, KeyEvent, KeyIssued, KeyRevoked, KeyRotated, RevocationReason};
use nexus_domain::tenant::{Tenant, TenantCreated, TenantEvent};
use nexus_domain::usage::{Counts, KeyUsed, Usage, UsageEvent, UsedRequest, stream_of};
use nexus_domain::verification::Code;
use nexus_infrastructure::database::{Database, Row};
use nexus_infrastructure::journal::{Append, Expected, Journal, JournalOptions, NewEvent, StreamAppend};
use serde_json::json;
use uuid::Uuid;

use crate::Projections;

const PATIENCE: Duration = Duration::from_secs(20);

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
}

fn tenant(number: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(number))
}

fn key(number: u128) -> KeyId {
    KeyId::new(Uuid::from_u128(number))
}

fn issued(owner: TenantId, name: &str, seconds: i64) -> KeyEvent {
    KeyEvent::KeyIssued(KeyIssued {
        tenant_id: owner,
        dialect: "nexus".to_owned(),
        name: name.to_owned(),
        key_type: KeyType::Secret,
        environment: "live".to_owned(),
        scopes: ["orders:read".parse().unwrap()].into(),
        ip_allowlist: Vec::new(),
        restrictions: [("brand".to_owned(), ["acme".to_owned()].into())].into(),
        expires_at: Some(at(10_000)),
        client_id: None,
        integration_id: None,
        hint: "nx_live_1".to_owned(),
        digest: Digest::of(name),
        issued_at: at(seconds),
    })
}

fn rotated(owner: TenantId, version: u32, seconds: i64) -> KeyEvent {
    KeyEvent::KeyRotated(KeyRotated {
        tenant_id: owner,
        version,
        hint: format!("nx_live_{version}"),
        digest: Digest::of(&format!("{version}")),
        previous_valid_until: at(seconds + 60),
        rotated_at: at(seconds),
    })
}

fn revoked(owner: TenantId, seconds: i64) -> KeyEvent {
    KeyEvent::KeyRevoked(KeyRevoked {
        tenant_id: owner,
        reason: RevocationReason::Compromised,
        note: Some("seen in a repository".to_owned()),
        revoked_at: at(seconds),
    })
}

fn created(name: &str, seconds: i64) -> TenantEvent {
    TenantEvent::TenantCreated(TenantCreated {
        name: name.to_owned(),
        dialect: "nexus".to_owned(),
        created_at: at(seconds),
    })
}

fn used(
    owner: TenantId,
    id: KeyId,
    seconds: i64,
    counts: &[(Code, u64)],
    requests: Vec<UsedRequest>,
) -> UsageEvent {
    UsageEvent::KeyUsed(KeyUsed {
        tenant_id: owner,
        key_id: id,
        node: "node-1".to_owned(),
        from: at(seconds),
        to: at(seconds + 10),
        counts: counts.iter().copied().collect(),
        last_accepted: requests
            .iter()
            .filter(|request| request.code == Code::Valid)
            .map(|request| (request.version.unwrap_or(1), request.at))
            .collect(),
        requests: requests.into_iter().collect(),
    })
}

fn request(seconds: i64, code: Code, version: Option<u32>) -> UsedRequest {
    UsedRequest {
        at: at(seconds),
        code,
        version,
        method: Some("GET".to_owned()),
        path: Some("/orders".to_owned()),
        ip: Some("sealed".to_owned()),
        request_id: Some(format!("r{seconds}")),
        client_version: None,
    }
}

/// A log that is written as the gate writes it.
struct Log {
    journal: Journal,
    events: u64,
}

impl Log {
    async fn open(database: &Database) -> Self {
        Self { journal: Journal::open(database.clone(), JournalOptions::default()).await.unwrap(), events: 0 }
    }

    async fn key(&mut self, id: KeyId, event: KeyEvent) -> u64 {
        self.append::<Key>(id.to_string(), event).await
    }

    async fn tenant(&mut self, id: TenantId, event: TenantEvent) -> u64 {
        self.append::<Tenant>(id.to_string(), event).await
    }

    async fn usage(&mut self, event: UsageEvent) -> u64 {
        let stream = match &event {
            UsageEvent::KeyUsed(used) => stream_of(used.key_id, used.from.date_naive()),
            UsageEvent::UnattributedRefusals(refusals) => format!("node-{}", refusals.node),
        };
        self.append::<Usage>(stream, event).await
    }

    async fn append<A: Aggregate>(&mut self, id: String, event: A::Event) -> u64 {
        let payload = serde_json::to_value(&event).unwrap();
        self.raw(A::TYPE, id, &event.event_type(), &event.event_version(), payload).await
    }

    async fn raw(
        &mut self,
        kind: &str,
        id: String,
        event: &str,
        version: &str,
        payload: serde_json::Value,
    ) -> u64 {
        self.events += 1;
        let metadata = json!({
            "event_id": format!("event-{}", self.events),
            "tenant_id": tenant(1).to_string(),
            "actor": "member:Ann",
            "request_id": format!("request-{}", self.events),
            "causation_id": "none",
            "time": at(0).to_rfc3339(),
            "ip": "sealed-address",
        });
        let event = NewEvent {
            event_type: event.to_owned(),
            event_version: version.to_owned(),
            payload: payload.into(),
            metadata: metadata.into(),
        };
        let stream = StreamAppend {
            aggregate_type: kind.to_owned(),
            aggregate_id: id,
            expected: Expected::Any,
            events: vec![event],
        };
        let now = at(i64::try_from(self.events).unwrap()).timestamp_micros();
        let append = Append { streams: vec![stream], now, ..Append::default() };
        self.journal.append(append).await.unwrap().last
    }

    /// Takes an event away from its place in the log.
    async fn lose(&self, position: i64) {
        self.misplace(position, -position).await;
    }

    /// Puts it back.
    async fn find(&self, position: i64) {
        self.misplace(-position, position).await;
    }

    async fn misplace(&self, from: i64, to: i64) {
        let database = self.journal.database();
        let table = if database.is_postgres() { "events" } else { "event_log" };
        let sql = format!("UPDATE {table} SET position = $2 WHERE position = $1");
        assert_eq!(database.execute(&sql, &[from.into(), to.into()]).await.unwrap(), 1);
    }

    /// Two tenants and some keys in all states, with usage.
    async fn script(&mut self) -> u64 {
        let (one, two) = (tenant(1), tenant(2));
        self.tenant(one, created("Acme", 0)).await;
        self.tenant(two, created("Umbrella", 1)).await;
        for number in 1..=12u32 {
            let owner = if number.is_multiple_of(3) { two } else { one };
            let id = key(number.into());
            self.key(id, issued(owner, &format!("key {number}"), 10 + i64::from(number) / 2)).await;
            if number.is_multiple_of(2) {
                self.key(id, rotated(owner, 2, 100)).await;
            }
            self.usage(used(owner, id, 200, &[(Code::Valid, 3), (Code::Expired, 1)], Vec::new())).await;
            let detail = vec![request(255, Code::Valid, Some(1)), request(262, Code::Valid, Some(2))];
            self.usage(used(owner, id, 255, &[(Code::Valid, 2)], detail)).await;
            if number.is_multiple_of(4) {
                self.key(id, revoked(owner, 300)).await;
            }
        }
        self.journal.head().await.unwrap()
    }
}

async fn level(projections: &Projections, position: u64) {
    for projection in crate::all() {
        let awaited = projections.await_position(projection.name(), position, PATIENCE).await;
        if let Err(lagging) = awaited {
            panic!("{lagging}: {:?}", projections.status().await);
        }
    }
}

/// The number of a projection's `count`th build of this program's schema.
fn build_of(name: &str, count: i64) -> i64 {
    let projections = crate::all();
    let projection = projections.iter().find(|known| known.name() == name).unwrap();
    i64::from(projection.schema_version()) * 1_000_000 + count
}

/// The decisions on all keys that tests make.
async fn totals(projections: &Projections) -> Counts {
    let mut totals = Counts::new();
    for number in 1..=160u32 {
        for (code, count) in projections.usage().key_totals(key(number.into())).await.unwrap() {
            *totals.entry(code).or_default() += count;
        }
    }
    totals
}

/// All rows of the live tables of a projection, by table, in order.
async fn dump(database: &Database, projection: &str) -> Vec<(&'static str, Vec<Row>)> {
    let name = projection.into();
    let live =
        database.query("SELECT version FROM projection WHERE name = $1 AND live = 1", &[name]).await.unwrap();
    let build = crate::Build::from_number(live[0].int(0).unwrap());
    let projections = crate::all();
    let projection = projections.iter().find(|known| known.name() == projection).unwrap();
    let mut tables = Vec::new();
    for table in projection.tables() {
        let sql = format!("SELECT * FROM {}_{build} ORDER BY 1, 2, 3", table.name);
        let sql = if table.name.contains("credential") { sql.replace(", 3", "") } else { sql };
        tables.push((table.name, database.query(&sql, &[]).await.unwrap()));
    }
    tables
}
