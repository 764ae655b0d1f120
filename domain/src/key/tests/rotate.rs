//! Rotating a key, and how long its old secrets stay valid.

use super::*;

fn rotation(grace: Option<TimeDelta>, now: DateTime<Utc>, secret: &str) -> KeyCommand {
    KeyCommand::Rotate(RotateKey { grace, now, digest: Digest::of(secret), ..rotate(nexus()) })
}

#[test]
fn by_default_the_old_secret_stays_valid_for_24_hours() {
    let given = [issued(issue(nexus()))];
    let rotated = KeyEvent::KeyRotated(KeyRotated {
        tenant_id: tenant(),
        version: 2,
        hint: "nx_live_bbbb".into(),
        digest: Digest::of("second"),
        previous_valid_until: hours(25),
        rotated_at: hours(1),
    });
    decided(&given, KeyCommand::Rotate(rotate(nexus())), vec![rotated.clone()]);
    let key = state(&[given[0].clone(), rotated]);
    assert_eq!(key.standing(&key.versions[0]), (SecretStatus::Superseded, hours(25).timestamp_micros()));
    assert_eq!(key.standing(&key.versions[1]), (SecretStatus::Current, i64::MAX));
    assert_eq!(key.versions[1].number, 2);
    assert_eq!(key.versions[1].created_at, hours(1));
}

#[test]
fn without_grace_the_old_secret_ends_with_the_rotation() {
    let first = issued(issue(nexus()));
    let rotated = event(std::slice::from_ref(&first), rotation(Some(TimeDelta::zero()), hours(1), "second"));
    let key = state(&[first, rotated]);
    assert_eq!(key.standing(&key.versions[0]), (SecretStatus::Superseded, hours(1).timestamp_micros()));
}

#[test]
fn a_grace_is_neither_longer_than_the_dialect_allows_nor_negative() {
    let given = [issued(issue(nexus()))];
    let longest = TimeDelta::days(30);
    event(&given, rotation(Some(longest), hours(1), "second"));
    let refusal = KeyRefusal::GraceTooLong { longest };
    for grace in [longest + TimeDelta::seconds(1), TimeDelta::MAX, TimeDelta::seconds(-1), TimeDelta::MIN] {
        refused(&given, rotation(Some(grace), hours(1), "second"), refusal.clone());
    }
}

#[test]
fn a_grace_never_outlives_the_key() {
    let given = [issued(IssueKey { lifespan: Lifespan::Until(hours(2)), ..issue(nexus()) })];
    let rotated = event(&given, rotation(None, hours(1), "second"));
    assert!(matches!(&rotated, KeyEvent::KeyRotated(event) if event.previous_valid_until == hours(2)));
    let key = state(&[given[0].clone(), rotated]);
    for version in &key.versions {
        assert_eq!(key.standing(version).1, hours(2).timestamp_micros());
    }
}

#[test]
fn an_end_moved_forward_ends_old_secrets_too_and_an_end_moved_back_does_not_revive_them() {
    let mut past = vec![issued(IssueKey { lifespan: Lifespan::Until(hours(10)), ..issue(nexus()) })];
    past.push(event(&past, rotation(Some(TimeDelta::hours(6)), hours(1), "second")));
    let until = |end, now| {
        KeyCommand::Change(ChangeKey { lifespan: Some(Lifespan::Until(end)), now, ..change(nexus()) })
    };

    past.push(event(&past, until(hours(3), hours(2))));
    let key = state(&past);
    assert_eq!(key.standing(&key.versions[0]).1, hours(3).timestamp_micros());

    past.push(event(&past, until(hours(1000), hours(2))));
    let key = state(&past);
    assert_eq!(key.standing(&key.versions[0]), (SecretStatus::Superseded, hours(7).timestamp_micros()));
}

#[test]
fn of_two_graces_the_earlier_end_counts() {
    let mut past = vec![issued(issue(nexus()))];
    past.push(event(&past, rotation(Some(TimeDelta::hours(2)), hours(1), "second")));
    past.push(event(&past, rotation(Some(TimeDelta::hours(24)), hours(2), "third")));
    let key = state(&past);
    let ends: Vec<_> = key.versions.iter().map(|version| version.superseded_until).collect();
    assert_eq!(ends, [Some(hours(3)), Some(hours(26)), None]);

    past.push(event(&past, rotation(Some(TimeDelta::zero()), hours(2), "fourth")));
    let key = state(&past);
    let ends: Vec<_> = key.versions.iter().map(|version| version.superseded_until).collect();
    assert_eq!(ends, [Some(hours(2)), Some(hours(2)), Some(hours(2)), None]);
    assert_eq!(key.versions.iter().map(|version| version.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_dialect_without_rotation_in_place_gives_its_advice() {
    let given = [issued(issue(nexuscommerce()))];
    let advice = "keys are not rotated in place: create a new key with the same scopes, update your integration, \
                  verify that it works, then revoke the old key";
    for grace in [None, Some(TimeDelta::zero())] {
        let command = RotateKey { grace, ..rotate(nexuscommerce()) };
        refused(
            &given,
            KeyCommand::Rotate(command),
            KeyRefusal::RotationUnsupported { advice: advice.into() },
        );
    }
}

#[test]
fn revoked_expired_and_suspended_keys_are_not_rotated() {
    let given = [issued(IssueKey { lifespan: Lifespan::Until(hours(24)), ..issue(nexus()) })];
    let command = rotate(nexus());
    refused(&given, KeyCommand::Rotate(RotateKey { now: hours(24), ..command.clone() }), KeyRefusal::Expired);
    let suspended = RotateKey { tenant_suspended: true, ..command.clone() };
    refused(&given, KeyCommand::Rotate(suspended.clone()), KeyRefusal::TenantSuspended);
    let gone = [given[0].clone(), revoked()];
    refused(&gone, KeyCommand::Rotate(command), KeyRefusal::Revoked);
    refused(&gone, KeyCommand::Rotate(suspended), KeyRefusal::Revoked);
}
