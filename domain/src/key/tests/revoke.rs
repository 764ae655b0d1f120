//! Revoking a key, and putting its end on record.

use super::*;
use crate::key::InvalidName;

#[test]
fn a_revocation_records_reason_and_note() {
    let given = [issued(issue(nexus()))];
    for reason in [
        RevocationReason::Compromised,
        RevocationReason::Superseded,
        RevocationReason::Unused,
        RevocationReason::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn,
        RevocationReason::Unspecified,
    ] {
        let command = RevokeKey { reason, note: Some("found in a public repository".into()), ..revoke() };
        let expected = KeyRevoked {
            tenant_id: tenant(),
            reason,
            note: Some("found in a public repository".into()),
            revoked_at: hours(2),
        };
        decided(&given, KeyCommand::Revoke(command), vec![KeyEvent::KeyRevoked(expected)]);
    }
}

#[test]
fn revoking_twice_is_no_error_and_no_second_event() {
    let given = [issued(issue(nexus())), revoked()];
    decided(&given, KeyCommand::Revoke(revoke()), vec![]);
    let otherwise =
        RevokeKey { reason: RevocationReason::Unused, note: Some("\n".into()), now: hours(5), ..revoke() };
    decided(&given, KeyCommand::Revoke(otherwise), vec![]);
    assert_eq!(state(&given).revoked, Some((hours(2), RevocationReason::Compromised)));
}

#[test]
fn every_secret_of_a_revoked_key_is_revoked() {
    let first = issued(issue(nexus()));
    let rotated = event(std::slice::from_ref(&first), KeyCommand::Rotate(rotate(nexus())));
    let key = state(&[first, rotated, revoked()]);
    assert_eq!(key.versions.len(), 2);
    for version in &key.versions {
        assert_eq!(key.standing(version), (SecretStatus::Revoked, hours(2).timestamp_micros()));
    }
}

#[test]
fn an_expired_key_can_still_be_revoked() {
    let mut past = vec![issued(IssueKey { lifespan: Lifespan::Until(hours(1)), ..issue(nexus()) })];
    decided(&past, KeyCommand::Revoke(revoke()), vec![revoked()]);
    past.push(event(&past, KeyCommand::Expire(ExpireKey { now: hours(1) })));
    decided(&past, KeyCommand::Revoke(revoke()), vec![revoked()]);
}

#[test]
fn a_note_is_checked_and_an_empty_one_is_none() {
    let given = [issued(issue(nexus()))];
    let noted = |note: &str| KeyCommand::Revoke(RevokeKey { note: Some(note.into()), ..revoke() });
    decided(&given, noted("  "), vec![revoked()]);
    decided(&given, noted(""), vec![revoked()]);
    refused(&given, noted("\u{1b}[2J"), KeyRefusal::InvalidNote(InvalidName::Deceptive));
    refused(&given, noted(&"x".repeat(101)), KeyRefusal::InvalidNote(InvalidName::TooLong));
}

#[test]
fn the_end_of_a_life_is_recorded_once_and_from_its_instant_on() {
    let given = [issued(IssueKey { lifespan: Lifespan::Until(hours(24)), ..issue(nexus()) })];
    let expire = |now| KeyCommand::Expire(ExpireKey { now });
    decided(&given, expire(hours(24) - TimeDelta::nanoseconds(1)), vec![]);
    let expired = KeyEvent::KeyExpired(KeyExpired { tenant_id: tenant(), expired_at: hours(24) });
    decided(&given, expire(hours(24)), vec![expired.clone()]);
    decided(&given, expire(hours(100)), vec![expired.clone()]);
    decided(&[given[0].clone(), expired], expire(hours(100)), vec![]);
    decided(&[given[0].clone(), revoked()], expire(hours(100)), vec![]);
    decided(&[issued(issue(nexus()))], expire(hours(1_000_000)), vec![]);
}
