//! What holds for a key whatever is done to it.

use proptest::prelude::*;

use super::*;

/// Commands of all kinds, right and wrong ones, at times that may run backwards.
fn any_command() -> impl Strategy<Value = KeyCommand> {
    let owner = prop_oneof![4 => Just(tenant()), 1 => Just(foreign_tenant())];
    let lifespan = prop_oneof![
        Just(Lifespan::Unlimited),
        (0..200i64).prop_map(|length| Lifespan::For(TimeDelta::hours(length))),
        (-10..200i64).prop_map(|end| Lifespan::Until(hours(end))),
    ];
    (0..6u8, owner, -5..200i64, lifespan, proptest::option::of(0..100i64), any::<u64>()).prop_map(
        |(kind, tenant_id, at, lifespan, grace, secret)| {
            let now = hours(at);
            let digest = Digest::of(&secret.to_string());
            match kind {
                0 => KeyCommand::Issue(Box::new(IssueKey {
                    tenant_id,
                    lifespan,
                    digest,
                    now,
                    ..issue(nexus())
                })),
                1 => KeyCommand::Change(ChangeKey {
                    tenant_id,
                    name: Some(format!("Key {secret}")),
                    scopes: Some(scopes(&["admin:all"])),
                    ip_allowlist: Some(Vec::new()),
                    now,
                    ..change(nexus())
                }),
                2 => KeyCommand::Change(ChangeKey {
                    tenant_id,
                    lifespan: Some(lifespan),
                    now,
                    ..change(nexus())
                }),
                3 => KeyCommand::Rotate(RotateKey {
                    tenant_id,
                    grace: grace.map(TimeDelta::hours),
                    digest,
                    now,
                    ..rotate(nexus())
                }),
                4 => KeyCommand::Revoke(RevokeKey { tenant_id, now, ..revoke() }),
                _ => KeyCommand::Expire(ExpireKey { now }),
            }
        },
    )
}

/// Carries out a command where it is not refused.
fn step(key: &mut Key, command: KeyCommand) -> Option<KeyEvent> {
    let event = key.decide(command).ok().flatten()?;
    key.apply(event.clone());
    Some(event)
}

proptest! {
    #[test]
    fn nothing_un_revokes(
        before in proptest::collection::vec(any_command(), 0..12),
        after in proptest::collection::vec(any_command(), 0..24),
    ) {
        let mut key = fold(&[issued(issue(nexus()))]);
        for command in before {
            step(&mut key, command);
        }
        step(&mut key, KeyCommand::Revoke(revoke()));
        let at_revocation = key.clone();
        for command in after {
            prop_assert_eq!(step(&mut key, command), None);
            let state = key.state().unwrap();
            for version in &state.versions {
                prop_assert_eq!(state.standing(version).0, SecretStatus::Revoked);
            }
        }
        prop_assert_eq!(key, at_revocation);
    }

    #[test]
    fn the_end_of_a_replaced_secret_never_moves_away(commands in proptest::collection::vec(any_command(), 0..24)) {
        let mut key = fold(&[issued(issue(nexus()))]);
        for command in commands {
            let before = key.state().unwrap().clone();
            step(&mut key, command);
            let after = key.state().unwrap();
            for (old, new) in before.versions.iter().zip(&after.versions) {
                prop_assert_eq!(old.digest, new.digest);
                if let Some(end) = old.superseded_until {
                    prop_assert!(new.superseded_until.is_some_and(|until| until <= end));
                }
            }
            prop_assert_eq!(after.versions.iter().filter(|version| version.superseded_until.is_none()).count(), 1);
            let numbers: Vec<u32> = after.versions.iter().map(|version| version.number).collect();
            prop_assert_eq!(numbers, (1..).take(after.versions.len()).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn a_replayed_key_equals_the_live_one(commands in proptest::collection::vec(any_command(), 0..24)) {
        let mut live = Key::default();
        let mut log = Vec::new();
        for command in commands {
            log.extend(step(&mut live, command).map(|event| serde_json::to_string(&event).unwrap()));
        }
        let stored: Vec<KeyEvent> = log.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        prop_assert_eq!(fold(&stored), live);
    }
}
