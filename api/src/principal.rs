//! Who calls: the management credential of a request, and the call it makes.

use std::collections::BTreeSet;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use nexus_domain::verification::{Code, Question};
use nexus_infrastructure::dialects::MANAGEMENT;
use nexus_infrastructure::gate::{Call, IdempotencyKey, Principal};
use nexus_validator::usage_journal::UsageRecord;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::problem::{self, Problem};
use crate::request::{RequestId, client_ip, header_texts};

/// A request whose management credential is valid.
#[derive(Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    request_id: RequestId,
    ip: Option<std::net::IpAddr>,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request))
    }
}

fn authenticate(request: &HttpRequest) -> Result<Caller, Problem> {
    let app = request.app_data::<web::Data<App>>().ok_or_else(|| Problem::internal("no app"))?;
    let now = app.gate.clock().now().timestamp_micros();
    let ip = client_ip(request, &app.trusted_proxies);
    let question = Question { ip, method: Some(request.method().as_str()), ..Question::default() };
    let headers = header_texts(request);
    let decision = app
        .validator
        .verify_headers(MANAGEMENT, headers.iter().copied(), &question, now)
        .map_err(Problem::internal)?;
    let decision = app.in_time(decision);
    let request_id = RequestId::of(request);
    // Which tenants it is confined to is the last thing a verdict looks at, and here the tenant is not known yet:
    // `Caller::see` refuses the others.
    let code = if decision.code() == Code::Restricted { Code::Valid } else { decision.code() };
    let quiet = code == Code::Valid && request.path() == "/v1/verify";
    if !quiet {
        app.record(UsageRecord {
            at: now,
            key: decision
                .subject
                .as_ref()
                .map(|subject| (subject.key_id(), subject.tenant_id(), subject.version())),
            code,
            method: Some(request.method().as_str()),
            path: Some(request.path()),
            ip,
            request_id: Some(request_id.as_str()),
            client_version: None,
            dialect: Some(MANAGEMENT),
        });
    }
    let subject = match (&decision.outcome, &decision.subject) {
        (Ok(()) | Err(_), Some(subject)) if code == Code::Valid => subject,
        (Err(refused), _) if refused.code == Code::Unavailable => {
            return Err(Problem::new(&problem::UNAVAILABLE, refused.detail.clone()));
        }
        (Err(refused), _) if refused.code == Code::IpNotAllowed => {
            return Err(Problem::new(
                &problem::FORBIDDEN,
                "the credential may not be used from this address",
            ));
        }
        (Ok(()) | Err(_), _) => {
            return Err(Problem::new(
                &problem::UNAUTHORIZED,
                "the management credential is missing, mistyped, or no longer valid",
            ));
        }
    };
    let tenants = subject
        .rights()
        .restrictions
        .get("tenant")
        .map(|names| names.iter().filter_map(|name| name.parse().ok()).collect::<BTreeSet<_>>());
    let principal = Principal {
        actor: subject.key_id().to_string(),
        scopes: subject.rights().scopes.clone(),
        tenants,
        networks: subject.rights().ip_allowlist.clone(),
        not_after: subject.not_after(),
    };
    Ok(Caller { principal, request_id, ip })
}

impl Caller {
    /// The call this request makes, stamped with the time.
    ///
    /// # Errors
    /// A problem when the `Idempotency-Key` is not 1 to 255 printable ASCII characters.
    pub fn call<'a>(&'a self, app: &App, request: &HttpRequest, body: &[u8]) -> Result<Call<'a>, Problem> {
        Ok(Call {
            principal: &self.principal,
            request_id: self.request_id.as_str(),
            ip: self.ip,
            now: app.gate.clock().now(),
            idempotency: idempotency(request, body)?,
        })
    }

    /// Refuses a caller that lacks a scope.
    ///
    /// # Errors
    /// `forbidden`
    pub fn require(&self, scope: &'static str) -> Result<(), Problem> {
        if self.principal.scopes.allow(scope) {
            Ok(())
        } else {
            Err(Problem::new(&problem::FORBIDDEN, format!("the credential lacks the scope `{scope}`")))
        }
    }

    /// Refuses a caller that is confined to some tenants, for what concerns all.
    ///
    /// # Errors
    /// `forbidden`
    pub fn unconfined(&self) -> Result<(), Problem> {
        if self.principal.tenants.is_none() {
            return Ok(());
        }
        Err(Problem::new(
            &problem::FORBIDDEN,
            "this concerns all tenants, and the credential is confined to some",
        ))
    }

    /// Refuses a tenant that the caller does not see, as if it were absent.
    ///
    /// # Errors
    /// `not_found`
    pub fn see(&self, tenant: nexus_domain::ids::TenantId) -> Result<(), Problem> {
        if self.principal.sees(tenant) { Ok(()) } else { Err(Problem::not_found()) }
    }
}

fn idempotency(request: &HttpRequest, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    if !(1..=255).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(Problem::invalid_field(
            "header.idempotency-key",
            "not 1 to 255 printable ASCII characters",
            "send a UUID",
        ));
    }
    let mut hash = Sha256::new();
    for part in [request.method().as_str().as_bytes(), request.path().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(Some(IdempotencyKey {
        key: value.to_str().unwrap_or_default().to_owned(),
        fingerprint: hash.finalize().into(),
    }))
}
