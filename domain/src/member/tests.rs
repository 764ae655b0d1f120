//! Decisions about members: given events, when a command, then events or a refusal.

use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn tenant(number: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(number))
}

fn password(number: u128) -> PasswordId {
    PasswordId::new(Uuid::from_u128(number))
}

fn added() -> MemberEvent {
    MemberEvent::MemberAdded(MemberAdded {
        tenant_id: tenant(1),
        email: "sealed".into(),
        role: Role::Developer,
        added_at: noon(),
    })
}

fn set(number: u128) -> MemberEvent {
    MemberEvent::PasswordSet(PasswordSet {
        tenant_id: tenant(1),
        password_id: password(number),
        set_at: noon(),
    })
}

fn removed() -> MemberEvent {
    MemberEvent::MemberRemoved(MemberRemoved { tenant_id: tenant(1), removed_at: noon() })
}

fn add(password_id: Option<PasswordId>) -> MemberCommand {
    MemberCommand::Add(AddMember {
        tenant_id: tenant(1),
        email: "sealed".into(),
        role: Role::Developer,
        password_id,
        now: noon(),
    })
}

fn set_password(tenant_id: TenantId) -> MemberCommand {
    MemberCommand::SetPassword(SetPassword { tenant_id, password_id: password(8), now: noon() })
}

fn remove(tenant_id: TenantId) -> MemberCommand {
    MemberCommand::Remove(RemoveMember { tenant_id, now: noon() })
}

fn fold(events: &[MemberEvent]) -> Member {
    let mut member = Member::default();
    for event in events {
        member.apply(event.clone());
    }
    member
}

#[track_caller]
fn decided(given: &[MemberEvent], command: MemberCommand, events: Vec<MemberEvent>) {
    TestFramework::<Member>::with(()).given(given.to_vec()).when(command).then_expect_events(events);
}

#[track_caller]
fn refused(given: &[MemberEvent], command: MemberCommand, refusal: MemberRefusal) {
    TestFramework::<Member>::with(()).given(given.to_vec()).when(command).then_expect_error(refusal);
}

#[test]
fn a_member_is_added_once_with_or_without_a_password() {
    decided(&[], add(None), vec![added()]);
    decided(&[], add(Some(password(7))), vec![added(), set(7)]);
    refused(&[added()], add(None), MemberRefusal::AlreadyAdded);
    refused(&[added(), removed()], add(None), MemberRefusal::AlreadyAdded);
}

#[test]
fn every_new_password_begins_another_epoch() {
    decided(&[added()], set_password(tenant(1)), vec![set(8)]);
    decided(&[added(), set(8)], set_password(tenant(1)), vec![set(8)]);
    let epochs: Vec<u32> = [&[added()][..], &[added(), set(7)], &[added(), set(7), set(8)]]
        .map(|events| fold(events).state().unwrap().epoch)
        .into();
    assert_eq!(epochs, [0, 1, 2]);
    assert_eq!(fold(&[added(), set(7), set(8)]).state().unwrap().password_id, Some(password(8)));
}

#[test]
fn a_removed_member_is_none_and_gets_no_password() {
    decided(&[added()], remove(tenant(1)), vec![removed()]);
    decided(&[added(), removed()], remove(tenant(1)), vec![]);
    refused(&[added(), removed()], set_password(tenant(1)), MemberRefusal::NotFound);
    assert_eq!(fold(&[added(), removed()]).present(), None);
    assert!(fold(&[added()]).present().is_some());
}

#[test]
fn a_foreign_member_and_an_absent_one_are_the_same() {
    for command in [set_password(tenant(2)), remove(tenant(2))] {
        refused(&[added()], command.clone(), MemberRefusal::NotFound);
        refused(&[], command, MemberRefusal::NotFound);
    }
    assert_eq!(fold(&[set(7), removed()]).state(), None);
}

#[test]
fn who_was_removed_can_be_forgotten_and_nobody_else() {
    let erase = |tenant_id| MemberCommand::Erase(EraseMember { tenant_id, now: noon() });
    let erased = || MemberEvent::MemberErased(MemberErased { tenant_id: tenant(1), erased_at: noon() });
    refused(&[added()], erase(tenant(1)), MemberRefusal::StillPresent);
    refused(&[added(), removed()], erase(tenant(2)), MemberRefusal::NotFound);
    refused(&[], erase(tenant(1)), MemberRefusal::NotFound);
    decided(&[added(), removed()], erase(tenant(1)), vec![erased()]);
    decided(&[added(), removed(), erased()], erase(tenant(1)), Vec::new());
}
