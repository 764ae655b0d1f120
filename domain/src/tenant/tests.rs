//! Decisions about tenants: given events, when a command, then events or a refusal.

use cqrs_es::test::TestFramework;

use super::*;
use crate::key::InvalidName;

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn created() -> TenantEvent {
    TenantEvent::TenantCreated(TenantCreated {
        name: "Acme".into(),
        dialect: "nexus".into(),
        created_at: noon(),
    })
}

fn suspended() -> TenantEvent {
    TenantEvent::TenantSuspended(TenantSuspended { note: None, suspended_at: noon() })
}

fn resumed() -> TenantEvent {
    TenantEvent::TenantResumed(TenantResumed { resumed_at: noon() })
}

fn create(name: &str) -> TenantCommand {
    TenantCommand::Create(CreateTenant { name: name.into(), dialect: "nexus".into(), now: noon() })
}

fn rename(name: &str) -> TenantCommand {
    TenantCommand::Rename(RenameTenant { name: name.into(), now: noon() })
}

fn suspend(note: Option<&str>) -> TenantCommand {
    TenantCommand::Suspend(SuspendTenant { note: note.map(Into::into), now: noon() })
}

fn resume() -> TenantCommand {
    TenantCommand::Resume(ResumeTenant { now: noon() })
}

fn fold(events: &[TenantEvent]) -> Tenant {
    let mut tenant = Tenant::default();
    for event in events {
        tenant.apply(event.clone());
    }
    tenant
}

#[track_caller]
fn decided(given: &[TenantEvent], command: TenantCommand, events: Vec<TenantEvent>) {
    assert_eq!(fold(given).decide(command.clone()), Ok(events.first().cloned()));
    TestFramework::<Tenant>::with(()).given(given.to_vec()).when(command).then_expect_events(events);
}

#[track_caller]
fn refused(given: &[TenantEvent], command: TenantCommand, refusal: TenantRefusal) {
    assert_eq!(fold(given).decide(command.clone()), Err(refusal));
    TestFramework::<Tenant>::with(()).given(given.to_vec()).when(command).then_expect_error(refusal);
}

#[test]
fn a_tenant_is_created_once() {
    decided(&[], create("Acme"), vec![created()]);
    refused(&[created()], create("Acme"), TenantRefusal::AlreadyCreated);
    refused(&[created()], create(""), TenantRefusal::AlreadyCreated);
    let state =
        TenantState { name: "Acme".into(), dialect: "nexus".into(), suspended: false, created_at: noon() };
    assert_eq!(fold(&[created()]).state(), Some(&state));
}

#[test]
fn a_tenant_that_does_not_exist_is_not_found_by_any_command() {
    for command in [rename("Acme"), rename(""), suspend(None), suspend(Some("\n")), resume()] {
        refused(&[], command, TenantRefusal::NotFound);
    }
    assert_eq!(fold(&[suspended(), resumed()]).state(), None);
}

#[test]
fn names_and_notes_are_checked() {
    for (name, invalid) in [
        (" ".to_owned(), InvalidName::Empty),
        ("x".repeat(101), InvalidName::TooLong),
        ("Acme\r\nadmin".to_owned(), InvalidName::Deceptive),
    ] {
        refused(&[], create(&name), TenantRefusal::InvalidName(invalid));
        refused(&[created()], rename(&name), TenantRefusal::InvalidName(invalid));
    }
    refused(&[created()], suspend(Some("a\u{200b}b")), TenantRefusal::InvalidNote(InvalidName::Deceptive));
    refused(&[created()], suspend(Some(&"x".repeat(101))), TenantRefusal::InvalidNote(InvalidName::TooLong));
}

#[test]
fn a_new_name_replaces_the_old_one_and_the_same_name_is_no_event() {
    let renamed = TenantEvent::TenantRenamed(TenantRenamed { name: "Acme Ltd".into(), renamed_at: noon() });
    decided(&[created()], rename("Acme Ltd"), vec![renamed.clone()]);
    decided(&[created()], rename("Acme"), vec![]);
    assert_eq!(fold(&[created(), renamed]).state().unwrap().name, "Acme Ltd");
}

#[test]
fn suspending_and_resuming_alternate() {
    let noted =
        TenantEvent::TenantSuspended(TenantSuspended { note: Some("unpaid".into()), suspended_at: noon() });
    decided(&[created()], suspend(Some("unpaid")), vec![noted]);
    decided(&[created()], resume(), vec![]);
    decided(&[created(), suspended()], suspend(Some("again")), vec![]);
    decided(&[created(), suspended()], resume(), vec![resumed()]);
    decided(&[created(), suspended(), resumed()], suspend(None), vec![suspended()]);
    assert!(fold(&[created(), suspended()]).state().unwrap().suspended);
    assert!(!fold(&[created(), suspended(), resumed()]).state().unwrap().suspended);
}

#[test]
fn a_suspended_tenant_can_be_renamed_and_stays_suspended() {
    let renamed = TenantEvent::TenantRenamed(TenantRenamed { name: "Acme Ltd".into(), renamed_at: noon() });
    decided(&[created(), suspended()], rename("Acme Ltd"), vec![renamed.clone()]);
    assert!(fold(&[created(), suspended(), renamed]).state().unwrap().suspended);
}
