//! Decisions about sessions, and who may use one.

use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;
use crate::member::Role;

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn tenant(number: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(number))
}

fn ada() -> MemberId {
    MemberId::new(Uuid::from_u128(7))
}

fn begin() -> SessionCommand {
    SessionCommand::Begin(BeginSession {
        tenant_id: tenant(1),
        member_id: ada(),
        epoch: 3,
        method: SignInMethod::Password,
        digest: Digest::of("secret"),
        now: noon(),
    })
}

fn began() -> SessionEvent {
    SessionEvent::SignedIn(SignedIn {
        tenant_id: tenant(1),
        member_id: ada(),
        epoch: 3,
        method: SignInMethod::Password,
        digest: Digest::of("secret"),
        ends_at: "2026-03-02T00:00:00Z".parse().unwrap(),
        signed_in_at: noon(),
    })
}

fn fail() -> SessionCommand {
    SessionCommand::Fail(FailSignIn {
        tenant_id: tenant(1),
        member_id: None,
        reason: SignInFailure::UnknownEmail,
        unrecorded: 4,
        now: noon(),
    })
}

fn failed() -> SessionEvent {
    SessionEvent::SignInFailed(SignInFailed {
        tenant_id: tenant(1),
        member_id: None,
        reason: SignInFailure::UnknownEmail,
        unrecorded: 4,
        failed_at: noon(),
    })
}

fn end(tenant_id: TenantId) -> SessionCommand {
    SessionCommand::End(EndSession { tenant_id, reason: EndReason::SignedOut, now: noon() })
}

fn ended() -> SessionEvent {
    SessionEvent::SessionEnded(SessionEnded {
        tenant_id: tenant(1),
        member_id: ada(),
        reason: EndReason::SignedOut,
        ended_at: noon(),
    })
}

fn member() -> MemberState {
    MemberState {
        tenant_id: tenant(1),
        email: "sealed".into(),
        role: Role::Owner,
        password_id: None,
        password_set_at: None,
        epoch: 3,
        added_at: noon(),
        removed_at: None,
        erased_at: None,
    }
}

fn state(events: &[SessionEvent]) -> SessionState {
    let mut session = Session::default();
    for event in events {
        session.apply(event.clone());
    }
    session.state().unwrap().clone()
}

#[track_caller]
fn decided(given: &[SessionEvent], command: SessionCommand, events: Vec<SessionEvent>) {
    TestFramework::<Session>::with(()).given(given.to_vec()).when(command).then_expect_events(events);
}

#[track_caller]
fn refused(given: &[SessionEvent], command: SessionCommand, refusal: SessionRefusal) {
    TestFramework::<Session>::with(()).given(given.to_vec()).when(command).then_expect_error(refusal);
}

#[test]
fn an_id_is_of_one_attempt() {
    decided(&[], begin(), vec![began()]);
    decided(&[], fail(), vec![failed()]);
    for given in [began(), failed()] {
        refused(std::slice::from_ref(&given), begin(), SessionRefusal::AlreadyBegun);
        refused(&[given], fail(), SessionRefusal::AlreadyBegun);
    }
}

#[test]
fn a_session_is_ended_once_and_by_its_tenant() {
    decided(&[began()], end(tenant(1)), vec![ended()]);
    decided(&[began(), ended()], end(tenant(1)), vec![]);
    refused(&[began()], end(tenant(2)), SessionRefusal::NotFound);
    refused(&[failed()], end(tenant(1)), SessionRefusal::NotFound);
    refused(&[], end(tenant(1)), SessionRefusal::NotFound);
}

#[test]
fn a_session_admits_who_has_its_secret_while_it_lives_and_its_member_stands() {
    let (session, secret) = (state(&[began()]), Digest::of("secret"));
    let admits = |member: Option<&MemberState>, shown: &str, seen: TimeDelta, now: TimeDelta| {
        session.admits(&Digest::of(shown), member, noon() + seen, noon() + now)
    };
    let (zero, minute) = (TimeDelta::zero(), TimeDelta::minutes(1));
    assert!(admits(Some(&member()), "secret", zero, minute));
    assert!(!admits(Some(&member()), "other", zero, minute), "another secret");
    assert!(!admits(None, "secret", zero, minute), "no such member");
    let of = |change: fn(&mut MemberState)| {
        let mut member = member();
        change(&mut member);
        member
    };
    assert!(!admits(Some(&of(|member| member.epoch = 4)), "secret", zero, minute), "another password");
    assert!(!admits(Some(&of(|member| member.removed_at = Some(noon()))), "secret", zero, minute));
    assert!(!admits(Some(&of(|member| member.tenant_id = tenant(2))), "secret", zero, minute));
    assert!(admits(Some(&member()), "secret", zero, IDLE - minute));
    assert!(!admits(Some(&member()), "secret", zero, IDLE), "idle");
    assert!(admits(Some(&member()), "secret", LONGEST - minute * 2, LONGEST - minute));
    assert!(!admits(Some(&member()), "secret", LONGEST - minute, LONGEST), "over");
    let over = state(&[began(), ended()]);
    assert!(!over.admits(&secret, Some(&member()), noon(), noon()), "ended");
}
