//! A session of a member in a browser, from signing in to its end. An attempt that fails is a stream of one event.

mod event;
mod refusal;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

pub use self::event::{
    EndReason, SessionEnded, SessionEvent, SignInFailed, SignInFailure, SignInMethod, SignedIn,
};
pub use self::refusal::SessionRefusal;
use crate::credential::Digest;
use crate::ids::{MemberId, TenantId};
use crate::member::MemberState;
use crate::validity::{DialectEntry, Shown};

/// How long a session lives in which nothing is asked.
pub const IDLE: TimeDelta = TimeDelta::minutes(30);
/// How long any session lives.
pub const LONGEST: TimeDelta = TimeDelta::hours(12);

/// A session's state, folded from its events. Before the first event it does not exist, and after a failed attempt neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    begun: Option<SessionState>,
    /// Whether the id belongs to an attempt that failed.
    failed: bool,
}

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Whose.
    pub member_id: MemberId,
    /// The member's epoch when it began.
    pub epoch: u32,
    /// How the member was recognised.
    pub method: SignInMethod,
    /// SHA-256 of its secret.
    pub digest: Digest,
    /// When it began.
    pub signed_in_at: DateTime<Utc>,
    /// When it ends, whatever happens in it.
    pub ends_at: DateTime<Utc>,
    /// When it was ended, if it was.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What can be asked of a session.
#[derive(Debug, Clone)]
pub enum SessionCommand {
    /// Begin it.
    Begin(BeginSession),
    /// Record that it did not come to one.
    Fail(FailSignIn),
    /// End it.
    End(EndSession),
}

/// Begins a session of a member who was recognised at the edge.
#[derive(Debug, Clone)]
pub struct BeginSession {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Who.
    pub member_id: MemberId,
    /// The member's epoch.
    pub epoch: u32,
    /// How the member was recognised.
    pub method: SignInMethod,
    /// SHA-256 of the secret.
    pub digest: Digest,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Records that somebody could not sign in.
#[derive(Debug, Clone)]
pub struct FailSignIn {
    /// The tenant whose trail it belongs to.
    pub tenant_id: TenantId,
    /// The member that was meant.
    pub member_id: Option<MemberId>,
    /// Why.
    pub reason: SignInFailure,
    /// How many more like it were left out before it.
    pub unrecorded: u64,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Ends a session.
#[derive(Debug, Clone)]
pub struct EndSession {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// How it comes.
    pub reason: EndReason,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl SessionState {
    /// Whether it can be used by whoever shows the secret of this digest: it was not ended, its time is not over, something was
    /// asked in it within [`IDLE`], and its member stands as when it began. `seen_at` is when something was asked last.
    #[must_use]
    pub fn admits(
        &self,
        shown: &Digest,
        member: Option<&MemberState>,
        seen_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let is_its_secret = bool::from(self.digest.as_bytes().ct_eq(shown.as_bytes()));
        is_its_secret && self.lives(member, seen_at, now)
    }

    /// As [`SessionState::admits`], for whoever only wants to know whether it lives.
    #[must_use]
    pub fn lives(&self, member: Option<&MemberState>, seen_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let member_stands = member.is_some_and(|member| {
            member.removed_at.is_none() && member.epoch == self.epoch && member.tenant_id == self.tenant_id
        });
        member_stands && self.ended_at.is_none() && now < self.ends_at && now - seen_at < IDLE
    }
}

impl Session {
    /// The state, where the session was begun.
    #[must_use]
    pub const fn state(&self) -> Option<&SessionState> {
        self.begun.as_ref()
    }

    /// Decides on a command. Ending a session twice is no error and no second event.
    ///
    /// # Errors
    /// [`SessionRefusal`]
    pub fn decide(&self, command: SessionCommand) -> Result<Option<SessionEvent>, SessionRefusal> {
        match command {
            SessionCommand::Begin(begin) => {
                self.is_free()?;
                Ok(Some(SessionEvent::SignedIn(SignedIn {
                    tenant_id: begin.tenant_id,
                    member_id: begin.member_id,
                    epoch: begin.epoch,
                    method: begin.method,
                    digest: begin.digest,
                    ends_at: begin.now + LONGEST,
                    signed_in_at: begin.now,
                })))
            }
            SessionCommand::Fail(fail) => {
                self.is_free()?;
                Ok(Some(SessionEvent::SignInFailed(SignInFailed {
                    tenant_id: fail.tenant_id,
                    member_id: fail.member_id,
                    reason: fail.reason,
                    unrecorded: fail.unrecorded,
                    failed_at: fail.now,
                })))
            }
            SessionCommand::End(end) => {
                let session = self.begun.as_ref().filter(|session| session.tenant_id == end.tenant_id);
                let session = session.ok_or(SessionRefusal::NotFound)?;
                let ended = SessionEnded {
                    tenant_id: end.tenant_id,
                    member_id: session.member_id,
                    reason: end.reason,
                    ended_at: end.now,
                };
                Ok(session.ended_at.is_none().then_some(SessionEvent::SessionEnded(ended)))
            }
        }
    }

    const fn is_free(&self) -> Result<(), SessionRefusal> {
        if self.begun.is_some() || self.failed { Err(SessionRefusal::AlreadyBegun) } else { Ok(()) }
    }
}

impl Aggregate for Session {
    const TYPE: &'static str = "session";
    type Command = SessionCommand;
    type Event = SessionEvent;
    type Error = SessionRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: SessionCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), SessionRefusal> {
        if let Some(event) = self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::SignedIn(began) => {
                self.begun = Some(SessionState {
                    tenant_id: began.tenant_id,
                    member_id: began.member_id,
                    epoch: began.epoch,
                    method: began.method,
                    digest: began.digest,
                    signed_in_at: began.signed_in_at,
                    ends_at: began.ends_at,
                    ended_at: None,
                });
            }
            SessionEvent::SignInFailed(_) => self.failed = true,
            SessionEvent::SessionEnded(ended) => {
                if let Some(session) = &mut self.begun {
                    session.ended_at = Some(ended.ended_at);
                }
            }
        }
    }
}

impl Shown for Session {
    /// Validating nodes decide about credentials and know nothing of people.
    fn shown(&self, _: &str) -> Option<DialectEntry> {
        None
    }
}

#[cfg(test)]
mod tests;
