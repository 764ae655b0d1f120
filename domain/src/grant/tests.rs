use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::*;
use crate::token::Revoker;

const CALLBACK: &str = "https://app.example/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn client(number: u128) -> KeyId {
    KeyId::new(Uuid::from_u128(number))
}

fn scopes(names: &[&str]) -> ScopeSet {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn challenge() -> Challenge {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)).parse().unwrap()
}

fn consent(challenge: Option<Challenge>) -> Grant {
    let command = GrantConsent {
        tenant_id: tenant(),
        dialect: "nexus".into(),
        key_id: client(7),
        client_id: "nx_client_7".into(),
        subject: "member_1".into(),
        scopes: scopes(&["read:users", "write:users"]),
        redirect_uri: CALLBACK.into(),
        digest: Digest::of("code"),
        challenge,
        dpop_jkt: None,
        lifetime: TimeDelta::days(30),
        now: noon(),
    };
    carried_out(&Grant::default(), GrantCommand::Consent(Box::new(command)))
}

fn issuance(refresh: &str, now: DateTime<Utc>) -> Issuance {
    Issuance {
        token_id: TokenId::new(Uuid::from_u128(9)),
        token_expires_at: now + TimeDelta::hours(1),
        refresh: Some(Digest::of(refresh)),
        jkt: None,
        binds_refresh: false,
    }
}

/// The same for whoever proved to hold a key.
fn proving(issuance: Issuance, key: &str) -> Issuance {
    Issuance { jkt: Some(Digest::of(key)), binds_refresh: true, ..issuance }
}

fn redeem() -> RedeemCode {
    RedeemCode {
        key_id: client(7),
        digest: Digest::of("code"),
        redirect_uri: Some(CALLBACK.into()),
        verifier: Some(VERIFIER.into()),
        issuance: issuance("refresh 1", noon()),
        now: noon(),
    }
}

fn refresh(presented: &str, next: &str, now: DateTime<Utc>) -> RefreshToken {
    RefreshToken {
        key_id: client(7),
        digest: Digest::of(presented),
        scopes: None,
        issuance: issuance(next, now),
        now,
    }
}

fn carried_out(grant: &Grant, command: GrantCommand) -> Grant {
    let mut after = grant.clone();
    grant.decide(command).unwrap().into_iter().for_each(|event| after.apply(event));
    after
}

fn redeemed() -> Grant {
    carried_out(&consent(Some(challenge())), GrantCommand::Redeem(redeem()))
}

fn end(grant: &Grant) -> Option<GrantEnd> {
    grant.state().unwrap().revoked.map(|(_, reason)| reason)
}

#[test]
fn a_code_is_redeemed_once_and_comes_twice_for_nobody() {
    let grant = redeemed();
    assert_eq!(grant.state().unwrap().refresh, Some(Digest::of("refresh 1")));
    assert_eq!(grant.state().unwrap().tokens_until, noon() + TimeDelta::hours(1));
    let again = carried_out(&grant, GrantCommand::Redeem(redeem()));
    assert_eq!(end(&again), Some(GrantEnd::CodeReused));
    assert_eq!(again.decide(GrantCommand::Redeem(redeem())), Err(GrantRefusal::Revoked));
    let refresh = refresh("refresh 1", "refresh 2", noon());
    assert_eq!(again.decide(GrantCommand::Refresh(refresh)), Err(GrantRefusal::Revoked));
}

#[test]
fn a_code_is_bound_to_client_redirect_uri_verifier_and_a_minute() {
    let grant = consent(Some(challenge()));
    let late = noon() + CODE_LIFETIME;
    for (command, refusal) in [
        (RedeemCode { key_id: client(8), ..redeem() }, GrantRefusal::NotFound),
        (RedeemCode { digest: Digest::of("other"), ..redeem() }, GrantRefusal::NotFound),
        (RedeemCode { redirect_uri: None, ..redeem() }, GrantRefusal::RedirectMismatch),
        (
            RedeemCode { redirect_uri: Some(format!("{CALLBACK}/")), ..redeem() },
            GrantRefusal::RedirectMismatch,
        ),
        (RedeemCode { verifier: None, ..redeem() }, GrantRefusal::VerifierMismatch),
        (RedeemCode { verifier: Some("a".repeat(43)), ..redeem() }, GrantRefusal::VerifierMismatch),
        (RedeemCode { now: late, ..redeem() }, GrantRefusal::Expired),
    ] {
        assert_eq!(grant.decide(GrantCommand::Redeem(command)), Err(refusal));
    }
    let without = consent(None);
    let stripped = without.decide(GrantCommand::Redeem(redeem()));
    assert_eq!(stripped, Err(GrantRefusal::VerifierWithoutChallenge));
    assert!(without.decide(GrantCommand::Redeem(RedeemCode { verifier: None, ..redeem() })).is_ok());
    let last = RedeemCode { now: late - TimeDelta::microseconds(1), ..redeem() };
    assert!(grant.decide(GrantCommand::Redeem(last)).is_ok(), "nothing of it was spent by the attempts");
}

#[test]
fn a_refresh_token_is_spent_by_its_use_and_ends_the_family_when_it_comes_again() {
    let first = refresh("refresh 1", "refresh 2", noon());
    let grant = carried_out(&redeemed(), GrantCommand::Refresh(first.clone()));
    let third = refresh("refresh 2", "refresh 3", noon());
    let grant = carried_out(&grant, GrantCommand::Refresh(third));
    let events = grant.decide(GrantCommand::Refresh(first.clone())).unwrap();
    assert!(matches!(events.as_slice(), [GrantEvent::RefreshReuseDetected(_), GrantEvent::GrantRevoked(_)]));
    let ended = carried_out(&grant, GrantCommand::Refresh(first));
    assert_eq!(end(&ended), Some(GrantEnd::RefreshTokenReused));
    let current = refresh("refresh 3", "refresh 4", noon());
    assert_eq!(ended.decide(GrantCommand::Refresh(current)), Err(GrantRefusal::Revoked));
}

#[test]
fn what_is_no_refresh_token_of_the_grant_ends_nothing() {
    let grant = redeemed();
    for command in [
        refresh("made up", "refresh 2", noon()),
        RefreshToken { key_id: client(8), ..refresh("refresh 1", "refresh 2", noon()) },
    ] {
        assert_eq!(grant.decide(GrantCommand::Refresh(command)), Err(GrantRefusal::NotFound));
    }
}

#[test]
fn refreshing_goes_on_for_thirty_days_and_never_widens() {
    let grant = redeemed();
    let end = noon() + TimeDelta::days(30);
    let late = refresh("refresh 1", "refresh 2", end);
    assert_eq!(grant.decide(GrantCommand::Refresh(late)), Err(GrantRefusal::Expired));
    let last = refresh("refresh 1", "refresh 2", end - TimeDelta::seconds(1));
    let later = carried_out(&grant, GrantCommand::Refresh(last));
    assert_eq!(later.state().unwrap().expires_at, end, "counted from the consent, whatever was refreshed");
    let asking = |names: &[&str]| RefreshToken {
        scopes: Some(scopes(names)),
        ..refresh("refresh 1", "refresh 2", noon())
    };
    assert!(grant.decide(GrantCommand::Refresh(asking(&["read:users"]))).is_ok());
    let wider = grant.decide(GrantCommand::Refresh(asking(&["read:users", "read:payments"])));
    assert_eq!(wider, Err(GrantRefusal::InvalidScope { scope: "read:payments".into() }));
}

#[test]
fn a_grant_is_ended_by_those_whose_it_is() {
    let refreshed =
        carried_out(&redeemed(), GrantCommand::Refresh(refresh("refresh 1", "refresh 2", noon())));
    let revoke = |by, named: Option<&str>| {
        GrantCommand::Revoke(RevokeGrant { by, refresh: named.map(Digest::of), now: noon() })
    };
    for (by, named) in [
        (Revoker::Tenant(TenantId::new(Uuid::from_u128(2))), None),
        (Revoker::Client(client(8)), Some("refresh 2")),
        (Revoker::Client(client(7)), Some("made up")),
    ] {
        assert_eq!(refreshed.decide(revoke(by, named)), Err(GrantRefusal::NotFound));
    }
    for (by, named, reason) in [
        (Revoker::Tenant(tenant()), None, GrantEnd::RevokedByTenant),
        (Revoker::Client(client(7)), Some("refresh 2"), GrantEnd::RevokedByClient),
        (Revoker::Client(client(7)), Some("refresh 1"), GrantEnd::RevokedByClient),
    ] {
        let ended = carried_out(&refreshed, revoke(by, named));
        assert_eq!(end(&ended), Some(reason));
        assert_eq!(ended.decide(revoke(by, named)), Ok(Vec::new()));
    }
}

#[test]
fn what_somebody_agreed_to_ends_with_them_and_nobody_else_s_does() {
    let grant = consent(None);
    let withdraw = |subject: &str| {
        let reason = GrantEnd::MemberRemoved;
        GrantCommand::Withdraw(WithdrawGrant { subject: subject.into(), reason, now: noon() })
    };
    assert_eq!(grant.decide(withdraw("member_2")), Err(GrantRefusal::NotFound));
    assert_eq!(Grant::default().decide(withdraw("member_1")), Err(GrantRefusal::NotFound));
    let ended = carried_out(&grant, withdraw("member_1"));
    assert_eq!(ended.state().unwrap().revoked, Some((noon(), GrantEnd::MemberRemoved)));
    assert_eq!(ended.decide(withdraw("member_1")), Ok(Vec::new()), "once");
    assert_eq!(ended.decide(GrantCommand::Redeem(redeem())), Err(GrantRefusal::Revoked));
}

#[test]
fn a_code_that_is_bound_to_a_key_is_redeemed_with_it_alone() {
    let mut bound = Grant::default();
    let Some(state) = consent(Some(challenge())).state().cloned() else { unreachable!() };
    bound.0 = Some(GrantState { dpop_jkt: Some(Digest::of("key")), ..state });
    let redeem_with = |issuance| bound.decide(GrantCommand::Redeem(RedeemCode { issuance, ..redeem() }));
    for wrong in [redeem().issuance, proving(redeem().issuance, "other")] {
        assert_eq!(redeem_with(wrong), Err(GrantRefusal::ProofMismatch));
    }
    assert!(redeem_with(proving(redeem().issuance, "key")).is_ok());
}

#[test]
fn a_refresh_token_of_whoever_proved_a_key_goes_on_with_that_key() {
    let first = RedeemCode { issuance: proving(redeem().issuance, "key"), ..redeem() };
    let grant = carried_out(&consent(Some(challenge())), GrantCommand::Redeem(first));
    let asking = |grant: &Grant, presented, issuance| {
        let command = RefreshToken { issuance, ..refresh(presented, "refresh 2", noon()) };
        grant.decide(GrantCommand::Refresh(command))
    };
    let next = issuance("refresh 2", noon());
    for wrong in [next.clone(), proving(next.clone(), "other")] {
        assert_eq!(asking(&grant, "refresh 1", wrong), Err(GrantRefusal::ProofMismatch));
    }
    let command =
        RefreshToken { issuance: proving(next.clone(), "key"), ..refresh("refresh 1", "refresh 2", noon()) };
    let grant = carried_out(&grant, GrantCommand::Refresh(command));
    let third = issuance("refresh 3", noon());
    assert_eq!(
        asking(&grant, "refresh 2", third),
        Err(GrantRefusal::ProofMismatch),
        "the next one is bound as well"
    );
    // A client that proves who it is may change its key.
    let free = Issuance { binds_refresh: false, ..proving(redeem().issuance, "key") };
    let first = RedeemCode { issuance: free, ..redeem() };
    let grant = carried_out(&consent(Some(challenge())), GrantCommand::Redeem(first));
    assert!(asking(&grant, "refresh 1", next).is_ok());
}
