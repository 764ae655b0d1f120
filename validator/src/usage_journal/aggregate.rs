//! A batch as events: per key and day what was decided, and the requests one by one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::{
    Counts, KeyUsed, UnattributedRefusals, UsageEvent, UsedRequest, stream_of, unattributed_stream,
};

use super::Batch;
use super::record::OwnedUsageRecord;

/// What becomes one event: a key and its owner, or nobody, on a day.
type Group = (Option<(KeyId, TenantId)>, NaiveDate);

impl Batch {
    /// The events of this batch, each with the stream it belongs to: one per key and day (UTC), and
    /// one per day for refusals that belong to no key. Counts are exact; of the latter's requests
    /// at most 100 a second are listed. The same batch always gives the same events.
    ///
    /// `seal` encrypts an address with the tenant's key for personal data, or with the platform's
    /// where there is no tenant; without a result the address is left out.
    pub fn aggregate(
        &self,
        seal: impl Fn(Option<TenantId>, IpAddr) -> Option<String>,
    ) -> Vec<(String, UsageEvent)> {
        let mut groups: BTreeMap<Group, Vec<&OwnedUsageRecord>> = BTreeMap::new();
        for record in &self.records {
            let owner = record.key.map(|(key, tenant, _)| (key, tenant));
            groups.entry((owner, time(record.at).date_naive())).or_default().push(record);
        }
        let events = groups.into_iter().map(|((owner, day), mut records)| {
            records.sort_by_key(|record| record.at);
            self.event(owner, day, &records, &seal)
        });
        events.collect()
    }

    fn event(
        &self,
        owner: Option<(KeyId, TenantId)>,
        day: NaiveDate,
        records: &[&OwnedUsageRecord],
        seal: &impl Fn(Option<TenantId>, IpAddr) -> Option<String>,
    ) -> (String, UsageEvent) {
        let node = self.node.clone();
        let from = time(records.first().map_or(0, |record| record.at));
        let to = time(records.last().map_or(0, |record| record.at));
        let mut counts = Counts::new();
        for record in records {
            *counts.entry(record.code).or_default() += 1;
        }
        let tenant = owner.map(|(_, tenant)| tenant);
        let listed = records.iter().filter(|record| !record.counted_only);
        let requests = listed.map(|record| request(record, |ip| seal(tenant, ip))).collect();
        match owner {
            Some((key_id, tenant_id)) => {
                let used = KeyUsed { tenant_id, key_id, node, from, to, counts, requests };
                (stream_of(key_id, day), UsageEvent::KeyUsed(used))
            }
            None => {
                let stream = unattributed_stream(&node, day);
                (
                    stream,
                    UsageEvent::UnattributedRefusals(UnattributedRefusals {
                        node,
                        from,
                        to,
                        counts,
                        requests,
                    }),
                )
            }
        }
    }
}

fn request(record: &OwnedUsageRecord, seal: impl Fn(IpAddr) -> Option<String>) -> UsedRequest {
    UsedRequest {
        at: time(record.at),
        code: record.code,
        version: record.key.map(|(_, _, version)| version),
        method: record.method.clone(),
        path: record.path.clone(),
        ip: record.ip.and_then(seal),
        request_id: record.request_id.clone(),
        client_version: record.client_version.clone(),
    }
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
