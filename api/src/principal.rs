//! Who calls: the management credential of a request, and the call it makes.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::{Payload, RequestHead};
use actix_web::{FromRequest, HttpRequest, web};
use nexus_domain::credential;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::scope::EffectiveScopes;
use nexus_domain::verification::{Code, Question, Refused};
use nexus_infrastructure::dialects::MANAGEMENT;
use nexus_infrastructure::gate::{Call, IdempotencyKey, Principal};
use nexus_validator::control::wanted::Wanted;
use nexus_validator::usage_journal::UsageRecord;
use nexus_validator::{Decision, Sight, Subject};
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::nodes::connection::Admission;
use crate::problem::{self, Problem};
use crate::request::{RequestId, client_ip};
use crate::verification::Verifier;
use crate::verification::hot::{Headers, HotRequest, Moment};

/// A request whose management credential is valid.
#[derive(Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    request_id: RequestId,
    ip: Option<IpAddr>,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// A request whose management credential is valid, and that only asks: nothing is copied of the credential.
#[derive(Debug)]
pub(crate) struct Asker {
    subject: Subject,
}

impl Asker {
    /// Who sends a request to `POST /v1/verify`. That it was let in is not recorded: the verdict is.
    ///
    /// # Errors
    /// `unauthorized`, `forbidden`, `unavailable`
    pub(crate) async fn of(hot: &HotRequest<'_>, verifier: &Verifier) -> Result<Self, Problem> {
        let ip = hot.client_ip(&verifier.trusted_proxies);
        let sight = verifier.sight(hot.began, || wanted(verifier, &hot.headers)).await;
        let decision = decide(hot.head, verifier, &hot.headers, ip, hot.began, sight)?;
        if admitted(&decision) {
            let subject = let_in(decision)?;
            no_node(&subject)?;
            return Ok(Self { subject });
        }
        record(hot.head, verifier, &decision, ip, &hot.id, hot.began);
        let_in(decision).map(|subject| Self { subject })
    }

    /// As [`Caller::require`].
    ///
    /// # Errors
    /// `forbidden`
    pub(crate) fn require(&self, scope: &'static str) -> Result<(), Problem> {
        require(&self.subject.rights().scopes, scope)
    }

    /// Whether it may know of a tenant.
    #[must_use]
    pub(crate) fn sees(&self, tenant: TenantId) -> bool {
        confined_to(&self.subject).is_none_or(|mut names| names.any(|name| name.parse() == Ok(tenant)))
    }
}

/// The credential of a validating node, and whether it still holds.
pub(crate) struct NodeCaller {
    digest: credential::Digest,
    ip: Option<IpAddr>,
    subject: Subject,
}

impl NodeCaller {
    /// Who opens a node's stream. Not recorded as usage: a stream is opened again whenever it breaks.
    ///
    /// # Errors
    /// `unauthorized`, `forbidden`, `unavailable`
    pub(crate) fn of(request: &HttpRequest, app: &App) -> Result<Self, Problem> {
        let verifier = &app.verifier;
        let (now, head) = (Moment::now(verifier), request.head());
        let headers = Headers::of(head);
        let ip = client_ip(head, &headers.forwarded_for, &verifier.trusted_proxies);
        let decision = decide(head, verifier, &headers, ip, now, verifier.own_sight(now))?;
        if !admitted(&decision) {
            record(head, verifier, &decision, ip, &RequestId::of(request), now);
        }
        let subject = let_in(decision)?;
        require(&subject.rights().scopes, CONNECT)?;
        if confined_to(&subject).is_some() {
            let detail =
                "the credential is confined to some tenants, and a validating node is sent those of all";
            return Err(Problem::new(&problem::FORBIDDEN, detail));
        }
        let management = verifier.validator.dialect(MANAGEMENT).map_err(Problem::internal)?;
        let presented = management.extract(headers.texts.iter().copied());
        let digest = presented.map(|presented| credential::Digest::of(presented.secret));
        Ok(Self { digest: digest.map_err(|refused| Problem::internal(refused.detail))?, ip, subject })
    }

    /// The credential's key.
    pub(crate) fn key_id(&self) -> KeyId {
        self.subject.key_id()
    }

    /// The credential's name.
    pub(crate) fn name(&self) -> &str {
        self.subject.name()
    }

    /// Whether the credential may do more than follow, and is worth more to a thief than a node's own would be.
    pub(crate) fn may_do_more(&self) -> bool {
        self.subject.rights().granted != CONNECT
    }

    /// Whether the credential holds now, and may see these dialects.
    pub(crate) fn admits(&self, verifier: &Verifier, dialects: &[String]) -> Admission {
        let now = Moment::now(verifier);
        let (Ok(sight), Ok(management)) = (verifier.own_sight(now), verifier.validator.dialect(MANAGEMENT))
        else {
            return Admission::CannotTell;
        };
        let question = Question { ip: self.ip, method: Some("GET"), ..Question::default() };
        let decision =
            verifier.validator.verify_digest(&sight, management, &self.digest, &question, now.unix_micros);
        let admitted = admitted(&decision);
        // It may have been narrowed since the stream began.
        let holds = |subject: &Subject| {
            admitted && subject.rights().scopes.allow(CONNECT) && confined_to(subject).is_none()
        };
        let known = |name: &String| verifier.validator.dialect(name).is_ok();
        match decision.subject {
            Some(subject)
                if holds(&subject) && dialects.iter().all(|name| sees(&subject, name) && known(name)) =>
            {
                Admission::Admitted
            }
            Some(_) | None => Admission::Refused,
        }
    }

    /// Whether entries of a dialect may be sent to the node, as its credential is now.
    pub(crate) fn sees_dialect(&self, verifier: &Verifier, name: &str) -> bool {
        verifier.validator.key_of(&self.digest).is_some_and(|subject| sees(&subject, name))
    }
}

/// Whether a node with this credential may be sent a dialect's entries.
fn sees(subject: &Subject, dialect: &str) -> bool {
    dialect == MANAGEMENT
        || subject.rights().restrictions.get(DIALECT).is_none_or(|names| names.contains(dialect))
}

/// What a node's credential must be good for.
const CONNECT: &str = "nodes:connect";
/// The restriction of a node's credential.
const DIALECT: &str = "dialect";

/// Refuses a node's credential for anything but its stream: no other route looks at its restriction.
fn no_node(subject: &Subject) -> Result<(), Problem> {
    if subject.rights().restrictions.contains_key(DIALECT) {
        let detail = "the credential is a validating node's, and good for nothing else";
        return Err(Problem::new(&problem::FORBIDDEN, detail));
    }
    Ok(())
}

/// The tenants that a credential is confined to, as they were written.
fn confined_to(subject: &Subject) -> Option<impl Iterator<Item = &str>> {
    Some(subject.rights().restrictions.get("tenant")?.iter().map(String::as_str))
}

fn require(scopes: &EffectiveScopes, scope: &'static str) -> Result<(), Problem> {
    if scopes.allow(scope) {
        Ok(())
    } else {
        Err(Problem::new(&problem::FORBIDDEN, format!("the credential lacks the scope `{scope}`")))
    }
}

/// The verdict on the management credential of a request.
fn decide<'v>(
    head: &RequestHead,
    verifier: &'v Verifier,
    headers: &Headers<'_>,
    ip: Option<IpAddr>,
    now: Moment,
    sight: Result<Sight, Refused>,
) -> Result<Decision<'v>, Problem> {
    let question = Question { ip, method: Some(head.method.as_str()), ..Question::default() };
    let management = verifier.validator.dialect(MANAGEMENT).map_err(Problem::internal)?;
    let sight = match sight {
        Ok(sight) => sight,
        Err(refused) => return Ok(Decision::refused(refused, management)),
    };
    let headers = headers.texts.iter().copied();
    Ok(verifier.validator.verify_headers(&sight, management, headers, &question, now.unix_micros))
}

/// What the management credential of a request is told by.
fn wanted(verifier: &Verifier, headers: &Headers<'_>) -> Option<Wanted> {
    let management = verifier.validator.dialect(MANAGEMENT).ok()?;
    verifier.validator.wanted_in_headers(management, headers.texts.iter().copied())
}

/// Which tenants a credential is confined to is the last thing a verdict looks at, and here the tenant is not known yet:
/// [`Caller::see`] and [`Asker::sees`] refuse the others.
fn admitted(decision: &Decision<'_>) -> bool {
    matches!(decision.code(), Code::Valid | Code::Restricted) && decision.subject.is_some()
}

fn record(
    head: &RequestHead,
    verifier: &Verifier,
    decision: &Decision<'_>,
    ip: Option<IpAddr>,
    id: &RequestId,
    now: Moment,
) {
    verifier.record(UsageRecord {
        at: now.unix_micros,
        key: decision.subject.as_ref().map(Subject::used),
        code: if admitted(decision) { Code::Valid } else { decision.code() },
        method: Some(head.method.as_str()),
        path: Some(head.uri.path()),
        ip,
        request_id: Some(id.as_str()),
        client_version: None,
    });
}

fn let_in(decision: Decision<'_>) -> Result<Subject, Problem> {
    let admitted = admitted(&decision);
    match (decision.outcome, decision.subject) {
        (Ok(()) | Err(_), Some(subject)) if admitted => Ok(subject),
        (Err(refused), _) if refused.code == Code::Unavailable => {
            Err(Problem::new(&problem::UNAVAILABLE, refused.detail))
        }
        (Err(refused), _) if refused.code == Code::IpNotAllowed => {
            Err(Problem::new(&problem::FORBIDDEN, "the credential may not be used from this address"))
        }
        (Ok(()) | Err(_), _) => Err(Problem::new(
            &problem::UNAUTHORIZED,
            "the management credential is missing, mistyped, or no longer valid; send it as `Authorization: Bearer …`",
        )),
    }
}

impl Caller {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let verifier = request.app_data::<web::Data<Verifier>>();
        let verifier = verifier.ok_or_else(|| Problem::internal("no verifier"))?;
        let (now, request_id) = (Moment::now(verifier), RequestId::of(request));
        let headers = Headers::of(request.head());
        let ip = client_ip(request.head(), &headers.forwarded_for, &verifier.trusted_proxies);
        let decision = decide(request.head(), verifier, &headers, ip, now, verifier.own_sight(now))?;
        record(request.head(), verifier, &decision, ip, &request_id, now);
        let subject = let_in(decision)?;
        no_node(&subject)?;
        let principal = Principal {
            actor: subject.key_id().to_string(),
            scopes: subject.rights().scopes.clone(),
            tenants: confined_to(&subject).map(|names| names.filter_map(|name| name.parse().ok()).collect()),
            networks: subject.rights().ip_allowlist.clone(),
            not_after: subject.not_after(),
        };
        Ok(Self { principal, request_id, ip })
    }

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
        require(&self.principal.scopes, scope)
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
    pub fn see(&self, tenant: TenantId) -> Result<(), Problem> {
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
