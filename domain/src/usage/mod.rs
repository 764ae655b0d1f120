//! Usage: what nodes decided, counted. One stream per key and day, so that a key's own stream
//! holds its life alone and every stream stays short enough to fold.

mod event;
mod requests;

use chrono::NaiveDate;
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::event::{Counts, KeyUsed, UnattributedRefusals, UsageEvent};
pub use self::requests::{AlikeRequests, Requests, UsedRequest};
use crate::ids::KeyId;

/// The id of the stream that holds a key's usage on a day.
#[must_use]
pub fn stream_of(key: KeyId, day: NaiveDate) -> String {
    format!("{key}.{day}")
}

/// The id of the stream for refusals that belong to no key, by node and day.
#[must_use]
pub fn unattributed_stream(node: &str, day: NaiveDate) -> String {
    format!("node-{node}.{day}")
}

/// The usage of a key on a day: totals alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Decisions by outcome.
    pub counts: Counts,
}

/// Nothing is refused: what a node decided has happened. A resend is recognised before this, by
/// the number of its batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageRefusal {}

impl Aggregate for Usage {
    const TYPE: &'static str = "usage";
    type Command = UsageEvent;
    type Event = UsageEvent;
    type Error = UsageRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: UsageEvent,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), UsageRefusal> {
        sink.write(command, self).await;
        Ok(())
    }

    fn apply(&mut self, event: UsageEvent) {
        let counts = match event {
            UsageEvent::KeyUsed(used) => used.counts,
            UsageEvent::UnattributedRefusals(refusals) => refusals.counts,
        };
        for (code, count) in counts {
            // A report that cannot be true must not make its stream unreadable.
            let total = self.counts.entry(code).or_default();
            *total = total.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use cqrs_es::test::TestFramework;
    use uuid::Uuid;

    use super::*;
    use crate::ids::TenantId;
    use crate::verification::Code;

    fn noon() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn key() -> KeyId {
        KeyId::new(Uuid::from_u128(7))
    }

    fn used(counts: &[(Code, u64)]) -> UsageEvent {
        UsageEvent::KeyUsed(KeyUsed {
            tenant_id: TenantId::new(Uuid::from_u128(1)),
            key_id: key(),
            node: "eu-1".into(),
            from: noon(),
            to: noon(),
            counts: counts.iter().copied().collect(),
            last_accepted: [(1, noon())].into(),
            requests: Requests::default(),
        })
    }

    fn refused(counts: &[(Code, u64)]) -> UsageEvent {
        UsageEvent::UnattributedRefusals(UnattributedRefusals {
            node: "eu-1".into(),
            from: noon(),
            to: noon(),
            counts: counts.iter().copied().collect(),
            requests: Requests::default(),
        })
    }

    fn fold(events: &[UsageEvent]) -> Usage {
        let mut usage = Usage::default();
        for event in events {
            usage.apply(event.clone());
        }
        usage
    }

    #[test]
    fn what_a_node_reports_is_recorded_as_it_is() {
        for report in [used(&[(Code::Valid, 3)]), used(&[]), refused(&[(Code::Unknown, 1)])] {
            let framework = TestFramework::<Usage>::with(());
            framework
                .given(vec![used(&[(Code::Valid, 1)])])
                .when(report.clone())
                .then_expect_events(vec![report]);
        }
    }

    #[test]
    fn reports_add_up_by_outcome() {
        let usage = fold(&[
            used(&[(Code::Valid, 3), (Code::Revoked, 1)]),
            used(&[]),
            used(&[(Code::Valid, 4)]),
            refused(&[(Code::Unknown, 9)]),
        ]);
        assert_eq!(usage.counts, [(Code::Valid, 7), (Code::Revoked, 1), (Code::Unknown, 9)].into());
    }

    #[test]
    fn the_order_of_reports_does_not_matter() {
        let reports = [
            used(&[(Code::Valid, 3)]),
            used(&[(Code::Valid, 5), (Code::Expired, 1)]),
            used(&[(Code::Expired, 2)]),
        ];
        let mut backwards = reports.clone();
        backwards.reverse();
        assert_eq!(fold(&reports), fold(&backwards));
    }

    #[test]
    fn an_impossible_count_leaves_the_stream_readable() {
        let usage = fold(&[used(&[(Code::Valid, u64::MAX)]), used(&[(Code::Valid, 1)])]);
        assert_eq!(usage.counts, [(Code::Valid, u64::MAX)].into());
    }

    #[test]
    fn a_stream_is_named_after_its_key_or_node_and_the_day() {
        let day = noon().date_naive();
        assert_eq!(stream_of(key(), day), "key_00000000000000000000000000000007.2026-03-01");
        assert_eq!(unattributed_stream("eu-1", day), "node-eu-1.2026-03-01");
    }
}
