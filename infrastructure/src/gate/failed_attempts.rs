//! Which failed attempts at signing in go into the log: one by one up to a number a minute, and beyond it as a count. What a
//! stranger sends must not fill a log that is kept for ever.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_domain::ids::{MemberId, SessionId, TenantId};
use nexus_domain::session::{FailSignIn, Session, SessionCommand, SessionEvent, SignInFailure};

use crate::gate::{Call, Gate, GateError, Reservations, Target};

/// How many are recorded a minute of each member, and of all addresses together that nobody has.
const RECORDED: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// How many members are counted apart; those beyond count together.
const MEMBERS: usize = 10_000;

/// An attempt at signing in that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The tenant whose trail it belongs to.
    pub tenant_id: TenantId,
    /// The member that was meant; absent: there is none.
    pub member_id: Option<MemberId>,
    /// Why.
    pub reason: SignInFailure,
}

/// How many attempts failed lately, in this process.
#[derive(Debug, Default)]
pub(super) struct FailedAttempts(Mutex<HashMap<Option<MemberId>, Count>>);

#[derive(Debug, Default)]
struct Count {
    since: Duration,
    recorded: u32,
    unrecorded: u64,
}

impl FailedAttempts {
    /// Whether an attempt is to be recorded at this time of a clock that never goes back, and how many were left out before it.
    fn admit(&self, member: Option<MemberId>, now: Duration) -> Option<u64> {
        let mut counts = self.counts();
        if counts.len() >= MEMBERS && !counts.contains_key(&member) {
            // What has something to tell stays.
            counts.retain(|_, count| count.unrecorded > 0 || now.saturating_sub(count.since) < MINUTE);
        }
        let counted = if counts.len() >= MEMBERS && !counts.contains_key(&member) { None } else { member };
        let count = counts.entry(counted).or_default();
        if now.saturating_sub(count.since) >= MINUTE {
            (count.since, count.recorded) = (now, 0);
        }
        if count.recorded >= RECORDED {
            count.unrecorded += 1;
            return None;
        }
        count.recorded += 1;
        Some(std::mem::take(&mut count.unrecorded))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Option<MemberId>, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Puts a failed attempt on record, unless there were many of its kind within a minute: then it is counted, and the next
    /// that is recorded tells how many were not.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn record_failed_attempt(
        &self,
        call: &Call<'_>,
        attempt: FailedAttempt,
    ) -> Result<(), GateError> {
        let FailedAttempt { tenant_id, member_id, reason } = attempt;
        let Some(unrecorded) = self.failed_attempts.admit(member_id, self.clock.monotonic()) else {
            return Ok(());
        };
        let id = SessionId::new(self.entropy.uuid_v7(call.now)).to_string();
        let command =
            SessionCommand::Fail(FailSignIn { tenant_id, member_id, reason, unrecorded, now: call.now });
        let target = Target { tenant: tenant_id, aggregate_id: &id, owner: None };
        let nothing = |_: &Session, _: &[SessionEvent]| Reservations::default();
        self.execute(&self.sessions, call, target, |_| command.clone(), nothing, |_| ()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn so_many_a_minute_are_recorded_and_none_is_left_uncounted() {
        let attempts = FailedAttempts::default();
        let member = Some(MemberId::new(Uuid::from_u128(1)));
        let start = Duration::from_secs(1_000);
        let recorded = |member, now| (0..25).filter_map(|_| attempts.admit(member, now)).collect::<Vec<_>>();
        assert_eq!(recorded(member, start), vec![0; 10]);
        assert_eq!(recorded(None, start), vec![0; 10], "strangers count apart");
        assert_eq!(recorded(member, start + MINUTE - Duration::from_millis(1)), Vec::<u64>::new());
        let next = recorded(member, start + MINUTE);
        assert_eq!((next.len(), next[0], next[1]), (10, 15 + 25, 0));
    }

    #[test]
    fn a_flood_of_members_takes_bounded_memory() {
        let attempts = FailedAttempts::default();
        let start = Duration::from_secs(1_000);
        for number in 0..20_000 {
            attempts.admit(Some(MemberId::new(Uuid::from_u128(number))), start);
        }
        assert!(attempts.counts().len() <= MEMBERS);
        attempts.admit(Some(MemberId::new(Uuid::from_u128(30_000))), start + MINUTE);
        assert!(attempts.counts().len() <= 2, "those of the last minute alone, and what is to be told");
    }
}
