use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::dialect::{Dialect, built_in};

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn tenant(number: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(number))
}

fn dialect(name: &str) -> Arc<Dialect> {
    Arc::clone(built_in().get(name).unwrap())
}

fn issue() -> IssueJwtSecret {
    IssueJwtSecret {
        tenant_id: tenant(1),
        tenant_suspended: false,
        dialect: dialect("nexus"),
        name: "Payments".into(),
        environment: "production".into(),
        scopes: ["read:payments".parse().unwrap()].into(),
        sealed_id: Uuid::from_u128(1),
        now: noon(),
    }
}

fn rotate(grace: Option<TimeDelta>) -> RotateJwtSecret {
    RotateJwtSecret {
        tenant_id: tenant(1),
        tenant_suspended: false,
        dialect: dialect("nexus"),
        sealed_id: Uuid::from_u128(2),
        grace,
        now: noon() + TimeDelta::hours(1),
    }
}

fn revoke() -> RevokeJwtSecret {
    RevokeJwtSecret { tenant_id: tenant(1), reason: RevocationReason::Compromised, note: None, now: noon() }
}

fn given(commands: impl IntoIterator<Item = JwtSecretCommand>) -> JwtSecret {
    let mut secret = JwtSecret::default();
    for command in commands {
        if let Some(event) = secret.decide(command).unwrap() {
            secret.apply(event);
        }
    }
    secret
}

fn issued() -> JwtSecret {
    given([JwtSecretCommand::Issue(issue())])
}

#[test]
fn a_secret_is_issued_with_the_environments_own_name() {
    let secret = issued();
    let state = secret.state().unwrap();
    assert_eq!((state.environment.as_str(), state.versions.len()), ("live", 1));
    assert_eq!(state.standing(&state.versions[0]), (SecretStatus::Current, i64::MAX));
}

#[test]
fn what_cannot_be_issued_is_refused() {
    let refused =
        |command: IssueJwtSecret| JwtSecret::default().decide(JwtSecretCommand::Issue(command)).unwrap_err();
    assert_eq!(
        refused(IssueJwtSecret { tenant_suspended: true, ..issue() }),
        JwtSecretRefusal::TenantSuspended
    );
    assert!(matches!(
        refused(IssueJwtSecret { dialect: dialect("nexpay"), ..issue() }),
        JwtSecretRefusal::NotOffered { dialect } if dialect == "nexpay"
    ));
    assert!(matches!(
        refused(IssueJwtSecret { name: " ".into(), ..issue() }),
        JwtSecretRefusal::InvalidName(_)
    ));
    let unknown = refused(IssueJwtSecret { environment: "mars".into(), ..issue() });
    assert!(unknown.to_string().contains("choose one of live, test"), "{unknown}");
    let unknown = refused(IssueJwtSecret { scopes: ["fly".parse().unwrap()].into(), ..issue() });
    assert!(unknown.to_string().starts_with("unknown scope `fly`; choose from"), "{unknown}");
    let again = issued().decide(JwtSecretCommand::Issue(issue())).unwrap_err();
    assert_eq!(again, JwtSecretRefusal::AlreadyIssued);
}

#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    for weak in [
        "",
        "secret",
        &"a".repeat(64),
        "0123456789abcdef0123456789abcde",
        &"ab1".repeat(20),
        "ü".repeat(32).as_str(),
    ] {
        assert_eq!(check_secret(weak), Err(JwtSecretRefusal::WeakSecret), "{weak}");
    }
    assert_eq!(check_secret(&"0123456789".repeat(52)), Err(JwtSecretRefusal::WeakSecret), "too long");
    assert_eq!(check_secret("0123456789abcdef0123456789abcdef"), Ok(()));
}

#[test]
fn a_replaced_secret_stays_valid_for_its_grace_and_no_longer_than_a_former_one() {
    let secret = given([
        JwtSecretCommand::Issue(issue()),
        JwtSecretCommand::Rotate(rotate(None)),
        JwtSecretCommand::Rotate(RotateJwtSecret {
            sealed_id: Uuid::from_u128(3),
            ..rotate(Some(TimeDelta::zero()))
        }),
    ]);
    let state = secret.state().unwrap();
    let end = (noon() + TimeDelta::hours(1)).timestamp_micros();
    let standings: Vec<_> = state.versions.iter().map(|version| state.standing(version)).collect();
    let superseded = (SecretStatus::Superseded, end);
    assert_eq!(standings, [superseded, superseded, (SecretStatus::Current, i64::MAX)]);
    assert_eq!(state.versions.iter().map(|version| version.number).collect::<Vec<_>>(), [1, 2, 3]);
    let first = given([JwtSecretCommand::Issue(issue()), JwtSecretCommand::Rotate(rotate(None))]);
    let until = first.state().unwrap().versions[0].superseded_until.unwrap();
    assert_eq!(until, noon() + TimeDelta::hours(25), "24 h as for keys");
    let long = issued().decide(JwtSecretCommand::Rotate(rotate(Some(TimeDelta::days(31))))).unwrap_err();
    assert!(matches!(long, JwtSecretRefusal::GraceTooLong { .. }));
}

#[test]
fn four_versions_are_valid_at_the_most_and_those_that_are_over_go() {
    let at = |hours: i64, grace: Option<TimeDelta>| {
        JwtSecretCommand::Rotate(RotateJwtSecret { now: noon() + TimeDelta::hours(hours), ..rotate(grace) })
    };
    let numbers = |secret: &JwtSecret| -> Vec<u32> {
        secret.state().unwrap().versions.iter().map(|version| version.number).collect()
    };
    let secret = given([JwtSecretCommand::Issue(issue()), at(1, None), at(2, None), at(3, None)]);
    assert_eq!(numbers(&secret), [1, 2, 3, 4]);
    let refused = secret.decide(at(24, None)).unwrap_err();
    assert_eq!(refused, JwtSecretRefusal::TooManyVersions { until: noon() + TimeDelta::hours(25) });
    assert!(refused.to_string().contains("from 2026-03-02T13:00:00Z on, or without grace"), "{refused}");
    let rotated = |command| {
        let mut secret = secret.clone();
        secret.apply(secret.decide(command).unwrap().unwrap());
        secret
    };
    assert_eq!(numbers(&rotated(at(25, None))), [2, 3, 4, 5]);
    let ended = rotated(at(24, Some(TimeDelta::zero())));
    let state = ended.state().unwrap();
    assert!(state.versions[..4].iter().all(|version| !version.lasts(noon() + TimeDelta::hours(24))));
    assert_eq!(numbers(&rotated(at(1000, None))), [4, 5], "the one that is replaced goes the next time");
}

#[test]
fn a_revocation_is_final_and_a_foreign_secret_is_absent() {
    let secret = given([
        JwtSecretCommand::Issue(issue()),
        JwtSecretCommand::Rotate(rotate(None)),
        JwtSecretCommand::Revoke(revoke()),
    ]);
    let state = secret.state().unwrap();
    assert!(state.versions.iter().all(|version| state.standing(version).0 == SecretStatus::Revoked));
    assert_eq!(secret.decide(JwtSecretCommand::Revoke(revoke())), Ok(None), "asking twice is no error");
    assert_eq!(secret.decide(JwtSecretCommand::Rotate(rotate(None))), Err(JwtSecretRefusal::Revoked));
    let foreign = RevokeJwtSecret { tenant_id: tenant(2), ..revoke() };
    assert_eq!(secret.decide(JwtSecretCommand::Revoke(foreign)), Err(JwtSecretRefusal::NotFound));
    let mut reborn = secret.clone();
    let born = JwtSecret::default().decide(JwtSecretCommand::Issue(issue())).unwrap().unwrap();
    reborn.apply(born);
    assert_eq!(reborn, secret, "a second birth wipes nothing out");
}
