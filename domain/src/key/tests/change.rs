//! Changing a key.

use super::*;
use crate::key::InvalidName;

fn key_with_everything() -> Vec<KeyEvent> {
    vec![issued(IssueKey {
        scopes: scopes(&["keys:read"]),
        ip_allowlist: networks(&["10.0.0.0/8"]),
        restrictions: restrictions("tenant", &["a"]),
        lifespan: Lifespan::Until(hours(24)),
        ..issue(management())
    })]
}

#[test]
fn every_property_is_replaced_in_one_event_and_the_rest_stays() {
    let given = key_with_everything();
    let command = ChangeKey {
        name: Some("Batch".into()),
        scopes: Some(scopes(&["verify"])),
        ip_allowlist: Some(networks(&["192.0.2.7/24"])),
        restrictions: Some(restrictions("tenant", &["b"])),
        lifespan: Some(Lifespan::Unlimited),
        ..change(management())
    };
    let changed = KeyEvent::KeyChanged(KeyChanged {
        tenant_id: tenant(),
        changes: vec![
            Change::Name("Batch".into()),
            Change::Scopes(scopes(&["verify"])),
            Change::IpAllowlist(networks(&["192.0.2.0/24"])),
            Change::Restrictions(restrictions("tenant", &["b"])),
            Change::ExpiresAt(None),
        ],
        changed_at: hours(1),
    });
    decided(&given, KeyCommand::Change(command.clone()), vec![changed.clone()]);
    let expected = KeyState {
        name: "Batch".into(),
        scopes: scopes(&["verify"]),
        ip_allowlist: networks(&["192.0.2.0/24"]),
        restrictions: restrictions("tenant", &["b"]),
        expires_at: None,
        ..state(&given)
    };
    let after = [given, vec![changed]].concat();
    assert_eq!(state(&after), expected);
    decided(&after, KeyCommand::Change(command), vec![]);
}

#[test]
fn an_allow_list_in_the_log_is_read_as_it_stands() {
    let changed: Change = serde_json::from_str(r#"{"ip_allowlist":["10.0.0.1/8"]}"#).unwrap();
    assert_eq!(changed, Change::IpAllowlist(networks(&["10.0.0.1/8"])));
    assert!(crate::network::parse("10.0.0.1/8").is_err(), "while users are asked what they mean");
}

#[test]
fn only_what_differs_is_recorded() {
    let command = ChangeKey {
        name: Some("Production Backend".into()),
        ip_allowlist: Some(networks(&["::ffff:10.1.2.3/104"])),
        scopes: Some(ScopeSet::new()),
        lifespan: Some(Lifespan::Until(hours(24))),
        ..change(management())
    };
    let expected = KeyChanged {
        tenant_id: tenant(),
        changes: vec![Change::Scopes(ScopeSet::new())],
        changed_at: hours(1),
    };
    decided(&key_with_everything(), KeyCommand::Change(command), vec![KeyEvent::KeyChanged(expected)]);
}

#[test]
fn a_change_names_something() {
    refused(&key_with_everything(), KeyCommand::Change(change(management())), KeyRefusal::NothingToChange);
}

#[test]
fn a_revoked_key_and_an_expired_one_stay_as_they_are() {
    let command = ChangeKey { name: Some("Alive".into()), ..change(management()) };
    let given = key_with_everything();
    for now in [hours(24), hours(25)] {
        let late = ChangeKey { now, ..command.clone() };
        refused(&given, KeyCommand::Change(late), KeyRefusal::Expired);
    }
    let just_in_time = ChangeKey { now: hours(24) - TimeDelta::nanoseconds(1), ..command.clone() };
    event(&given, KeyCommand::Change(just_in_time));
    let gone = [given, vec![revoked()]].concat();
    refused(&gone, KeyCommand::Change(command.clone()), KeyRefusal::Revoked);
    refused(&gone, KeyCommand::Change(ChangeKey { now: hours(25), ..command }), KeyRefusal::Revoked);
}

#[test]
fn a_key_whose_end_is_on_record_is_not_prolonged_by_a_clock_that_runs_behind() {
    let mut past = key_with_everything();
    past.push(event(&past, KeyCommand::Expire(ExpireKey { now: hours(24) })));
    let behind = ChangeKey {
        lifespan: Some(Lifespan::Unlimited),
        now: hours(24) - TimeDelta::seconds(1),
        ..change(management())
    };
    refused(&past, KeyCommand::Change(behind), KeyRefusal::Expired);
}

#[test]
fn new_terms_are_checked_as_at_issue() {
    let given = key_with_everything();
    let cases = [
        (
            ChangeKey { name: Some("\0".into()), ..change(management()) },
            KeyRefusal::InvalidName(InvalidName::Deceptive),
        ),
        (
            ChangeKey { restrictions: Some(restrictions("brand", &["x"])), ..change(management()) },
            KeyRefusal::UnknownRestriction { name: "brand".into(), known: "tenant, dialect".into() },
        ),
        (
            ChangeKey { restrictions: Some(restrictions("tenant", &[])), ..change(management()) },
            KeyRefusal::EmptyRestriction { name: "tenant".into() },
        ),
        (
            ChangeKey { lifespan: Some(Lifespan::Until(hours(1))), ..change(management()) },
            KeyRefusal::ExpiryInPast,
        ),
        (
            ChangeKey { lifespan: Some(Lifespan::For(TimeDelta::days(45))), ..change(nexuscommerce()) },
            KeyRefusal::UnsupportedLifetime { choices: "30d, 90d, 1y, for ever".into() },
        ),
    ];
    for (command, refusal) in cases {
        refused(&given, KeyCommand::Change(command), refusal);
    }
    let unknown = ChangeKey { scopes: Some(scopes(&["orders:read"])), ..change(management()) };
    assert!(matches!(fold(&given).decide(KeyCommand::Change(unknown)), Err(KeyRefusal::UnknownScope { .. })));
}

#[test]
fn one_wrong_term_keeps_the_others_from_changing() {
    let command = ChangeKey {
        name: Some("New".into()),
        lifespan: Some(Lifespan::For(TimeDelta::zero())),
        ..change(management())
    };
    refused(&key_with_everything(), KeyCommand::Change(command), KeyRefusal::NoLifetime);
}

#[test]
fn a_publishable_key_never_gets_a_writing_scope() {
    let given = [issued(IssueKey {
        key_type: KeyType::Publishable,
        scopes: scopes(&["read:users"]),
        ..issue(nexus())
    })];
    let command = ChangeKey { scopes: Some(scopes(&["read:users", "write:users"])), ..change(nexus()) };
    refused(&given, KeyCommand::Change(command), KeyRefusal::NotReadOnly { scope: "write:users".into() });
}
