//! `GET /v1/forward-auth/{dialect}`: the verdict for a gateway that passes the caller's own request
//! headers on: nginx `auth_request`, Caddy `forward_auth`, Traefik ForwardAuth, Envoy ext_authz.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Response;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use foldhash::fast::RandomState;
use nexus_domain::dialect::{Dialect, HttpsOnly};
use nexus_domain::ids::LONGEST_ID;
use nexus_domain::verification::{Question, Refused};
use nexus_validator::control::wanted::Wanted;
use nexus_validator::usage_journal::UsageRecord;
use nexus_validator::{Decision, Limits, Sight, Subject};

use super::Verifier;
use super::hot::{HotRequest, HotRoute, Stated};
use super::original_url::original_url;
use super::rate_limit_fields::{self, whole_seconds};
use super::verify::known_environment;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::request::from_trusted_proxy;

/// What stands for a method that cannot be believed: none that only reads.
const UNKNOWN_METHOD: &str = "UNKNOWN";

const TENANT: HeaderName = HeaderName::from_static("x-nexus-tenant");
const KEY: HeaderName = HeaderName::from_static("x-nexus-key");
const SCOPES: HeaderName = HeaderName::from_static("x-nexus-scopes");

/// How many queries a worker keeps at hand per dialect: gateways have one for each protected place.
const QUERIES_KEPT: usize = 256;
/// The longest of them, in bytes.
const LONGEST_KEPT: usize = 256;

/// How often the log is told of a query that was refused, at most.
const WARNED_EVERY: Duration = Duration::from_secs(60);

/// The path of a dialect's way in, without its name.
pub(super) const PREFIX: &str = "/v1/forward-auth/";

/// The way in to one dialect, on one worker, for every method: gateways repeat the caller's.
pub(super) struct Door {
    verifier: Rc<web::Data<Verifier>>,
    dialect: Arc<Dialect>,
    /// What queries say, which is the same for nearly all requests.
    needs: RefCell<HashMap<String, Rc<Needs>, RandomState>>,
    /// When the log was last told of a query that says nothing: gateways show such a refusal to nobody.
    warned: Cell<Option<Duration>>,
}

impl Door {
    pub(super) fn to(verifier: Rc<web::Data<Verifier>>, dialect: &Arc<Dialect>) -> Self {
        Self { verifier, dialect: Arc::clone(dialect), needs: RefCell::default(), warned: Cell::new(None) }
    }

    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(super) fn name(&self) -> &str {
        &self.dialect.name
    }

    /// Whether accepting a request may have to wait for a share of a rate limit.
    pub(super) fn is_limited(&self) -> bool {
        self.dialect.has_limits()
    }

    /// Answers a request at once, by the table. `rest` is what its path has behind the dialect's name.
    pub(super) fn answer(
        &self,
        hot: HotRequest<'_>,
        rest: &str,
        sight: Result<Sight, Refused>,
    ) -> Response<BoxBody> {
        let answered = asked(self, &hot, rest).map(|asked| {
            let decision = decide(self, &hot, &asked, sight);
            conclude(self, &hot, &asked, &decision)
        });
        hot.finish(&self.verifier, HotRoute::ForwardAuth, answered)
    }

    /// As [`Door::answer`], asking others where the table may not be answered from, and keeping rate limits.
    pub(super) async fn answer_slowly(
        &self,
        hot: HotRequest<'_>,
        rest: &str,
        own: Option<Sight>,
    ) -> Response<BoxBody> {
        let answered = match asked(self, &hot, rest) {
            Ok(asked) => {
                let sight = match own {
                    Some(sight) => Ok(sight),
                    None => self.verifier.others_sight(self.wanted(&hot)).await,
                };
                let decision = decide(self, &hot, &asked, sight);
                let decision = self.verifier.within_limits(decision).await;
                Ok(conclude(self, &hot, &asked, &decision))
            }
            Err(problem) => Err(problem),
        };
        hot.finish(&self.verifier, HotRoute::ForwardAuth, answered)
    }

    /// What the request's credential is told by.
    fn wanted(&self, hot: &HotRequest<'_>) -> Option<Wanted> {
        self.verifier.validator.wanted_in_headers(&self.dialect, hot.headers.texts.iter().copied())
    }

    /// Whether a request came over HTTPS, as far as can be told: a trusted proxy says of its clients, and anybody else is the client.
    fn came_safely(&self, hot: &HotRequest<'_>, https_only: &HttpsOnly) -> bool {
        let believed = from_trusted_proxy(hot.head, &self.verifier.trusted_proxies);
        let from_here = https_only.except_loopback && hot.is_from_loopback();
        match hot.headers.forwarded_proto {
            Stated::Once(_) | Stated::Contradicted if believed => hot.headers.forwarded_over_https(),
            // What the proxy does not say, its own connection does not tell.
            Stated::Not if believed => from_here,
            Stated::Not | Stated::Once(_) | Stated::Contradicted => hot.is_over_tls() || from_here,
        }
    }

    /// Tells the log that a query was refused, now and then: anybody may send any. Not what it said, which may be a secret in
    /// the wrong place.
    fn warn(&self, hot: &HotRequest<'_>) {
        let now = hot.began.monotonic;
        if self.warned.get().is_none_or(|last| now.saturating_sub(last) >= WARNED_EVERY) {
            self.warned.set(Some(now));
            tracing::warn!(
                dialect = self.name(),
                request_id = hot.id.as_str(),
                "forward auth was asked for what the dialect does not have; the answer to the gateway says what"
            );
        }
    }

    fn needs(&self, query: &str) -> Result<Rc<Needs>, Problem> {
        if let Some(known) = self.needs.borrow().get(query) {
            return Ok(Rc::clone(known));
        }
        let needs = Rc::new(needs(query, &self.dialect)?);
        let mut kept = self.needs.borrow_mut();
        // Anybody may send any query: what a gateway's configuration would not say is not kept, and the rest takes little.
        if query.len() <= LONGEST_KEPT {
            if kept.len() >= QUERIES_KEPT {
                kept.clear();
            }
            kept.insert(query.to_owned(), Rc::clone(&needs));
        }
        Ok(needs)
    }
}

/// What is asked of a dialect that nobody serves here: everything behind [`PREFIX`] that has no door.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let refused = |request: HttpRequest, verifier: web::Data<Verifier>| async move {
        // As it was written: names are not decoded.
        let named = request.path().strip_prefix(PREFIX).unwrap_or_default();
        let name: String = named.chars().take_while(|character| *character != '/').take(64).collect();
        let dialects = verifier.validator.dialects();
        let served: Vec<&str> = dialects.iter().map(|dialect| dialect.name.as_str()).collect();
        let detail = format!("no dialect is named `{name}`; this server has {}", served.join(", "));
        Err::<HttpResponse, _>(Problem::new(&problem::NOT_FOUND, detail))
    };
    config.service(web::resource(format!("{PREFIX}{{dialect:.*}}")).to(refused));
}

struct Needs {
    environment: Option<String>,
    scopes: Vec<String>,
    restrictions: BTreeMap<String, String>,
}

/// Decides on the caller's own headers. What the request needs stands in the query: `scope` (any
/// number), `environment`, and the dialect's restrictions by name.
#[utoipa::path(
    get,
    path = "/v1/forward-auth/{dialect}",
    tag = "verification",
    security(()),
    params(
        ("dialect" = String, Path, description = "The dialect whose credentials are expected"),
        ("scope" = Option<Vec<String>>, Query, description = "Scopes that are all needed"),
        ("environment" = Option<String>, Query, description = "The environment that is served"),
        ("X-Original-Method" = Option<String>, Header, description = "The caller's method, or `X-Forwarded-Method`; believed of proxies in `server.trusted_proxies` alone. Without it a publishable key, which may only read, is refused"),
        ("X-Original-URI" = Option<String>, Header, description = "The caller's path, or `X-Forwarded-Uri`; believed of the same proxies"),
        ("X-Forwarded-For" = Option<String>, Header, description = "The caller's address; believed of the same proxies. Of anybody else, the address that the request comes from counts"),
        ("X-Forwarded-Proto" = Option<String>, Header, description = "How the caller's request came, `https` or `http`, for dialects that take credentials over HTTPS alone; believed of the same proxies. Of anybody else, the connection tells"),
        ("DPoP" = Option<String>, Header, description = "The caller's proof that it holds the key of its token (RFC 9449), which stands behind the scheme `DPoP` then. It is held against method, `X-Forwarded-Proto`, `X-Forwarded-Host` or `Host`, and path, as trusted proxies tell them"),
        ("X-Forwarded-Host" = Option<String>, Header, description = "The host that the caller asked, for such proofs; `Host` without it"),
        ("X-Request-Id" = Option<String>, Header, description = "The request's id, 1 to 128 visible ASCII characters, under which it is listed. One that is made here is told in the answer and not listed"),
        ("X-Client-Version" = Option<String>, Header, description = "The version of the caller's client, for the list of requests"),
    ),
    responses((status = 200, description = "Accepted; `X-Nexus-Tenant`, `X-Nexus-Key` and `X-Nexus-Scopes` tell whose the credential is, and `RateLimit` and `RateLimit-Policy` how much is left where the dialect names its limits"), (status = 400, description = "The query asks for what the dialect does not have", body = problem::Document), (status = 401, description = "The dialect's own refusal"), (status = 403, description = "The dialect's own refusal"), (status = 404, body = problem::Document)),
)]
fn forward_auth<'r>(door: &Door, hot: &'r HotRequest<'_>) -> Result<Asked<'r>, Problem> {
    let query = hot.head.uri.query().unwrap_or_default();
    let needs = door.needs(query).inspect_err(|_| door.warn(hot))?;
    let believed = from_trusted_proxy(hot.head, &door.verifier.trusted_proxies);
    let method = if believed { hot.headers.original_method.text() } else { None };
    let path = if believed { hot.headers.original_uri.text() } else { None };
    Ok(Asked { needs, method, path, ip: hot.client_ip(&door.verifier.trusted_proxies) })
}

/// For gateways that repeat the caller's method and append its path and query, as Envoy's `ext_authz` does over HTTP. What the
/// request needs cannot stand in the query then, so this tells whose the credential is and whether it may be used here.
fn appended<'r>(door: &Door, hot: &'r HotRequest<'_>, path: &'r str) -> Asked<'r> {
    let needs = Needs { environment: None, scopes: Vec::new(), restrictions: BTreeMap::new() };
    let believed = from_trusted_proxy(hot.head, &door.verifier.trusted_proxies);
    let (method, path) = (believed.then(|| hot.head.method.as_str()), believed.then_some(path));
    Asked { needs: Rc::new(needs), method, path, ip: hot.client_ip(&door.verifier.trusted_proxies) }
}

/// What is asked, and what a trusted proxy says of the caller's request.
struct Asked<'a> {
    needs: Rc<Needs>,
    method: Option<&'a str>,
    path: Option<&'a str>,
    ip: Option<IpAddr>,
}

fn asked<'r>(door: &Door, hot: &'r HotRequest<'_>, rest: &'r str) -> Result<Asked<'r>, Problem> {
    if rest.is_empty() { forward_auth(door, hot) } else { Ok(appended(door, hot, rest)) }
}

fn decide<'d>(
    door: &'d Door,
    hot: &HotRequest<'_>,
    asked: &Asked<'_>,
    sight: Result<Sight, Refused>,
) -> Decision<'d> {
    if door.dialect.https_only.as_ref().is_some_and(|https_only| !door.came_safely(hot, https_only)) {
        return Decision::refused(Refused::over_plain_http(), &door.dialect);
    }
    let sight = match sight {
        Ok(sight) => sight,
        Err(refused) => return Decision::refused(refused, &door.dialect),
    };
    // Most requests show no proof, and need no address.
    let shows_proof = hot.headers.texts.iter().any(|(name, _)| *name == "dpop");
    let url = asked.path.filter(|_| shows_proof && asked.method.is_some());
    let url = url.and_then(|path| original_url(hot, path));
    let question = Question {
        url: url.as_deref(),
        environment: asked.needs.environment.as_deref(),
        method: Some(asked.method.unwrap_or(UNKNOWN_METHOD)),
        ip: asked.ip,
        required_scopes: &asked.needs.scopes,
        restrictions: Some(&asked.needs.restrictions),
        ..Question::default()
    };
    let headers = hot.headers.texts.iter().copied();
    door.verifier.validator.verify_headers(&sight, &door.dialect, headers, &question, hot.began.unix_micros)
}

fn conclude(
    door: &Door,
    hot: &HotRequest<'_>,
    asked: &Asked<'_>,
    decision: &Decision<'_>,
) -> Response<BoxBody> {
    door.verifier.record(UsageRecord {
        at: hot.began.unix_micros,
        key: decision.subject.as_ref().map(Subject::used),
        code: decision.code(),
        method: asked.method,
        path: asked.path,
        ip: asked.ip,
        request_id: hot.id_given.then(|| hot.id.as_str()),
        client_version: hot.headers.client_version,
    });
    respond(&door.dialect, decision)
}

fn needs(query: &str, dialect: &Dialect) -> Result<Needs, Problem> {
    let mut query = QueryFields::of(query)?;
    let mut scopes = Vec::new();
    for value in query.all("scope") {
        for part in value.split(',') {
            let before = scopes.len();
            scopes.extend(part.split_whitespace().map(str::to_owned));
            if scopes.len() == before {
                // As where a gateway's variable is not set: to need nothing would let everybody in.
                return Err(Problem::invalid_field(
                    "query.scope",
                    "empty",
                    "name a scope, or leave `scope` out",
                ));
            }
        }
    }
    let environment = query.one("environment");
    if let Some(name) = &environment {
        known_environment(dialect, "query.environment", name)?;
    }
    let mut restrictions = BTreeMap::new();
    for name in &dialect.restrictions {
        if let Some(value) = query.dynamic(name) {
            restrictions.insert(name.clone(), value);
        }
    }
    query.finish()?;
    Ok(Needs { environment, scopes, restrictions })
}

fn respond(dialect: &Dialect, decision: &Decision<'_>) -> Response<BoxBody> {
    match (&decision.outcome, &decision.subject) {
        (Ok(()), Some(subject)) => accept(subject, decision),
        (outcome, _) => {
            let refusal = match outcome {
                Err(refused) => dialect.outward(refused),
                Ok(()) => dialect.refusals.answer(decision.code()),
            };
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::UNAUTHORIZED);
            let mut response = HttpResponse::build(status);
            for (name, value) in &refusal.headers {
                response.insert_header((name.as_str(), value.as_str()));
            }
            if let Some(challenge) = outcome.as_ref().err().and_then(|refused| refused.challenge) {
                response.insert_header((WWW_AUTHENTICATE, challenge.www_authenticate()));
            }
            for field in rate_limit_fields::fields(decision) {
                response.insert_header(field);
            }
            if let Limits::Exceeded { retry_after, .. } = decision.limits {
                response.insert_header((RETRY_AFTER, whole_seconds(retry_after)));
            }
            response.body(refusal.body.clone()).into()
        }
    }
}

fn accept(subject: &Subject, decision: &Decision<'_>) -> Response<BoxBody> {
    let mut response = Response::with_body(StatusCode::OK, BoxBody::new(()));
    let mut id = [0; LONGEST_ID];
    for (name, value) in [
        (TENANT, HeaderValue::from_str(subject.tenant_id().encode(&mut id))),
        (KEY, HeaderValue::from_str(subject.key_id().encode(&mut id))),
        (SCOPES, HeaderValue::from_str(&subject.rights().granted)),
    ] {
        if let Ok(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    for (name, value) in rate_limit_fields::fields(decision) {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
