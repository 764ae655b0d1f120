//! Accepting a credential, and recording that, allocates nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use nexus_domain::credential::{Digest, RANDOM_BYTES, Secret};
use nexus_domain::dialect::{Dialect, Dialects, KeyType};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::usage::UsageEvent;
use nexus_domain::validity::{Entry, KeyEntry, SecretEntry, TenantEntry};
use nexus_domain::verification::{Question, SecretStatus};
use nexus_validator::Validator;
use nexus_validator::lease::{LENGTH, Lease};
use nexus_validator::usage_journal::{UsageJournal, UsageJournalOptions, UsageRecord};
use uuid::Uuid;

const NOW: i64 = 1_750_000_000_000_000;

fn serving(dialect: &str, secret: &str, client_id: Option<&str>, scopes: &[&str]) -> [Entry; 2] {
    let tenant_id = TenantId::new(Uuid::from_u128(u128::try_from(dialect.len()).unwrap()));
    let secret = SecretEntry {
        digest: Digest::of(secret),
        version: 1,
        status: SecretStatus::Current,
        not_after: NOW + 1,
    };
    let key = KeyEntry {
        key_id: KeyId::new(Uuid::from_u128(7)),
        tenant_id,
        name: "backend".into(),
        key_type: KeyType::Secret,
        environment: "live".into(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        ip_allowlist: vec!["10.0.0.0/8".parse().unwrap()],
        restrictions: Default::default(),
        client_id: client_id.map(Into::into),
        integration_id: None,
        secrets: vec![secret],
    };
    let tenant = TenantEntry { tenant_id, dialect: dialect.into(), suspended: false };
    [Entry::Tenant(tenant), Entry::Key(Box::new(key))]
}

#[test]
fn accepting_allocates_nothing() {
    let files = [include_str!("../../dialects/nexus.toml"), include_str!("../../dialects/nexpay.toml")];
    let parsed = files.iter().map(|text| Dialect::parse("test.toml", text).unwrap());
    let validator = Validator::new(Arc::new(Dialects::new(parsed).unwrap()));
    let nexus = Secret::mint("nx_live_", &[1; RANDOM_BYTES]).expose().to_owned();
    let nexpay = Secret::mint("npy_live_", &[1; RANDOM_BYTES]).expose().to_owned();
    validator.apply(serving("nexus", &nexus, None, &["read:users", "write:users"]), 2);
    validator.apply(serving("nexpay", &nexpay, Some("npc_1"), &[]), 4);
    let dir = tempfile::tempdir().unwrap();
    let (journal, mut segments) =
        UsageJournal::open(dir.path(), &UsageJournalOptions::new(Uuid::nil())).unwrap();

    let required = ["read:users".to_owned()];
    let ip = "10.1.2.3".parse::<IpAddr>().unwrap();
    let question = Question {
        method: Some("POST"),
        ip: Some(ip),
        environment: Some("production"),
        ..Question::default()
    };
    let scoped = Question { required_scopes: &required, ..question };
    let bearer = format!("Bearer {nexus}");
    let basic = format!("npc_1:{nexpay}");
    let headers = [("host", "example.test"), ("authorization", bearer.as_str()), ("accept", "*/*")];
    // With a lease, as a node asks.
    let lease = Lease::new();
    lease.extend(LENGTH);
    let round = || {
        let sight = lease.holds(Duration::ZERO).unwrap().into();
        let by_prefix = validator.verify_credential(&sight, None, &nexus, &scoped, NOW).unwrap();
        let by_client = validator.verify_credential(&sight, Some("nexpay"), &basic, &question, NOW).unwrap();
        let nexus_dialect = validator.dialect("nexus").unwrap();
        let by_headers = validator.verify_headers(&sight, nexus_dialect, headers.into_iter(), &scoped, NOW);
        for decision in [by_prefix, by_client, by_headers] {
            assert!(decision.outcome.is_ok(), "{:?}", decision.outcome);
            assert_eq!(decision.subject.as_ref().unwrap().name(), "backend");
            journal.record(&UsageRecord {
                at: NOW,
                key: decision.subject.as_ref().map(nexus_validator::Subject::used),
                code: decision.code(),
                method: question.method,
                path: Some("/v1/users?token=x"),
                ip: question.ip,
                request_id: Some("r-1"),
                client_version: None,
            });
        }
    };
    // The first rounds set up what a thread keeps, and let the buffers reach their size, which they
    // keep when they are emptied. Without a writer, nothing happens beside what is measured.
    journal.close();
    for _ in 0..300 {
        round();
    }
    let batch = segments.next_up_to(u64::MAX).unwrap().unwrap();
    let decided = |event: &UsageEvent| match event {
        UsageEvent::KeyUsed(used) => used.counts.values().sum::<u64>(),
        UsageEvent::UnattributedRefusals(refused) => refused.counts.values().sum(),
    };
    assert_eq!(batch.events(|_, _| None).map(|(_, event)| decided(&event)).sum::<u64>(), 900);
    let allocated = allocation_counter::measure(|| {
        for _ in 0..100 {
            round();
        }
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}
