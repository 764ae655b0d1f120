//! What decides on credentials in a process: its table, the right to answer from it, and where decisions are recorded. It
//! knows of no store and no log, so that a process that validates and does nothing else can build one.

use std::sync::Arc;

use ipnet::IpNet;
use nexus_domain::verification::{Code, Refused};
use nexus_infrastructure::clock::SharedClock;
use nexus_infrastructure::config::UsageDetail;
use nexus_infrastructure::entropy::SharedEntropy;
use nexus_validator::Validator;
use nexus_validator::lease::{Lease, Permit};
use nexus_validator::usage_journal::{UsageJournal, UsageRecord};

use super::hot::{HotDurations, Moment};

/// What all workers of a process decide with.
pub struct Verifier {
    /// The node's own table of credentials.
    pub validator: Arc<Validator>,
    /// Whether the table may be answered from; its times are the monotonic readings of `clock`.
    pub lease: Arc<Lease>,
    /// What time it is.
    pub clock: SharedClock,
    /// Where ids of requests come from.
    pub entropy: SharedEntropy,
    /// Where decisions are recorded.
    pub usage: UsageJournal,
    /// What is recorded of each request.
    pub usage_detail: UsageDetail,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Box<[IpNet]>,
    /// How long verification takes.
    pub hot_durations: HotDurations,
}

impl Verifier {
    /// Leave to decide on a request of this moment.
    ///
    /// # Errors
    /// `UNAVAILABLE` where the table may be behind the log for too long.
    pub(crate) fn permit(&self, now: Moment) -> Result<Permit, Refused> {
        self.lease.holds(now.monotonic).ok_or_else(|| {
            Refused::new(
                Code::Unavailable,
                "this node cannot follow the log, so it cannot tell; try another one",
            )
        })
    }

    /// Whether a request of this instant would be decided on.
    #[must_use]
    pub fn can_tell(&self) -> bool {
        self.lease.holds(self.clock.monotonic()).is_some()
    }

    /// Records a decision, in as much detail as the configuration wants.
    pub fn record(&self, record: UsageRecord<'_>) {
        match self.usage_detail {
            UsageDetail::Requests => self.usage.record(&record),
            UsageDetail::Counts => self.usage.count(&record),
        }
    }
}
