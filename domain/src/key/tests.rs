//! Decisions about keys: given events, when a command, then events or a refusal. Here stand the
//! commands that the tests start from; each decision has a file of its own.

mod change;
mod issue;
mod lives;
mod revoke;
mod rotate;

use std::sync::Arc;

use chrono::TimeDelta;
use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;
use crate::dialect::Dialect;
use crate::scope::ScopeSet;

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn hours(hours: i64) -> DateTime<Utc> {
    noon() + TimeDelta::hours(hours)
}

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn foreign_tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(2))
}

fn dialect(file: &str, text: &str) -> Arc<Dialect> {
    Arc::new(Dialect::parse(file, text).unwrap())
}

fn nexus() -> Arc<Dialect> {
    dialect("nexus.toml", include_str!("../../../dialects/nexus.toml"))
}

fn nexpay() -> Arc<Dialect> {
    dialect("nexpay.toml", include_str!("../../../dialects/nexpay.toml"))
}

fn nexuscommerce() -> Arc<Dialect> {
    dialect("nexuscommerce.toml", include_str!("../../../dialects/nexuscommerce.toml"))
}

fn nexusgpt() -> Arc<Dialect> {
    dialect("nexusgpt.toml", include_str!("../../../dialects/nexusgpt.toml"))
}

/// The only one of the files here that knows restrictions.
fn management() -> Arc<Dialect> {
    dialect("management.toml", include_str!("../../dialects/management.toml"))
}

fn scopes(scopes: &[&str]) -> ScopeSet {
    scopes.iter().map(|scope| scope.parse().unwrap()).collect()
}

fn networks(networks: &[&str]) -> Vec<IpNet> {
    networks.iter().map(|network| network.parse().unwrap()).collect()
}

fn restrictions(name: &str, values: &[&str]) -> Restrictions {
    [(name.to_owned(), values.iter().map(ToString::to_string).collect())].into()
}

fn issue(dialect: Arc<Dialect>) -> IssueKey {
    IssueKey {
        tenant_id: tenant(),
        tenant_suspended: false,
        dialect,
        name: "Production Backend".to_owned(),
        key_type: KeyType::Secret,
        environment: "live".to_owned(),
        scopes: ScopeSet::new(),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        lifespan: Lifespan::Unlimited,
        client_id: None,
        integration: None,
        hint: "nx_live_aaaa".to_owned(),
        digest: Digest::of("first"),
        now: noon(),
    }
}

fn change(dialect: Arc<Dialect>) -> ChangeKey {
    ChangeKey {
        tenant_id: tenant(),
        dialect,
        name: None,
        scopes: None,
        ip_allowlist: None,
        restrictions: None,
        lifespan: None,
        now: hours(1),
    }
}

fn rotate(dialect: Arc<Dialect>) -> RotateKey {
    RotateKey {
        tenant_id: tenant(),
        tenant_suspended: false,
        dialect,
        grace: None,
        hint: "nx_live_bbbb".to_owned(),
        digest: Digest::of("second"),
        now: hours(1),
    }
}

fn revoke() -> RevokeKey {
    RevokeKey { tenant_id: tenant(), reason: RevocationReason::Compromised, note: None, now: hours(2) }
}

fn revoked() -> KeyEvent {
    KeyEvent::KeyRevoked(KeyRevoked {
        tenant_id: tenant(),
        reason: RevocationReason::Compromised,
        note: None,
        revoked_at: hours(2),
    })
}

/// The event of a command that must succeed on a key with this past.
#[track_caller]
fn event(given: &[KeyEvent], command: KeyCommand) -> KeyEvent {
    fold(given).decide(command).unwrap().expect("an event")
}

#[track_caller]
fn issued(command: IssueKey) -> KeyEvent {
    event(&[], KeyCommand::Issue(Box::new(command)))
}

fn fold(events: &[KeyEvent]) -> Key {
    let mut key = Key::default();
    for event in events {
        key.apply(event.clone());
    }
    key
}

fn state(events: &[KeyEvent]) -> KeyState {
    fold(events).state().unwrap().clone()
}

#[track_caller]
fn refused(given: &[KeyEvent], command: KeyCommand, refusal: KeyRefusal) {
    assert_eq!(fold(given).decide(command.clone()), Err(refusal.clone()));
    TestFramework::<Key>::with(()).given(given.to_vec()).when(command).then_expect_error(refusal);
}

#[track_caller]
fn decided(given: &[KeyEvent], command: KeyCommand, events: Vec<KeyEvent>) {
    assert_eq!(fold(given).decide(command.clone()), Ok(events.first().cloned()));
    TestFramework::<Key>::with(()).given(given.to_vec()).when(command).then_expect_events(events);
}

#[test]
fn a_foreign_tenant_and_an_absent_key_are_the_same_on_every_command() {
    let living = [issued(issue(nexus()))];
    let gone = [issued(issue(nexus())), revoked()];
    let foreign = foreign_tenant();
    let commands = [
        KeyCommand::Change(ChangeKey { tenant_id: foreign, name: Some("Mine".into()), ..change(nexus()) }),
        KeyCommand::Change(ChangeKey { tenant_id: foreign, ..change(nexus()) }),
        KeyCommand::Rotate(RotateKey { tenant_id: foreign, ..rotate(nexus()) }),
        KeyCommand::Rotate(RotateKey {
            tenant_id: foreign,
            tenant_suspended: true,
            ..rotate(nexuscommerce())
        }),
        KeyCommand::Revoke(RevokeKey { tenant_id: foreign, ..revoke() }),
        KeyCommand::Revoke(RevokeKey { tenant_id: foreign, note: Some("\u{202e}".into()), ..revoke() }),
    ];
    for command in commands {
        for given in [&living[..], &gone[..], &[]] {
            refused(given, command.clone(), KeyRefusal::NotFound);
        }
    }
    refused(&[], KeyCommand::Expire(ExpireKey { now: noon() }), KeyRefusal::NotFound);
}

#[test]
fn events_before_the_issue_change_nothing() {
    let past = [revoked(), KeyEvent::KeyExpired(KeyExpired { tenant_id: tenant(), expired_at: noon() })];
    assert_eq!(fold(&past), Key::default());
}
