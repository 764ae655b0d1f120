//! A validating node in the process, with one key of each dialect, to be asked whatever a fuzzer thinks of.

use std::sync::Arc;

use actix_http::Request;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::dev::{AppConfig, Service as _, ServiceFactory as _};
use actix_web::rt::Runtime;
use chrono::DateTime;
use metrics_exporter_prometheus::PrometheusBuilder;
use nexus_api::app::validating_service;
use nexus_api::verification::Verifier;
use nexus_api::verification::hot::HotDurations;
use nexus_domain::credential::{Digest, RANDOM_BYTES, Secret};
use nexus_domain::dialect::{KeyType, built_in};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::{Entry, KeyEntry, SecretEntry, TenantEntry};
use nexus_domain::verification::SecretStatus;
use nexus_infrastructure::clock::ManualClock;
use nexus_infrastructure::config::UsageDetail;
use nexus_infrastructure::entropy::SeededEntropy;
use nexus_validator::Validator;
use nexus_validator::lease::{LENGTH, Lease};
use nexus_validator::usage_journal::{UsageJournal, UsageJournalOptions};
use uuid::Uuid;

/// The address of a proxy that is believed.
pub const TRUSTED: [u8; 4] = [10, 0, 0, 1];

/// A node that may answer.
pub struct Node {
    ask: Box<dyn Fn(Request) -> (u16, bool)>,
    secrets: Vec<String>,
    _data: tempfile::TempDir,
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// One with a key for each prefix, all of the same random bytes.
    ///
    /// # Panics
    /// Where the machine gives it no folder.
    #[must_use]
    pub fn new() -> Self {
        let dialects = Arc::new(built_in());
        let validator = Arc::new(Validator::new(Arc::clone(&dialects)));
        let mut secrets = Vec::new();
        for dialect in dialects.iter() {
            for environment in &dialect.environments {
                let Some(prefix) = dialect.prefix_for(KeyType::Secret, environment) else { continue };
                let number = u64::try_from(secrets.len()).expect("a small number") + 1;
                let tenant_id = TenantId::new(Uuid::from_u128(u128::from(number)));
                let tenant =
                    TenantEntry { tenant_id, dialect: dialect.name.as_str().into(), suspended: false };
                let secret = Secret::mint(&prefix.text, &[7; RANDOM_BYTES]).expose().to_owned();
                let key = key(tenant_id, &secret, &environment.name);
                validator.apply([Entry::Tenant(tenant), Entry::Key(Box::new(key))], number);
                secrets.push(secret);
            }
        }
        let data = tempfile::tempdir().expect("a folder");
        Self { ask: service(verifier(validator, data.path())), secrets, _data: data }
    }

    /// The secrets that it knows, all of them live.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// The status of an answer, and whether it has a body.
    #[must_use]
    pub fn ask(&self, request: Request) -> (u16, bool) {
        (self.ask)(request)
    }
}

fn verifier(validator: Arc<Validator>, data: &std::path::Path) -> Verifier {
    let lease = Arc::new(Lease::new());
    lease.extend(LENGTH);
    let usage = UsageJournal::open(data, &UsageJournalOptions::new(Uuid::nil())).expect("a journal").0;
    Verifier {
        validator,
        lease,
        read_through: None,
        budgets: Arc::default(),
        clock: Arc::new(ManualClock::new(DateTime::from_timestamp_nanos(1_750_000_000_000_000_000))),
        entropy: Arc::new(SeededEntropy::new(1)),
        usage,
        usage_detail: UsageDetail::Counts,
        trusted_proxies: ["10.0.0.0/8".parse().expect("a network")].into(),
        https_only: false,
        hot_durations: HotDurations::installed(),
    }
}

fn service(verifier: Verifier) -> Box<dyn Fn(Request) -> (u16, bool)> {
    let runtime = Runtime::new().expect("a runtime");
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let factory = validating_service(&Arc::new(verifier), &metrics);
    let service = runtime.block_on(factory.new_service(AppConfig::default())).expect("a service");
    Box::new(move |request| {
        let response = runtime.block_on(service.call(request)).expect("an answer");
        let has_body = !matches!(response.body().size(), BodySize::None | BodySize::Sized(0));
        (response.status().as_u16(), has_body)
    })
}

fn key(tenant_id: TenantId, secret: &str, environment: &str) -> KeyEntry {
    let secret = SecretEntry {
        digest: Digest::of(secret),
        version: 1,
        status: SecretStatus::Current,
        not_after: i64::MAX,
    };
    KeyEntry {
        key_id: KeyId::new(tenant_id.uuid()),
        tenant_id,
        name: "fuzzed".to_owned(),
        key_type: KeyType::Secret,
        environment: environment.into(),
        scopes: ["verify".parse().expect("a scope")].into(),
        ip_allowlist: Vec::new(),
        restrictions: Default::default(),
        client_id: None,
        integration_id: None,
        secrets: vec![secret],
    }
}
