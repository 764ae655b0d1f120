//! What decides on credentials in a process: its table, the right to answer from it, and where decisions are recorded. It
//! knows of no store and no log, so that a process that validates and does nothing else can build one.

use std::sync::Arc;

use ipnet::IpNet;
use nexus_domain::verification::{Code, Refused};
use nexus_infrastructure::clock::SharedClock;
use nexus_infrastructure::config::UsageDetail;
use nexus_infrastructure::entropy::SharedEntropy;
use nexus_validator::budget::Budgets;
use nexus_validator::control::wanted::Wanted;
use nexus_validator::lease::Lease;
use nexus_validator::read_through::ReadThrough;
use nexus_validator::usage_journal::{UsageJournal, UsageRecord};
use nexus_validator::{Decision, Sight, Validator};

use super::hot::{HotDurations, Moment};

/// What all workers of a process decide with.
pub struct Verifier {
    /// The node's own table of credentials.
    pub validator: Arc<Validator>,
    /// Whether the table may be answered from; its times are the monotonic readings of `clock`.
    pub lease: Arc<Lease>,
    /// Who is asked when it may not be; absent: nobody.
    pub read_through: Option<ReadThrough>,
    /// What time it is.
    pub clock: SharedClock,
    /// Where ids of requests come from.
    pub entropy: SharedEntropy,
    /// The shares of rate limits that accepted requests count against.
    pub budgets: Arc<Budgets>,
    /// Where decisions are recorded.
    pub usage: UsageJournal,
    /// What is recorded of each request.
    pub usage_detail: UsageDetail,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Box<[IpNet]>,
    /// Whether what came over plain HTTP is refused, on every route but those of health.
    pub https_only: bool,
    /// How long verification takes.
    pub hot_durations: HotDurations,
}

impl Verifier {
    /// What a request of this moment may be decided by: the table, where the lease holds, otherwise what an API node reads for
    /// it, in processes that can ask one. `wanted` is what the credential is told by, where it has the form of one.
    ///
    /// # Errors
    /// `UNAVAILABLE` where nobody can tell.
    pub(crate) async fn sight(
        &self,
        now: Moment,
        wanted: impl FnOnce() -> Option<Wanted>,
    ) -> Result<Sight, Refused> {
        match self.own_sight(now) {
            Ok(sight) => Ok(sight),
            Err(_) => self.others_sight(wanted()).await,
        }
    }

    /// As [`Verifier::sight`], by what an API node reads alone.
    ///
    /// # Errors
    /// `UNAVAILABLE` where nobody can tell.
    pub(crate) async fn others_sight(&self, wanted: Option<Wanted>) -> Result<Sight, Refused> {
        let Some(read_through) = &self.read_through else { return Err(cannot_tell()) };
        read_through.sight(&self.validator, wanted).await.map_err(|why| {
            let detail =
                format!("this node has no right to answer from memory just now, and {why}; try another one");
            Refused::new(Code::Unavailable, detail)
        })
    }

    /// As [`Verifier::sight`], by the table alone.
    ///
    /// # Errors
    /// `UNAVAILABLE` where the table may be behind the log for too long.
    pub(crate) fn own_sight(&self, now: Moment) -> Result<Sight, Refused> {
        self.lease.holds(now.monotonic).map(Sight::from).ok_or_else(cannot_tell)
    }

    /// Whether an API node can be asked for what the table may not be answered from.
    pub(crate) const fn reads_through(&self) -> bool {
        self.read_through.is_some()
    }

    /// A decision with its dialect's limits kept.
    pub(crate) async fn within_limits<'v>(&self, decision: Decision<'v>) -> Decision<'v> {
        decision.within_limits(&self.budgets, || self.clock.monotonic()).await
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

fn cannot_tell() -> Refused {
    Refused::new(Code::Unavailable, "this node cannot follow the log, so it cannot tell; try another one")
}
