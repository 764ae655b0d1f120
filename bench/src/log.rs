//! A log as a busy installation writes it, and a way to write it fast: through the journal, many streams an append.

use std::collections::HashMap;

use chrono::TimeDelta;
use cqrs_es::{Aggregate, DomainEvent};
use nexus_domain::key::{Change, Key, KeyChanged, KeyEvent, KeyRevoked, KeyRotated, RevocationReason};
use nexus_domain::tenant::{Tenant, TenantCreated, TenantEvent};
use nexus_domain::usage::{KeyUsed, Usage, UsageEvent, UsedRequest, stream_of};
use nexus_domain::verification::Code;
use nexus_infrastructure::journal::{Append, Expected, Journal, Json, NewEvent, StreamAppend};
use serde_json::json;

use crate::Failure;
use crate::keys::{self, Population, key_id, tenant_id, time};
use crate::random::Random;

/// Events in one append while a log is written.
const TOGETHER: usize = 2000;
/// How much time the log covers, in microseconds: 30 days.
const COVERED: i64 = 30 * 86_400 * 1_000_000;

/// An event and the stream it belongs to.
#[derive(Debug)]
pub(crate) struct Logged {
    aggregate_type: &'static str,
    aggregate_id: String,
    event: NewEvent,
}

impl Logged {
    fn of<A: Aggregate>(id: String, event: &A::Event, metadata: serde_json::Value) -> Result<Self, Failure> {
        Ok(Self {
            aggregate_type: A::TYPE,
            aggregate_id: id,
            event: NewEvent {
                event_type: event.event_type(),
                event_version: event.event_version(),
                payload: Json::of(event)?,
                metadata: metadata.into(),
            },
        })
    }
}

/// The tenants and keys of a population, and nothing else.
pub(crate) fn keys_alone(population: &Population) -> impl Iterator<Item = Result<Logged, Failure>> {
    let tenants = (0..population.tenants()).map(tenant_created);
    let keys = (0..population.keys()).map(|number| key_issued(population, number, 0));
    tenants.chain(keys)
}

/// A log of `events` events behind the tenants': 10 % keys issued, 3 % changed, 3 % rotated, 4 % revoked, and 80 % reports
/// of usage, each of one to three requests, by keys of which some are used much more than others.
pub(crate) struct Mixed {
    population: Population,
    random: Random,
    events: u32,
    written: u32,
    tenants: u32,
    /// The version of each issued key's secret; 0: revoked.
    versions: Vec<u32>,
}

impl Mixed {
    pub(crate) fn new(events: u32) -> Result<Self, Failure> {
        let population = Population::new(events / 10)?;
        Ok(Self { population, random: Random::new(11), events, written: 0, tenants: 0, versions: Vec::new() })
    }

    fn draw(&mut self) -> Result<Logged, Failure> {
        let after = COVERED / i64::from(self.events) * i64::from(self.written);
        let issued = u32::try_from(self.versions.len())?;
        // Keys are issued at an even pace, so that their number is exact.
        if issued <= self.written / 10 && issued < self.population.keys() {
            self.versions.push(1);
            return key_issued(&self.population, issued, after);
        }
        // Of the nine events in ten that are left.
        let drawn = self.random.below(900);
        if drawn < 100
            && let Some(key) = self.living(issued)
            && let Some(version) = self.versions.get_mut(key as usize)
        {
            return match drawn {
                0..=29 => change(&self.population, key, self.written, after),
                30..=59 => {
                    *version += 1;
                    rotate(&self.population, key, *version, self.written, after)
                }
                _ => {
                    *version = 0;
                    revoke(&self.population, key, self.written, after)
                }
            };
        }
        // The square prefers the older half: few keys do much of the work.
        let square = u64::from(self.random.below(issued)) * u64::from(self.random.below(issued));
        let key = u32::try_from(square / u64::from(issued))?;
        used(&self.population, key, self.written, after, &mut self.random)
    }

    /// A key that is not revoked.
    fn living(&mut self, issued: u32) -> Option<u32> {
        let mut drawn = (0..32).map(|_| self.random.below(issued));
        drawn.find(|key| self.versions.get(*key as usize).is_some_and(|version| *version > 0))
    }
}

impl Iterator for Mixed {
    type Item = Result<Logged, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.tenants < self.population.tenants() {
            self.tenants += 1;
            return Some(tenant_created(self.tenants - 1));
        }
        if self.written == self.events {
            return None;
        }
        let event = self.draw();
        self.written += 1;
        Some(event)
    }
}

/// Appends everything, in order. Answers how many events that were.
pub(crate) async fn write(
    journal: &Journal,
    events: impl Iterator<Item = Result<Logged, Failure>>,
) -> Result<u64, Failure> {
    let mut streams: Vec<StreamAppend> = Vec::new();
    let mut places: HashMap<(&'static str, String), usize> = HashMap::new();
    let (mut held, mut written) = (0, 0);
    for event in events {
        let Logged { aggregate_type, aggregate_id, event } = event?;
        let place = *places.entry((aggregate_type, aggregate_id.clone())).or_insert_with(|| {
            streams.push(StreamAppend {
                aggregate_type: aggregate_type.to_owned(),
                aggregate_id,
                expected: Expected::Any,
                events: Vec::new(),
            });
            streams.len() - 1
        });
        if let Some(stream) = streams.get_mut(place) {
            stream.events.push(event);
        }
        held += 1;
        if held == TOGETHER {
            append(journal, std::mem::take(&mut streams), written).await?;
            places.clear();
            written += std::mem::take(&mut held) as u64;
        }
    }
    if held > 0 {
        append(journal, streams, written).await?;
    }
    Ok(written + held as u64)
}

async fn append(journal: &Journal, streams: Vec<StreamAppend>, written: u64) -> Result<(), Failure> {
    let now = keys::BEGINNING + i64::try_from(written)?;
    journal.append(Append { streams, now, ..Append::default() }).await?;
    Ok(())
}

/// The circumstances as the gate and the drain of usage write them.
fn metadata(tenant: u32, number: u32, after: i64, by_node: bool) -> serde_json::Value {
    let tenant = tenant_id(tenant).to_string();
    let event_id = keys::ordered_uuid(0xe7e7, number.into()).to_string();
    let time = time(after).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    if by_node {
        let batch = format!("usage-{}", number / 100);
        return json!({
            "event_id": event_id, "tenant_id": tenant, "actor": format!("node-{}", keys::ordered_uuid(1, 1)),
            "request_id": batch, "causation_id": batch, "time": time,
        });
    }
    let actor = key_id(number % 100).to_string();
    let request = keys::ordered_uuid(0x4e9, number.into()).to_string();
    let ip = sealed(&actor, number);
    json!({
        "event_id": event_id, "tenant_id": tenant, "actor": actor,
        "request_id": request, "causation_id": request, "time": time, "ip": ip,
    })
}

/// A text of the size of an encrypted address.
fn sealed(subject: &str, number: u32) -> String {
    format!("{subject}:{:056x}", u128::from(number) << 64 | 0x0123_4567_89ab_cdef)
}

fn tenant_created(tenant: u32) -> Result<Logged, Failure> {
    let event = TenantEvent::TenantCreated(TenantCreated {
        name: format!("Tenant number {tenant}"),
        dialect: keys::DIALECT.to_owned(),
        created_at: time(0),
    });
    Logged::of::<Tenant>(tenant_id(tenant).to_string(), &event, metadata(tenant, tenant, 0, false))
}

fn key_issued(population: &Population, key: u32, after: i64) -> Result<Logged, Failure> {
    let issued = population.issued(key, time(after));
    let metadata = metadata(key % population.tenants(), key, after, false);
    Logged::of::<Key>(key_id(key).to_string(), &KeyEvent::KeyIssued(issued), metadata)
}

fn change(population: &Population, key: u32, number: u32, after: i64) -> Result<Logged, Failure> {
    let tenant = key % population.tenants();
    let event = KeyEvent::KeyChanged(KeyChanged {
        tenant_id: tenant_id(tenant),
        changes: vec![Change::Name(format!("renamed at {number}"))],
        changed_at: time(after),
    });
    Logged::of::<Key>(key_id(key).to_string(), &event, metadata(tenant, number, after, false))
}

fn rotate(
    population: &Population,
    key: u32,
    version: u32,
    number: u32,
    after: i64,
) -> Result<Logged, Failure> {
    let tenant = key % population.tenants();
    let secret = keys::secret(key, version);
    let event = KeyEvent::KeyRotated(KeyRotated {
        tenant_id: tenant_id(tenant),
        version,
        hint: secret.hint(12),
        digest: secret.digest(),
        previous_valid_until: time(after) + TimeDelta::hours(24),
        rotated_at: time(after),
    });
    Logged::of::<Key>(key_id(key).to_string(), &event, metadata(tenant, number, after, false))
}

fn revoke(population: &Population, key: u32, number: u32, after: i64) -> Result<Logged, Failure> {
    let tenant = key % population.tenants();
    let event = KeyEvent::KeyRevoked(KeyRevoked {
        tenant_id: tenant_id(tenant),
        reason: RevocationReason::Superseded,
        note: Some("replaced by a newer one".to_owned()),
        revoked_at: time(after),
    });
    Logged::of::<Key>(key_id(key).to_string(), &event, metadata(tenant, number, after, false))
}

fn used(
    population: &Population,
    key: u32,
    number: u32,
    after: i64,
    random: &mut Random,
) -> Result<Logged, Failure> {
    let tenant = key % population.tenants();
    let from = time(after);
    let subject = tenant_id(tenant).to_string();
    let request = |nth: u32| UsedRequest {
        at: from + TimeDelta::milliseconds(i64::from(nth) * 130),
        code: Code::Valid,
        version: Some(1),
        method: Some("GET".to_owned()),
        path: Some(format!("/v1/users/{}", number % 10_000)),
        ip: Some(sealed(&subject, number + nth)),
        request_id: Some(keys::ordered_uuid(0x1d, u64::from(number) * 4 + u64::from(nth)).to_string()),
        client_version: None,
    };
    let requests: Vec<UsedRequest> = match random.below(10) {
        0..=6 => (0..1).map(request).collect(),
        7..=8 => (0..2).map(request).collect(),
        _ => (0..3).map(request).collect(),
    };
    let event = UsageEvent::KeyUsed(KeyUsed {
        tenant_id: tenant_id(tenant),
        key_id: key_id(key),
        node: keys::ordered_uuid(1, 1).to_string(),
        from,
        to: requests.last().map_or(from, |request| request.at),
        counts: [(Code::Valid, requests.len() as u64)].into(),
        last_accepted: requests.iter().map(|request| (1, request.at)).collect(),
        requests: requests.into_iter().collect(),
    });
    let stream = stream_of(key_id(key), from.date_naive());
    Logged::of::<Usage>(stream, &event, metadata(tenant, number, after, true))
}
