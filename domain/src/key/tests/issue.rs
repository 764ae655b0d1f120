//! Issuing a key.

use super::*;
use crate::key::InvalidName;

fn issue_command(command: IssueKey) -> KeyCommand {
    KeyCommand::Issue(Box::new(command))
}

#[track_caller]
fn refused_at_issue(command: IssueKey, refusal: KeyRefusal) {
    refused(&[], issue_command(command), refusal);
}

#[test]
fn an_issued_key_is_what_was_asked_for() {
    let command = IssueKey {
        scopes: scopes(&["read:users", "write:users"]),
        ip_allowlist: networks(&["192.0.2.0/24"]),
        lifespan: Lifespan::For(TimeDelta::days(7)),
        ..issue(nexus())
    };
    let expected = KeyEvent::KeyIssued(KeyIssued {
        tenant_id: tenant(),
        dialect: "nexus".into(),
        name: "Production Backend".into(),
        key_type: KeyType::Secret,
        environment: "live".into(),
        scopes: scopes(&["read:users", "write:users"]),
        ip_allowlist: networks(&["192.0.2.0/24"]),
        restrictions: Restrictions::new(),
        expires_at: Some(hours(7 * 24)),
        client_id: None,
        integration_id: None,
        hint: "nx_live_aaaa".into(),
        digest: Digest::of("first"),
        issued_at: noon(),
    });
    decided(&[], issue_command(command), vec![expected.clone()]);
    let key = state(&[expected]);
    assert_eq!(key.versions.len(), 1);
    assert_eq!(key.versions[0].number, 1);
    assert_eq!(key.standing(&key.versions[0]), (SecretStatus::Current, hours(7 * 24).timestamp_micros()));
}

#[test]
fn an_id_is_issued_once_even_after_revocation_and_to_another_tenant() {
    let first = issued(issue(nexus()));
    refused(std::slice::from_ref(&first), issue_command(issue(nexus())), KeyRefusal::AlreadyIssued);
    let again = IssueKey { tenant_id: foreign_tenant(), ..issue(nexus()) };
    refused(&[first, revoked()], issue_command(again), KeyRefusal::AlreadyIssued);
}

#[test]
fn a_suspended_tenant_gets_no_key() {
    refused_at_issue(IssueKey { tenant_suspended: true, ..issue(nexus()) }, KeyRefusal::TenantSuspended);
}

#[test]
fn a_key_belongs_to_an_enabled_integration_of_the_tenant_where_it_must_or_may() {
    let integration_id = IntegrationId::new(Uuid::from_u128(3));
    let named = |enabled| Some(NamedIntegration { integration_id, enabled });
    let gpt = || IssueKey { environment: "production".into(), ..issue(nexusgpt()) };
    for (command, refusal) in [
        (gpt(), KeyRefusal::IntegrationMissing),
        (IssueKey { integration: named(None), ..gpt() }, KeyRefusal::UnknownIntegration),
        (IssueKey { integration: named(Some(false)), ..gpt() }, KeyRefusal::IntegrationDisabled),
        (IssueKey { integration: named(None), ..issue(nexus()) }, KeyRefusal::UnknownIntegration),
    ] {
        refused_at_issue(command, refusal);
    }
    for command in [gpt(), issue(nexus())] {
        let key = state(&[issued(IssueKey { integration: named(Some(true)), ..command })]);
        assert_eq!(key.integration_id, Some(integration_id));
    }
}

#[test]
fn a_key_that_is_a_jwt_ends_in_whole_seconds_and_after_the_longest_life_where_nothing_else_is_asked() {
    let integration_id = IntegrationId::new(Uuid::from_u128(3));
    let now = noon() + TimeDelta::microseconds(250_001);
    let gpt = |lifespan| IssueKey {
        environment: "production".into(),
        integration: Some(NamedIntegration { integration_id, enabled: Some(true) }),
        lifespan,
        now,
        ..issue(nexusgpt())
    };
    let end = |lifespan| state(&[issued(gpt(lifespan))]).expires_at.unwrap();
    assert_eq!(end(Lifespan::Unlimited), noon() + TimeDelta::days(365));
    assert_eq!(end(Lifespan::For(TimeDelta::hours(1))), hours(1));
    for lifespan in [Lifespan::For(TimeDelta::days(366)), Lifespan::Until(noon() + TimeDelta::days(366))] {
        refused_at_issue(gpt(lifespan), KeyRefusal::UnsupportedLifetime { choices: "up to 1y".into() });
    }
    let change = |lifespan| ChangeKey { lifespan: Some(lifespan), ..change(nexusgpt()) };
    let given = [issued(gpt(Lifespan::For(TimeDelta::hours(8))))];
    for later in [Lifespan::Unlimited, Lifespan::For(TimeDelta::hours(8))] {
        refused(&given, KeyCommand::Change(change(later)), KeyRefusal::ExpiryInKey);
    }
    let sooner = KeyEvent::KeyChanged(KeyChanged {
        tenant_id: tenant(),
        changes: vec![Change::ExpiresAt(Some(hours(2)))],
        changed_at: hours(1),
    });
    decided(&given, KeyCommand::Change(change(Lifespan::For(TimeDelta::hours(1)))), vec![sooner]);
}

#[test]
fn names_are_checked() {
    for (name, invalid) in [
        ("  ".to_owned(), InvalidName::Empty),
        ("x".repeat(1 << 20), InvalidName::TooLong),
        ("Backend\nKeyRevoked".to_owned(), InvalidName::Deceptive),
        ("\u{202e}dnekcaB".to_owned(), InvalidName::Deceptive),
    ] {
        refused_at_issue(IssueKey { name, ..issue(nexus()) }, KeyRefusal::InvalidName(invalid));
    }
}

#[test]
fn an_alias_of_an_environment_is_recorded_under_its_name() {
    for (asked, recorded) in [
        ("live", "live"),
        ("production", "live"),
        ("test", "test"),
        ("sandbox", "test"),
        ("development", "development"),
        ("staging", "staging"),
    ] {
        let event = issued(IssueKey { environment: asked.into(), ..issue(nexus()) });
        assert_eq!(state(&[event]).environment, recorded, "{asked}");
    }
    let staging = issued(IssueKey { environment: "staging".into(), ..issue(nexuscommerce()) });
    assert_eq!(state(&[staging]).environment, "test");
}

#[test]
fn an_unknown_environment_is_refused_with_those_there_are_and_a_short_quotation() {
    let known = "live, test, development, staging".to_owned();
    for (environment, asked) in [
        ("qa", "qa".to_owned()),
        ("Live", "Live".to_owned()),
        ("", String::new()),
        (&"q".repeat(1000), "q".repeat(32)),
    ] {
        let refusal = KeyRefusal::UnknownEnvironment { asked, known: known.clone() };
        refused_at_issue(IssueKey { environment: environment.into(), ..issue(nexus()) }, refusal);
    }
}

#[test]
fn a_type_without_a_prefix_is_refused() {
    let publishable = IssueKey { key_type: KeyType::Publishable, ..issue(nexpay()) };
    refused_at_issue(publishable, KeyRefusal::UnsupportedType { asked: "publishable" });
}

#[test]
fn scopes_are_those_of_the_dialect() {
    let known =
        "admin:all, read:messages, read:payments, read:users, write:messages, write:payments, write:users";
    refused_at_issue(
        IssueKey { scopes: scopes(&["read:users", "read:orders"]), ..issue(nexus()) },
        KeyRefusal::UnknownScope { scope: "read:orders".into(), known: known.into() },
    );
    refused_at_issue(
        IssueKey { scopes: scopes(&["anything"]), ..issue(nexpay()) },
        KeyRefusal::UnknownScope {
            scope: "anything".into(),
            known: "none: this dialect's keys have no scopes".into(),
        },
    );
    issued(IssueKey { scopes: scopes(&["*"]), ..issue(nexuscommerce()) });
}

#[test]
fn a_publishable_key_holds_read_scopes_alone() {
    let publishable = |granted: &[&str]| IssueKey {
        key_type: KeyType::Publishable,
        scopes: scopes(granted),
        ..issue(nexus())
    };
    issued(publishable(&["read:users", "read:payments", "read:messages"]));
    for writing in ["write:users", "admin:all"] {
        refused_at_issue(
            publishable(&["read:users", writing]),
            KeyRefusal::NotReadOnly { scope: writing.into() },
        );
    }
}

#[test]
fn restrictions_are_those_of_the_dialect_and_name_something() {
    let to = |dialect, name: &str, values: &[&str]| IssueKey {
        restrictions: restrictions(name, values),
        ..issue(dialect)
    };
    issued(to(management(), "tenant", &["3714240b-2e06-4c35-8856-ccc1c096323e"]));
    refused_at_issue(
        to(management(), "brand", &["acme"]),
        KeyRefusal::UnknownRestriction { name: "brand".into(), known: "tenant, dialect".into() },
    );
    refused_at_issue(
        to(nexus(), "brand", &["acme"]),
        KeyRefusal::UnknownRestriction { name: "brand".into(), known: "none".into() },
    );
    refused_at_issue(to(management(), "tenant", &[]), KeyRefusal::EmptyRestriction { name: "tenant".into() });
}

#[test]
fn networks_are_recorded_in_one_spelling() {
    for (asked, recorded) in [
        (&["192.0.2.77/24"][..], &["192.0.2.0/24"][..]),
        (&["192.0.2.1/24", "192.0.2.2/24", "192.0.2.0/24"], &["192.0.2.0/24"]),
        (&["10.0.0.5/32"], &["10.0.0.5/32"]),
        (&["2001:DB8:0:0::1/64"], &["2001:db8::/64"]),
        (&["::ffff:192.0.2.9/128"], &["192.0.2.9/32"]),
        (&["::ffff:c000:209/120", "192.0.2.0/24"], &["192.0.2.0/24"]),
        (&["::ffff:0:0/96"], &["0.0.0.0/0"]),
        (&["::/0"], &["::/0"]),
        (&["2001:db8::1/32", "10.1.2.3/8"], &["10.0.0.0/8", "2001:db8::/32"]),
    ] {
        let event = issued(IssueKey { ip_allowlist: networks(asked), ..issue(nexus()) });
        assert_eq!(state(&[event]).ip_allowlist, networks(recorded), "{asked:?}");
    }
}

#[test]
fn nexuscommerce_keys_live_30_days_90_days_a_year_or_for_ever() {
    for (lifespan, end) in [
        (Lifespan::Unlimited, None),
        (Lifespan::For(TimeDelta::days(30)), Some(hours(30 * 24))),
        (Lifespan::For(TimeDelta::days(90)), Some(hours(90 * 24))),
        (Lifespan::For(TimeDelta::days(365)), Some(hours(365 * 24))),
    ] {
        let event = issued(IssueKey { lifespan, ..issue(nexuscommerce()) });
        assert_eq!(state(&[event]).expires_at, end);
    }
    let refusal = KeyRefusal::UnsupportedLifetime { choices: "30d, 90d, 1y, for ever".into() };
    for lifespan in [
        Lifespan::For(TimeDelta::days(45)),
        Lifespan::For(TimeDelta::zero()),
        Lifespan::For(TimeDelta::days(-30)),
        Lifespan::For(TimeDelta::MAX),
        Lifespan::Until(hours(30 * 24)),
        Lifespan::Until(hours(-1)),
    ] {
        refused_at_issue(IssueKey { lifespan, ..issue(nexuscommerce()) }, refusal.clone());
    }
}

#[test]
fn a_dialect_without_choices_takes_any_end_in_the_future() {
    let until = |end| IssueKey { lifespan: Lifespan::Until(end), ..issue(nexus()) };
    let just_after = noon() + TimeDelta::nanoseconds(1);
    assert_eq!(state(&[issued(until(just_after))]).expires_at, Some(just_after));
    for (lifespan, refusal) in [
        (Lifespan::Until(noon()), KeyRefusal::ExpiryInPast),
        (Lifespan::Until(hours(-1)), KeyRefusal::ExpiryInPast),
        (Lifespan::For(TimeDelta::zero()), KeyRefusal::NoLifetime),
        (Lifespan::For(TimeDelta::seconds(-1)), KeyRefusal::NoLifetime),
    ] {
        refused_at_issue(IssueKey { lifespan, ..issue(nexus()) }, refusal);
    }
}

#[test]
fn a_dialect_whose_keys_all_end_refuses_an_endless_one() {
    let mut mortal = nexus().as_ref().clone();
    mortal.lifetime.never = false;
    refused_at_issue(
        issue(Arc::new(mortal)),
        KeyRefusal::UnsupportedLifetime { choices: "any time that ends".into() },
    );
}

#[test]
fn a_suspension_is_told_before_anything_is_said_of_the_terms() {
    let wrong =
        IssueKey { tenant_suspended: true, name: String::new(), environment: "qa".into(), ..issue(nexus()) };
    refused_at_issue(wrong, KeyRefusal::TenantSuspended);
}
