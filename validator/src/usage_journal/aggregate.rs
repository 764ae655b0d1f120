//! A batch as events: per key and minute what was decided, and the requests one by one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use foldhash::fast::RandomState;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::{
    Counts, KeyUsed, Requests, UnattributedRefusals, UsageEvent, UsedRequest, stream_of, unattributed_stream,
};
use nexus_domain::verification::Code;

use super::Batch;
use super::frame::Place;
use super::record::{ReadBack, UsageRecord};

/// Most requests that one event lists. At 1 KB each at worst, it stays far below what readers of the log and consumers on
/// the bus take at once. Decisions that only count take no room.
const MOST_LISTED: usize = 500;
const MICROS_PER_MINUTE: i64 = 60_000_000;
/// As few bytes as a record of an accepted request usually has.
const USUAL_RECORD: usize = 80;

/// What becomes one event, or several when it is much: a key and its owner, or nobody, in a minute.
type Group = (Option<(KeyId, TenantId)>, i64);

/// An address, and whose key it used. Nobody's: the credential was none's.
type Caller = (Option<TenantId>, IpAddr);

/// The addresses of a batch, encrypted for the tenants whose keys they used, or for nobody.
type Sealed = HashMap<Caller, Option<String>, RandomState>;

/// How much of a segment is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) records: usize,
    pub(super) groups: usize,
}

impl Bounds {
    /// Of a segment that this process wrote.
    pub(super) const NONE: Self = Self { records: usize::MAX, groups: usize::MAX };
    /// Of a segment that came from elsewhere. One that a journal closes by itself has 380,000 records at most, and 90,000
    /// groups; 64 MiB of nothing but the smallest records would be six million of either, and gigabytes while they are read.
    pub(super) const RECEIVED: Self = Self { records: 1_000_000, groups: 250_000 };
}

/// What is seen of a batch's records while they are read, so that those of a busy node, tens of thousands, are gone through
/// once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Groups {
    bounds: Bounds,
    /// Records beyond the bounds.
    left_out: usize,
    /// The number of each group and how many records it has.
    sizes: HashMap<Group, (u32, usize), RandomState>,
    /// Of each record the number of its group, when it was decided, and where it stands.
    seen: Vec<(u32, i64, Place)>,
    callers: HashSet<Caller, RandomState>,
    previous: Option<Caller>,
}

impl Groups {
    /// For a segment of so many bytes.
    pub(super) fn of(bytes: usize, bounds: Bounds) -> Self {
        Self {
            bounds,
            left_out: 0,
            sizes: HashMap::default(),
            seen: Vec::with_capacity(bytes / USUAL_RECORD),
            callers: HashSet::default(),
            previous: None,
        }
    }

    pub(super) fn add(&mut self, place: Place, record: &ReadBack<'_>) {
        let decision = &record.decision;
        let owner = decision.key.map(|(key, tenant, _)| (key, tenant));
        let minute = decision.at.div_euclid(MICROS_PER_MINUTE);
        let next = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        let full = self.sizes.len() >= self.bounds.groups;
        let group = match self.sizes.entry((owner, minute)) {
            _ if self.seen.len() >= self.bounds.records => None,
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(new) => Some(new.insert((next, 0))),
        };
        let Some((group, size)) = group else {
            self.left_out += 1;
            return;
        };
        *size += 1;
        self.seen.push((*group, decision.at, place));
        if let Some(ip) = decision.ip {
            let caller = (owner.map(|(_, tenant)| tenant), ip);
            if self.previous != Some(caller) {
                self.callers.insert(caller);
                self.previous = Some(caller);
            }
        }
    }

    /// The groups in order, and of each the places of its records in the order of time.
    fn in_order(&self) -> impl Iterator<Item = (Group, Vec<Place>)> {
        let mut groups: Vec<(Group, Vec<(i64, Place)>)> = Vec::with_capacity(self.sizes.len());
        let mut by_number: Vec<_> = self.sizes.iter().collect();
        by_number.sort_unstable_by_key(|(_, (number, _))| *number);
        groups.extend(by_number.into_iter().map(|(group, (_, size))| (*group, Vec::with_capacity(*size))));
        for (number, at, place) in &self.seen {
            if let Some((_, places)) = usize::try_from(*number).ok().and_then(|number| groups.get_mut(number))
            {
                places.push((*at, *place));
            }
        }
        groups.sort_unstable_by_key(|(group, _)| *group);
        groups.into_iter().map(|(group, mut places)| {
            places.sort_unstable();
            (group, places.into_iter().map(|(_, place)| place).collect())
        })
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.seen.iter().map(|(_, _, place)| *place)
    }
}

impl Batch {
    /// How many keys and minutes it concerns.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.sizes.len()
    }

    /// The keys that were used or refused, whose they are by the node's word, and the number of decisions on each. Some more
    /// than once.
    pub fn owners(&self) -> impl Iterator<Item = (KeyId, TenantId, usize)> {
        self.groups.sizes.iter().filter_map(|((owner, _), (_, size))| {
            let (key, tenant) = (*owner)?;
            Some((key, tenant, *size))
        })
    }

    /// Decisions that the batch holds no more, since it was received with more of them than a node's journal puts into one:
    /// 1,000,000, or 250,000 keys and minutes.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.groups.left_out
    }

    /// The tenants for which addresses have to be encrypted; absent: for nobody. Some more than once.
    pub fn tenants_with_addresses(&self) -> impl Iterator<Item = Option<TenantId>> {
        self.groups.callers.iter().map(|(tenant, _)| *tenant)
    }

    /// The events of this batch, each with the stream it belongs to: per key and minute (UTC), and per minute for refusals
    /// that belong to no key. Events of one stream stand behind each other. Counts are exact; of the latter's requests at
    /// most 100 a second are listed. The same batch always gives the same events. Each is made when it is asked for: all of a
    /// busy node's batch would take much memory.
    ///
    /// `seal` encrypts an address with the tenant's key for personal data, or with the platform's
    /// where there is no tenant; without a result the address is left out. It is asked once for each tenant and address,
    /// since encrypting costs more than everything else that is done with a request: that two requests of one tenant in one
    /// batch have one caller may be seen by whoever reads the log.
    pub fn events(
        &self,
        mut seal: impl FnMut(Option<TenantId>, IpAddr) -> Option<String>,
    ) -> impl Iterator<Item = (String, UsageEvent)> {
        let callers = self.groups.callers.iter();
        let sealed: Sealed = callers.map(|caller| (*caller, seal(caller.0, caller.1))).collect();
        self.groups.in_order().flat_map(move |((owner, _), places)| {
            let records: Vec<_> = places.iter().filter_map(|place| self.contents.at(*place)).collect();
            parts(&records).map(|part| event(self.node.clone(), owner, part, &sealed)).collect::<Vec<_>>()
        })
    }
}

/// What becomes one event each.
fn parts<'r, 'a>(records: &'r [ReadBack<'a>]) -> impl Iterator<Item = &'r [ReadBack<'a>]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let listed = rest.iter().enumerate().filter(|(_, record)| !record.counted_only);
        let too_much = listed.map(|(at, _)| at).nth(MOST_LISTED);
        let (part, after) = rest.split_at(too_much.unwrap_or(rest.len()));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

fn event(
    node: String,
    owner: Option<(KeyId, TenantId)>,
    records: &[ReadBack<'_>],
    sealed: &Sealed,
) -> (String, UsageEvent) {
    let from = time(records.first().map_or(0, |record| record.decision.at));
    let to = time(records.last().map_or(0, |record| record.decision.at));
    let mut counts = Counts::new();
    let mut accepted: BTreeMap<u32, i64> = BTreeMap::new();
    for ReadBack { decision, .. } in records {
        *counts.entry(decision.code).or_default() += 1;
        if let (Code::Valid, Some((_, _, version))) = (decision.code, decision.key) {
            accepted.insert(version, decision.at);
        }
    }
    let last_accepted = accepted.into_iter().map(|(version, at)| (version, time(at))).collect();
    let tenant = owner.map(|(_, tenant)| tenant);
    let listed = records.iter().filter(|record| !record.counted_only);
    let requests = Requests::of(listed.map(|record| request(&record.decision, tenant, sealed)));
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

fn request<'a>(
    decision: &UsageRecord<'a>,
    tenant: Option<TenantId>,
    sealed: &'a Sealed,
) -> UsedRequest<&'a str> {
    UsedRequest {
        at: time(decision.at),
        code: decision.code,
        version: decision.key.map(|(_, _, version)| version),
        method: decision.method,
        path: decision.path,
        ip: decision.ip.and_then(|ip| sealed.get(&(tenant, ip))?.as_deref()),
        request_id: decision.request_id,
        client_version: decision.client_version,
    }
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
