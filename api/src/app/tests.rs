//! A validating node: what it serves without a store, and that it answers as long as its lease holds and no longer.

use std::time::Duration;

use actix_web::dev::{AppConfig, Service as _, ServiceFactory as _};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use chrono::DateTime;
use metrics_exporter_prometheus::PrometheusBuilder;
use nexus_domain::credential::{Digest, RANDOM_BYTES, Secret};
use nexus_domain::dialect::{Dialect, Dialects, KeyType};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::validity::{Entry, KeyEntry, SecretEntry, TenantEntry};
use nexus_domain::verification::SecretStatus;
use nexus_infrastructure::clock::ManualClock;
use nexus_infrastructure::config::UsageDetail;
use nexus_infrastructure::dialects;
use nexus_infrastructure::entropy::SeededEntropy;
use nexus_validator::Validator;
use nexus_validator::lease::{self, Lease};
use nexus_validator::usage_journal::{UsageJournal, UsageJournalOptions};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::problem;
use crate::verification::hot::HotDurations;

struct ValidatingNode {
    verifier: Arc<Verifier>,
    clock: Arc<ManualClock>,
    metrics: PrometheusHandle,
    _data: tempfile::TempDir,
}

/// An answer: status, `Content-Type` and body.
type Answer = (u16, String, Value);

impl ValidatingNode {
    fn new() -> Self {
        Self::of(dialects::load(None).unwrap())
    }

    fn of(dialects: Dialects) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp_nanos(1_750_000_000_000_000_000)));
        let options = UsageJournalOptions::new(Uuid::nil());
        let verifier = Verifier {
            validator: Arc::new(Validator::new(Arc::new(dialects))),
            lease: Arc::new(Lease::new()),
            read_through: None,
            budgets: Arc::default(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            usage: UsageJournal::open(data.path(), &options).unwrap().0,
            usage_detail: UsageDetail::Requests,
            trusted_proxies: Box::default(),
            https_only: false,
            hot_durations: HotDurations::installed(),
        };
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        Self { verifier: Arc::new(verifier), clock, metrics, _data: data }
    }

    /// Serves a key, and tells its secret.
    fn serve(&self, dialect: &str, prefix: &str, environment: &str, scope: &str) -> String {
        let secret = Secret::mint(prefix, &[7; RANDOM_BYTES]).expose().to_owned();
        let number = self.verifier.validator.applied() + 1;
        let tenant_id = TenantId::new(Uuid::from_u128(number.into()));
        let entry = SecretEntry {
            digest: Digest::of(&secret),
            version: 1,
            status: SecretStatus::Current,
            not_after: i64::MAX,
        };
        let key = KeyEntry {
            key_id: KeyId::new(Uuid::from_u128(number.into())),
            tenant_id,
            name: "served".to_owned(),
            key_type: KeyType::Secret,
            environment: environment.into(),
            scopes: [scope.parse().unwrap()].into(),
            ip_allowlist: Vec::new(),
            restrictions: Default::default(),
            client_id: None,
            integration_id: None,
            secrets: vec![entry],
        };
        let tenant = TenantEntry { tenant_id, dialect: dialect.into(), suspended: false };
        self.verifier.validator.apply([Entry::Tenant(tenant), Entry::Key(Box::new(key))], number);
        secret
    }

    fn renew(&self) {
        self.verifier.lease.extend(self.verifier.clock.monotonic() + lease::LENGTH);
    }

    fn answer(&self, request: TestRequest) -> Answer {
        let request = request.peer_addr("192.0.2.1:1".parse().unwrap()).to_request();
        actix_web::rt::System::new().block_on(async {
            let service = validating_service(&self.verifier, &self.metrics);
            let service = service.new_service(AppConfig::default()).await.unwrap();
            let response = service.call(request).await.unwrap();
            assert!(response.headers().contains_key("x-request-id"));
            let status = response.status().as_u16();
            let content_type = response.headers().get("content-type");
            let content_type = content_type.map(|value| value.to_str().unwrap().to_owned());
            let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
            (status, content_type.unwrap_or_default(), serde_json::from_slice(&body).unwrap_or_default())
        })
    }

    fn get(&self, path: &str) -> Answer {
        self.answer(TestRequest::get().uri(path))
    }

    fn forward(&self, secret: &str) -> Answer {
        let request = TestRequest::get().uri("/v1/forward-auth/nexus");
        self.answer(request.insert_header(("authorization", format!("Bearer {secret}"))))
    }

    fn verify(&self, management: &str, secret: &str) -> Answer {
        let request = TestRequest::post().uri("/v1/verify").set_json(json!({"credential": secret}));
        self.answer(request.insert_header(("authorization", format!("Bearer {management}"))))
    }
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.0, answer.1.as_str()), (status, "application/problem+json"), "{answer:?}");
    assert_eq!(answer.2["code"], code);
}

#[test]
fn a_validating_node_decides_while_its_lease_holds_and_says_so() {
    let node = ValidatingNode::new();
    let management = node.serve("management", "nxm_", "live", "verify");
    let secret = node.serve("nexus", "nx_live_", "live", "read:users");
    let silent = |node: &ValidatingNode| {
        assert_problem(&node.get("/readyz"), 503, "unavailable");
        assert_problem(&node.verify(&management, &secret), 503, "unavailable");
        let (status, _, body) = node.forward(&secret);
        assert_eq!((status, &body["error"]["code"]), (503, &json!("unavailable")), "in the dialect's form");
        assert_eq!(node.get("/healthz").0, 200, "it lives");
    };
    silent(&node);

    node.renew();
    node.clock.advance(lease::LENGTH - Duration::from_nanos(1));
    let (status, _, ready) = node.get("/readyz");
    assert_eq!((status, &ready["applied"], &ready["credentials"]), (200, &json!(2), &json!(2)));
    let (status, _, verdict) = node.verify(&management, &secret);
    assert_eq!((status, &verdict["code"]), (200, &json!("VALID")), "{verdict}");
    assert_eq!(node.forward(&secret).0, 200);
    assert_eq!(node.forward("nx_live_unknown").0, 401);

    node.clock.advance(Duration::from_nanos(1));
    silent(&node);
    node.renew();
    assert_eq!(node.forward(&secret).0, 200);
}

#[test]
fn a_validating_node_without_the_right_to_answer_says_so_and_speaks_of_no_store() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let node = ValidatingNode { metrics: recorder.handle(), ..ValidatingNode::new() };
    let management = node.serve("management", "nxm_", "live", "verify");
    for answer in [node.get("/readyz"), node.verify(&management, &management)] {
        assert_eq!(answer.2["title"], problem::UNAVAILABLE.title);
        let said = format!("{} {}", answer.2["title"], answer.2["detail"]);
        assert!(!said.contains("store") && !said.contains("table"), "{said}");
    }
    let (_, _, ready) = node.get("/readyz");
    assert!(ready["detail"].as_str().unwrap().contains("no API node of `control.urls`"), "{ready}");

    metrics::with_local_recorder(&recorder, || {
        node.get("/metrics");
        assert!(node.metrics.render().contains("\nnexus_node_lease_held 0\n"), "{}", node.metrics.render());
        node.renew();
        node.get("/metrics");
        assert!(node.metrics.render().contains("\nnexus_node_lease_held 1\n"), "{}", node.metrics.render());
    });
}

#[test]
fn a_request_that_began_while_the_lease_held_is_decided_by_that_lease() {
    let text = include_str!("../../../dialects/nexus.toml");
    let limited = format!("{text}\n[[rate_limits]]\nper = \"tenant\"\nlimit = 600\nwindow = \"60s\"\n");
    let limited = Dialect::parse("nexus.toml", &limited).unwrap();
    let node = ValidatingNode::of(Dialects::new([limited]).unwrap());
    let nobodys = Secret::mint("nx_live_", &[7; RANDOM_BYTES]);
    let request = || {
        let request = TestRequest::get().uri("/v1/forward-auth/nexus");
        request.insert_header(("authorization", format!("Bearer {}", nobodys.expose()))).to_request()
    };
    actix_web::rt::System::new().block_on(async {
        let service = validating_service(&node.verifier, &node.metrics);
        let service = service.new_service(AppConfig::default()).await.unwrap();
        node.renew();
        let answering = service.call(request());
        node.verifier.lease.end();
        assert_eq!(answering.await.unwrap().status().as_u16(), 401, "not `UNAVAILABLE`");
        node.renew();
        let answering = service.call(request());
        node.clock.advance(lease::LENGTH);
        assert_eq!(answering.await.unwrap().status().as_u16(), 401);
        assert_eq!(service.call(request()).await.unwrap().status().as_u16(), 503);
    });
}

#[test]
fn a_validating_node_has_nothing_that_needs_the_store() {
    let node = ValidatingNode::new();
    for path in ["/metrics", "/problems", "/problems/unavailable"] {
        assert_eq!(node.get(path).0, 200, "{path}");
    }
    for path in ["/", "/v1/tenants", "/v1/audit", "/v1/events", "/docs", "/v1/forward-auth/none"] {
        assert_problem(&node.get(path), 404, "not_found");
    }
    for (method, path) in [(Method::GET, "/v1/verify"), (Method::POST, "/readyz"), (Method::PUT, "/metrics")]
    {
        let request = TestRequest::default().method(method).uri(path);
        assert_problem(&node.answer(request), 405, "method_not_allowed");
    }
    assert_problem(&node.verify("nxm_nobody", "nx_live_unknown"), 503, "unavailable");
    node.renew();
    assert_problem(&node.verify("nxm_nobody", "nx_live_unknown"), 401, "unauthorized");
}
