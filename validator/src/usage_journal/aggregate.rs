//! A batch as events: per key and minute what was decided, and the requests one by one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::{
    Counts, KeyUsed, Requests, UnattributedRefusals, UsageEvent, UsedRequest, stream_of, unattributed_stream,
};
use nexus_domain::verification::Code;

use super::Batch;
use super::record::OwnedUsageRecord;

/// Most requests that one event lists. At 1 KB each at worst, it stays far below what readers of the log and consumers on
/// the bus take at once. Decisions that only count take no room.
const MOST_LISTED: usize = 500;
const MICROS_PER_MINUTE: i64 = 60_000_000;

/// What becomes one event, or several when it is much: a key and its owner, or nobody, in a minute.
type Group = (Option<(KeyId, TenantId)>, i64);

impl Batch {
    /// The events of this batch, each with the stream it belongs to: per key and minute (UTC), and per minute for refusals
    /// that belong to no key. Events of one stream stand behind each other. Counts are exact; of the latter's requests at
    /// most 100 a second are listed. The same batch always gives the same events.
    ///
    /// `seal` encrypts an address with the tenant's key for personal data, or with the platform's
    /// where there is no tenant; without a result the address is left out.
    pub fn into_events(
        self,
        mut seal: impl FnMut(Option<TenantId>, IpAddr) -> Option<String>,
    ) -> Vec<(String, UsageEvent)> {
        let mut groups: BTreeMap<Group, Vec<OwnedUsageRecord>> = BTreeMap::new();
        for record in self.records {
            let owner = record.key.map(|(key, tenant, _)| (key, tenant));
            groups.entry((owner, record.at.div_euclid(MICROS_PER_MINUTE))).or_default().push(record);
        }
        let mut events = Vec::with_capacity(groups.len());
        for ((owner, _), mut records) in groups {
            records.sort_by_key(|record| record.at);
            while !records.is_empty() {
                let listed = records.iter().enumerate().filter(|(_, record)| !record.counted_only);
                let too_much = listed.map(|(at, _)| at).nth(MOST_LISTED);
                let rest = records.split_off(too_much.unwrap_or(records.len()));
                events.push(event(self.node.clone(), owner, records, &mut seal));
                records = rest;
            }
        }
        events
    }
}

fn event(
    node: String,
    owner: Option<(KeyId, TenantId)>,
    records: Vec<OwnedUsageRecord>,
    mut seal: impl FnMut(Option<TenantId>, IpAddr) -> Option<String>,
) -> (String, UsageEvent) {
    let from = time(records.first().map_or(0, |record| record.at));
    let to = time(records.last().map_or(0, |record| record.at));
    let mut counts = Counts::new();
    let mut last_accepted: BTreeMap<u32, DateTime<Utc>> = BTreeMap::new();
    for record in &records {
        *counts.entry(record.code).or_default() += 1;
        if let (Code::Valid, Some((_, _, version))) = (record.code, record.key) {
            last_accepted.insert(version, time(record.at));
        }
    }
    let tenant = owner.map(|(_, tenant)| tenant);
    let listed = records.into_iter().filter(|record| !record.counted_only);
    let requests: Requests = listed.map(|record| request(record, |ip| seal(tenant, ip))).collect();
    let day = from.date_naive();
    match owner {
        Some((key_id, tenant_id)) => {
            let used = KeyUsed { tenant_id, key_id, node, from, to, counts, last_accepted, requests };
            (stream_of(key_id, day), UsageEvent::KeyUsed(used))
        }
        None => {
            let stream = unattributed_stream(&node, day);
            let refusals = UnattributedRefusals { node, from, to, counts, requests };
            (stream, UsageEvent::UnattributedRefusals(refusals))
        }
    }
}

fn request(record: OwnedUsageRecord, seal: impl FnOnce(IpAddr) -> Option<String>) -> UsedRequest {
    UsedRequest {
        at: time(record.at),
        code: record.code,
        version: record.key.map(|(_, _, version)| version),
        method: record.method,
        path: record.path,
        ip: record.ip.and_then(seal),
        request_id: record.request_id,
        client_version: record.client_version,
    }
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
