//! What stands in the log: a committed sample of every event type and version, which never changes.
//!
//! An event that was stored is read for ever. When a sample here no longer matches, do not edit it:
//! give the event a new version, write an upcaster, and add a sample for the new version beside it.
//! A sample that does not exist yet is written by `NEXUS_NEW_SAMPLES=1 cargo test -p nexus-domain`.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::{Aggregate as _, DomainEvent};
use nexus_domain::agent::{AgentCreated, AgentEvent, AgentReleased, AgentRenamed, AgentRestricted};
use nexus_domain::credential::{CHECKSUM_DIGITS, Digest, RANDOM_BYTES, Secret};
use nexus_domain::dialect::{Dialect, KeyType};
use nexus_domain::ids::{AgentId, IntegrationId, KeyId, MemberId, PasswordId, SigningKeyId, TenantId};
use nexus_domain::integration::{
    IntegrationConnected, IntegrationCreated, IntegrationDisabled, IntegrationEnabled, IntegrationEvent,
    IntegrationRenamed, IntegrationType,
};
use nexus_domain::jwt::{Algorithm, Curve, PublicJwk};
use nexus_domain::jwt_secret::{JwtSecretEvent, JwtSecretIssued, JwtSecretRevoked, JwtSecretRotated};
use nexus_domain::key::{
    Change, ChangeKey, ExpireKey, IssueKey, Key, KeyChanged, KeyCommand, KeyEvent, KeyExpired, KeyIssued,
    KeyRevoked, KeyRotated, Lifespan, RevocationReason, RevokeKey, RotateKey,
};
use nexus_domain::member::{MemberAdded, MemberErased, MemberEvent, MemberRemoved, PasswordSet, Role};
use nexus_domain::scope::ScopeSet;
use nexus_domain::session::{
    EndReason, SessionEnded, SessionEvent, SignInFailed, SignInFailure, SignInMethod, SignedIn,
};
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeyIntroduced, SigningKeyRetired};
use nexus_domain::tenant::{TenantCreated, TenantEvent, TenantRenamed, TenantResumed, TenantSuspended};
use nexus_domain::usage::{Counts, KeyUsed, UnattributedRefusals, UsageEvent, UsedRequest};
use nexus_domain::validity::KeyEntry;
use nexus_domain::verification::{Code, Restrictions};
use uuid::Uuid;

#[path = "golden_events/oauth.rs"]
mod oauth;

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-03-01T{time}Z").parse().unwrap()
}

fn tenant() -> TenantId {
    "3714240b-2e06-4c35-8856-ccc1c096323e".parse().unwrap()
}

fn scopes(scopes: &[&str]) -> ScopeSet {
    scopes.iter().map(|scope| scope.parse().unwrap()).collect()
}

fn brands() -> Restrictions {
    [("brand".to_owned(), ["acme".to_owned(), "apex".to_owned()].into())].into()
}

/// One of each, with every field filled in. The match makes a new event fail to compile here.
fn key_events() -> Vec<KeyEvent> {
    let samples = vec![
        KeyEvent::KeyIssued(KeyIssued {
            tenant_id: tenant(),
            dialect: "nexus".into(),
            name: "Production Backend".into(),
            key_type: KeyType::Publishable,
            environment: "live".into(),
            scopes: scopes(&["read:users", "read:payments"]),
            ip_allowlist: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            restrictions: brands(),
            expires_at: Some(at("12:00:00")),
            client_id: Some("npc_0001".into()),
            integration_id: None,
            hint: "nx_live_pk_a".into(),
            digest: Digest::from_bytes([7; 32]),
            issued_at: at("11:00:00.123456"),
        }),
        KeyEvent::KeyChanged(KeyChanged {
            tenant_id: tenant(),
            changes: vec![
                Change::Name("Batch".into()),
                Change::Scopes(scopes(&["read:users"])),
                Change::IpAllowlist(vec!["192.0.2.7/32".parse().unwrap()]),
                Change::Restrictions(brands()),
                Change::ExpiresAt(None),
            ],
            changed_at: at("11:10:00"),
        }),
        KeyEvent::KeyRotated(KeyRotated {
            tenant_id: tenant(),
            version: 2,
            hint: "nx_live_pk_b".into(),
            digest: Digest::from_bytes([8; 32]),
            previous_valid_until: at("12:00:00"),
            rotated_at: at("11:20:00"),
        }),
        KeyEvent::KeyRevoked(KeyRevoked {
            tenant_id: tenant(),
            reason: RevocationReason::CessationOfOperation,
            note: Some("the shop closed".into()),
            revoked_at: at("11:30:00"),
        }),
        KeyEvent::KeyExpired(KeyExpired { tenant_id: tenant(), expired_at: at("12:00:00") }),
    ];
    for sample in &samples {
        match sample {
            KeyEvent::KeyIssued(_)
            | KeyEvent::KeyChanged(_)
            | KeyEvent::KeyRotated(_)
            | KeyEvent::KeyRevoked(_)
            | KeyEvent::KeyExpired(_) => {}
        }
    }
    samples
}

fn tenant_events() -> Vec<TenantEvent> {
    let samples = vec![
        TenantEvent::TenantCreated(TenantCreated {
            name: "Acme".into(),
            dialect: "nexus".into(),
            created_at: at("10:00:00"),
        }),
        TenantEvent::TenantRenamed(TenantRenamed { name: "Acme Ltd".into(), renamed_at: at("10:10:00") }),
        TenantEvent::TenantSuspended(TenantSuspended {
            note: Some("unpaid".into()),
            suspended_at: at("10:20:00"),
        }),
        TenantEvent::TenantResumed(TenantResumed { resumed_at: at("10:30:00") }),
    ];
    for sample in &samples {
        match sample {
            TenantEvent::TenantCreated(_)
            | TenantEvent::TenantRenamed(_)
            | TenantEvent::TenantSuspended(_)
            | TenantEvent::TenantResumed(_) => {}
        }
    }
    samples
}

fn member_events() -> Vec<MemberEvent> {
    let samples = vec![
        MemberEvent::MemberAdded(MemberAdded {
            tenant_id: tenant(),
            email: "encrypted".into(),
            role: Role::Developer,
            added_at: at("10:00:00"),
        }),
        MemberEvent::PasswordSet(PasswordSet {
            tenant_id: tenant(),
            password_id: PasswordId::new(Uuid::from_u128(9)),
            set_at: at("10:10:00"),
        }),
        MemberEvent::MemberRemoved(MemberRemoved { tenant_id: tenant(), removed_at: at("10:20:00") }),
        MemberEvent::MemberErased(MemberErased { tenant_id: tenant(), erased_at: at("10:30:00") }),
    ];
    for sample in &samples {
        match sample {
            MemberEvent::MemberAdded(_)
            | MemberEvent::PasswordSet(_)
            | MemberEvent::MemberRemoved(_)
            | MemberEvent::MemberErased(_) => {}
        }
    }
    samples
}

fn session_events() -> Vec<SessionEvent> {
    let member_id = MemberId::new(Uuid::from_u128(8));
    let samples = vec![
        SessionEvent::SignedIn(SignedIn {
            tenant_id: tenant(),
            member_id,
            epoch: 1,
            method: SignInMethod::Password,
            digest: Digest::from_bytes([9; 32]),
            ends_at: at("22:00:00"),
            signed_in_at: at("10:00:00"),
        }),
        SessionEvent::SignInFailed(SignInFailed {
            tenant_id: tenant(),
            member_id: Some(member_id),
            reason: SignInFailure::WrongPassword,
            unrecorded: 4,
            failed_at: at("10:10:00"),
        }),
        SessionEvent::SessionEnded(SessionEnded {
            tenant_id: tenant(),
            member_id,
            reason: EndReason::SignedOut,
            ended_at: at("10:20:00"),
        }),
    ];
    for sample in &samples {
        match sample {
            SessionEvent::SignedIn(_) | SessionEvent::SignInFailed(_) | SessionEvent::SessionEnded(_) => {}
        }
    }
    samples
}

fn usage_events() -> Vec<UsageEvent> {
    let whole = UsedRequest {
        at: at("11:00:00.5"),
        code: Code::Valid,
        version: Some(2),
        method: Some("GET".into()),
        path: Some("/v1/users".into()),
        ip: Some("encrypted".into()),
        request_id: Some("req-1".into()),
        client_version: Some("1.4.0".into()),
    };
    let bare = UsedRequest {
        at: at("11:00:00.9"),
        code: Code::Revoked,
        version: None,
        method: None,
        path: None,
        ip: None,
        request_id: None,
        client_version: None,
    };
    let samples = vec![
        UsageEvent::KeyUsed(KeyUsed {
            tenant_id: tenant(),
            key_id: KeyId::new(Uuid::from_u128(7)),
            node: "eu-1".into(),
            from: at("11:00:00"),
            to: at("11:00:01"),
            counts: Code::ALL.into_iter().zip(1..).collect::<Counts>(),
            last_accepted: [(1, at("11:00:00")), (2, at("11:00:01"))].into(),
            requests: [
                whole.clone(),
                UsedRequest { at: at("11:00:00.7"), request_id: None, ..whole },
                bare.clone(),
            ]
            .into_iter()
            .collect(),
        }),
        UsageEvent::UnattributedRefusals(UnattributedRefusals {
            node: "eu-1".into(),
            from: at("11:00:00"),
            to: at("11:00:01"),
            counts: [(Code::Malformed, 3), (Code::Unknown, 2)].into(),
            requests: [UsedRequest { code: Code::Unknown, ..bare }].into_iter().collect(),
        }),
    ];
    for sample in &samples {
        match sample {
            UsageEvent::KeyUsed(_) | UsageEvent::UnattributedRefusals(_) => {}
        }
    }
    samples
}

fn agent_events() -> Vec<AgentEvent> {
    let samples = vec![
        AgentEvent::AgentCreated(AgentCreated {
            tenant_id: tenant(),
            dialect: "nexusgpt".into(),
            name: "Support".into(),
            created_at: at("10:00:00"),
        }),
        AgentEvent::AgentRenamed(AgentRenamed { name: "Helpdesk".into(), renamed_at: at("10:10:00") }),
        AgentEvent::AgentRestricted(AgentRestricted { restricted_at: at("10:20:00") }),
        AgentEvent::AgentReleased(AgentReleased { released_at: at("10:30:00") }),
    ];
    for sample in &samples {
        match sample {
            AgentEvent::AgentCreated(_)
            | AgentEvent::AgentRenamed(_)
            | AgentEvent::AgentRestricted(_)
            | AgentEvent::AgentReleased(_) => {}
        }
    }
    samples
}

fn signing_key_events() -> Vec<SigningKeyEvent> {
    let kid = SigningKeyId::new(Uuid::from_u128(9));
    let samples = vec![
        SigningKeyEvent::SigningKeyIntroduced(SigningKeyIntroduced {
            kid,
            algorithm: Algorithm::Es256,
            issuer: "https://nexus.example.com".into(),
            jwk: PublicJwk::Elliptic {
                crv: Curve::P256,
                x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
                y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into(),
            },
            signs_from: at("12:00:00"),
            introduced_at: at("11:00:00"),
        }),
        SigningKeyEvent::SigningKeyRetired(SigningKeyRetired { kid, retired_at: at("12:00:00") }),
    ];
    for sample in &samples {
        match sample {
            SigningKeyEvent::SigningKeyIntroduced(_) | SigningKeyEvent::SigningKeyRetired(_) => {}
        }
    }
    samples
}

fn integration_events() -> Vec<IntegrationEvent> {
    let agent = |number| AgentId::new(Uuid::from_u128(number));
    let samples = vec![
        IntegrationEvent::IntegrationCreated(IntegrationCreated {
            tenant_id: tenant(),
            dialect: "nexusgpt".into(),
            name: "Website".into(),
            integration_type: IntegrationType::Api,
            agent_id: Some(agent(7)),
            created_at: at("10:00:00"),
        }),
        IntegrationEvent::IntegrationRenamed(IntegrationRenamed {
            name: "Shop".into(),
            renamed_at: at("10:10:00"),
        }),
        IntegrationEvent::IntegrationConnected(IntegrationConnected {
            agent_id: agent(8),
            connected_at: at("10:20:00"),
        }),
        IntegrationEvent::IntegrationDisabled(IntegrationDisabled { disabled_at: at("10:30:00") }),
        IntegrationEvent::IntegrationEnabled(IntegrationEnabled { enabled_at: at("10:40:00") }),
    ];
    for sample in &samples {
        match sample {
            IntegrationEvent::IntegrationCreated(_)
            | IntegrationEvent::IntegrationRenamed(_)
            | IntegrationEvent::IntegrationConnected(_)
            | IntegrationEvent::IntegrationDisabled(_)
            | IntegrationEvent::IntegrationEnabled(_) => {}
        }
    }
    samples
}

fn jwt_secret_events() -> Vec<JwtSecretEvent> {
    let samples = vec![
        JwtSecretEvent::JwtSecretIssued(JwtSecretIssued {
            tenant_id: tenant(),
            dialect: "nexus".into(),
            name: "Payments".into(),
            environment: "live".into(),
            scopes: scopes(&["read:payments", "write:payments"]),
            sealed_id: Uuid::from_u128(8),
            issued_at: at("11:00:00"),
        }),
        JwtSecretEvent::JwtSecretRotated(JwtSecretRotated {
            tenant_id: tenant(),
            version: 2,
            sealed_id: Uuid::from_u128(9),
            previous_valid_until: at("12:00:00"),
            rotated_at: at("11:20:00"),
        }),
        JwtSecretEvent::JwtSecretRevoked(JwtSecretRevoked {
            tenant_id: tenant(),
            reason: RevocationReason::Compromised,
            note: Some("found in a repository".into()),
            revoked_at: at("11:30:00"),
        }),
    ];
    for sample in &samples {
        match sample {
            JwtSecretEvent::JwtSecretIssued(_)
            | JwtSecretEvent::JwtSecretRotated(_)
            | JwtSecretEvent::JwtSecretRevoked(_) => {}
        }
    }
    samples
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/events")
}

fn file_of(event: &impl DomainEvent) -> String {
    let version = event.event_version();
    let major = version.strip_suffix(".0").unwrap();
    format!("{}.v{major}.json", event.event_type())
}

/// Compares each event with its sample in both directions, and returns the samples' file names.
fn check<E: DomainEvent>(events: &[E]) -> BTreeSet<String> {
    let write_new = std::env::var_os("NEXUS_NEW_SAMPLES").is_some();
    let check_one = |event: &E| {
        let file = file_of(event);
        let path = folder().join(&file);
        let written = format!("{}\n", serde_json::to_string_pretty(event).unwrap());
        if write_new && !path.exists() {
            std::fs::write(&path, &written).unwrap();
        }
        let sample =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(
            written, sample,
            "{file}: a stored event never changes; give it a new version and an upcaster"
        );
        assert_eq!(&serde_json::from_str::<E>(&sample).unwrap(), event, "{file}");
        // The tag in the payload is the event's type, which the log stores beside it.
        let tagged: serde_json::Value = serde_json::from_str(&sample).unwrap();
        assert_eq!(tagged.as_object().unwrap().keys().collect::<Vec<_>>(), [&event.event_type()]);
        file
    };
    events.iter().map(check_one).collect()
}

#[test]
fn every_event_is_written_and_read_as_its_committed_sample() {
    let mut files = check(&key_events());
    files.extend(check(&tenant_events()));
    files.extend(check(&agent_events()));
    files.extend(check(&integration_events()));
    files.extend(check(&usage_events()));
    files.extend(oauth::check_all());
    files.extend(check(&member_events()));
    files.extend(check(&session_events()));
    files.extend(check(&signing_key_events()));
    files.extend(check(&jwt_secret_events()));
    assert_eq!(files.len(), 43, "an event has two samples, or two events have one");
    let committed: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(committed, files, "samples that belong to no event, or events without a sample");
}

#[test]
fn every_value_of_a_kind_has_the_name_it_was_stored_under() {
    let reasons = [
        (RevocationReason::Compromised, "compromised"),
        (RevocationReason::Superseded, "superseded"),
        (RevocationReason::Unused, "unused"),
        (RevocationReason::CessationOfOperation, "cessation_of_operation"),
        (RevocationReason::PrivilegeWithdrawn, "privilege_withdrawn"),
        (RevocationReason::Unspecified, "unspecified"),
    ];
    for (reason, name) in reasons {
        assert_eq!(serde_json::to_value(reason).unwrap(), name);
        assert_eq!(serde_json::from_value::<RevocationReason>(name.into()).unwrap(), reason);
    }
    for (role, name) in Role::ALL.into_iter().zip(["owner", "admin", "developer", "auditor"]) {
        assert_eq!(serde_json::to_value(role).unwrap(), name);
    }
    let failures =
        [(SignInFailure::UnknownEmail, "unknown_email"), (SignInFailure::WrongPassword, "wrong_password")];
    for (failure, name) in failures {
        assert_eq!(serde_json::to_value(failure).unwrap(), name);
        assert_eq!(failure.as_str(), name);
    }
    let ends = [
        (EndReason::SignedOut, "signed_out"),
        (EndReason::Replaced, "replaced"),
        (EndReason::Revoked, "revoked"),
    ];
    for (end, name) in ends {
        assert_eq!(serde_json::to_value(end).unwrap(), name);
    }
    assert_eq!(serde_json::to_value(SignInMethod::Password).unwrap(), SignInMethod::Password.as_str());
    assert_eq!(serde_json::to_value(IntegrationType::Api).unwrap(), "api");
    for (key_type, name) in [(KeyType::Secret, "secret"), (KeyType::Publishable, "publishable")] {
        assert_eq!(serde_json::to_value(key_type).unwrap(), name);
    }
}

#[test]
fn an_absent_option_comes_back_absent() {
    for event in key_events() {
        let bare = match event {
            KeyEvent::KeyIssued(e) => KeyEvent::KeyIssued(KeyIssued {
                expires_at: None,
                client_id: None,
                scopes: ScopeSet::new(),
                ip_allowlist: Vec::new(),
                restrictions: Restrictions::new(),
                ..e
            }),
            KeyEvent::KeyRevoked(e) => KeyEvent::KeyRevoked(KeyRevoked { note: None, ..e }),
            KeyEvent::KeyChanged(_) | KeyEvent::KeyRotated(_) | KeyEvent::KeyExpired(_) => event,
        };
        let text = serde_json::to_string(&bare).unwrap();
        assert_eq!(serde_json::from_str::<KeyEvent>(&text).unwrap(), bare);
    }
}

/// Beside the sample, which programs wrote that knew of no integrations, and which is read and written as it was.
#[test]
fn a_key_of_an_integration_says_so_and_another_one_says_nothing() {
    let integration = IntegrationId::new(Uuid::from_u128(3));
    let Some(KeyEvent::KeyIssued(free)) = key_events().into_iter().next() else { panic!("the first sample") };
    let bound = KeyEvent::KeyIssued(KeyIssued { integration_id: Some(integration), ..free.clone() });
    let written = serde_json::to_value(&bound).unwrap();
    assert_eq!(written["KeyIssued"]["integration_id"], "int_00000000000000000000000000000003");
    assert_eq!(serde_json::from_value::<KeyEvent>(written).unwrap(), bound);
    assert!(!serde_json::to_string(&KeyEvent::KeyIssued(free)).unwrap().contains("integration"));
}

#[test]
fn a_damaged_event_is_an_error_and_not_a_guess() {
    let text = serde_json::to_string(&key_events()[0]).unwrap();
    for (from, to) in [
        ("KeyIssued", "KeyBorn"),
        ("publishable", "private"),
        ("3714240b-", "3714240B-"),
        ("192.0.2.0/24", "192.0.2.0/33"),
        ("read:users", "read users"),
        ("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "BwcH"),
        ("\"tenant_id\"", "\"tenant\""),
    ] {
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text, "{from}");
        assert!(serde_json::from_str::<KeyEvent>(&damaged).is_err(), "{to}");
    }
}

/// The life of a key with two secrets, carried out; the secrets, the events and the state.
fn whole_life() -> (Vec<Secret>, Vec<KeyEvent>, Key) {
    let nexus = Arc::new(Dialect::parse("nexus.toml", include_str!("../../dialects/nexus.toml")).unwrap());
    let secrets: Vec<Secret> = [3, 4].map(|byte| Secret::mint("nx_live_", &[byte; RANDOM_BYTES])).into();
    let now = at("11:00:00");
    let issue = IssueKey {
        tenant_id: tenant(),
        tenant_suspended: false,
        dialect: Arc::clone(&nexus),
        name: "Production Backend".into(),
        key_type: KeyType::Secret,
        environment: "live".into(),
        scopes: scopes(&["read:users"]),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        lifespan: Lifespan::For(TimeDelta::days(1)),
        client_id: None,
        integration: None,
        hint: secrets[0].hint(nexus.hint_length),
        digest: secrets[0].digest(),
        now,
    };
    let rotate = RotateKey {
        tenant_id: tenant(),
        tenant_suspended: false,
        dialect: Arc::clone(&nexus),
        grace: None,
        hint: secrets[1].hint(nexus.hint_length),
        digest: secrets[1].digest(),
        now,
    };
    let change = ChangeKey {
        tenant_id: tenant(),
        dialect: nexus,
        name: Some("Batch".into()),
        scopes: None,
        ip_allowlist: None,
        restrictions: None,
        lifespan: None,
        now,
    };
    let revoke = RevokeKey {
        tenant_id: tenant(),
        reason: RevocationReason::Compromised,
        note: None,
        now: at("12:00:00"),
    };
    let commands = [
        KeyCommand::Issue(Box::new(issue)),
        KeyCommand::Rotate(rotate),
        KeyCommand::Change(change),
        KeyCommand::Expire(ExpireKey { now: now + TimeDelta::days(2) }),
        KeyCommand::Revoke(revoke),
    ];
    let mut key = Key::default();
    let mut events = Vec::new();
    for command in commands {
        let event = key.decide(command).unwrap().unwrap();
        key.apply(event.clone());
        events.push(event);
    }
    (secrets, events, key)
}

#[test]
fn nothing_that_is_stored_or_sent_holds_a_secret() {
    let (secrets, events, key) = whole_life();
    let entry = KeyEntry::of(KeyId::new(Uuid::from_u128(7)), key.state().unwrap());
    let mut texts: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    texts.extend([serde_json::to_string(&key).unwrap(), serde_json::to_string(&entry).unwrap()]);
    texts.extend([format!("{events:?}"), format!("{key:?}"), format!("{entry:?}"), format!("{secrets:?}")]);
    let state = key.state().unwrap();
    assert_eq!(state.versions.len(), 2);
    for (secret, version) in secrets.iter().zip(&state.versions) {
        // Beyond the hint, not even a run of as many characters as the checksum has.
        let hidden = &secret.expose().as_bytes()[version.hint.len()..];
        for run in hidden.windows(CHECKSUM_DIGITS) {
            let run = std::str::from_utf8(run).unwrap();
            assert!(texts.iter().all(|text| !text.contains(run)), "{run} of a secret came through");
        }
    }
}
