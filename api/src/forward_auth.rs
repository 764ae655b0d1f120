//! `GET /v1/forward-auth/{dialect}`: the verdict for a gateway that passes the caller's own request
//! headers on: nginx `auth_request`, Caddy `forward_auth`, Traefik ForwardAuth, Envoy ext_authz.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use nexus_domain::dialect::{Dialect, Dialects};
use nexus_domain::verification::Question;
use nexus_validator::usage_journal::UsageRecord;
use nexus_validator::{Decision, Subject};

use crate::app::App;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::request::{RequestId, client_ip, from_trusted_proxy, header_texts};

/// What stands for a method that cannot be believed: none that only reads.
const UNKNOWN_METHOD: &str = "UNKNOWN";

const TENANT: HeaderName = HeaderName::from_static("x-nexus-tenant");
const KEY: HeaderName = HeaderName::from_static("x-nexus-key");
const SCOPES: HeaderName = HeaderName::from_static("x-nexus-scopes");

/// How many queries a worker keeps at hand per dialect: gateways have one for each protected place.
const QUERIES_KEPT: usize = 256;
/// The longest of them, in bytes.
const LONGEST_KEPT: usize = 256;

/// Registers the routes, for every method: gateways repeat the caller's. A path of its own for each dialect is found without
/// a pattern, and another one is not found.
pub fn routes(config: &mut web::ServiceConfig, dialects: &Dialects) {
    for dialect in dialects.iter() {
        let door = Rc::new(Door { dialect: Arc::clone(dialect), needs: RefCell::default() });
        let asked = move |app: web::Data<App>, request: HttpRequest| {
            std::future::ready(forward_auth(&app, &request, &door))
        };
        let path = format!("/v1/forward-auth/{}", dialect.name);
        config.service(web::resource(path).route(web::route().to(asked)));
    }
    // Behind them all, since patterns take longer to compare.
    for dialect in dialects.iter() {
        let behind = Arc::clone(dialect);
        let asked = move |app: web::Data<App>, request: HttpRequest, path: web::Path<String>| {
            std::future::ready(appended(&app, &request, &behind, &path))
        };
        let path = format!("/v1/forward-auth/{}/{{path:.*}}", dialect.name);
        config.service(web::resource(path).route(web::route().to(asked)));
    }
}

/// The way in to one dialect, on one worker.
struct Door {
    dialect: Arc<Dialect>,
    /// What queries say, which is the same for nearly all requests.
    needs: RefCell<HashMap<String, Rc<Needs>>>,
}

impl Door {
    fn needs(&self, request: &HttpRequest) -> Result<Rc<Needs>, Problem> {
        let query = request.query_string();
        if let Some(known) = self.needs.borrow().get(query) {
            return Ok(Rc::clone(known));
        }
        let needs = Rc::new(needs(request, &self.dialect)?);
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
    ),
    responses((status = 200, description = "Accepted; `X-Nexus-Tenant`, `X-Nexus-Key` and `X-Nexus-Scopes` tell whose the credential is"), (status = 401, description = "The dialect's own refusal"), (status = 403, description = "The dialect's own refusal"), (status = 404, body = problem::Document)),
)]
fn forward_auth(app: &App, request: &HttpRequest, door: &Door) -> Result<HttpResponse, Problem> {
    let needs = door.needs(request)?;
    let believed = from_trusted_proxy(request, &app.trusted_proxies);
    let original = |names: [&str; 2]| if believed { stated(request, names) } else { None };
    let said = Said {
        method: original(["x-original-method", "x-forwarded-method"]),
        path: original(["x-original-uri", "x-forwarded-uri"]),
    };
    decide(app, request, &door.dialect, &needs, said)
}

/// For gateways that repeat the caller's method and append its path and query, as Envoy's `ext_authz` does over HTTP. What the
/// request needs cannot stand in the query then, so this tells whose the credential is and whether it may be used here.
fn appended(
    app: &App,
    request: &HttpRequest,
    dialect: &Dialect,
    path: &str,
) -> Result<HttpResponse, Problem> {
    let needs = Needs { environment: None, scopes: Vec::new(), restrictions: BTreeMap::new() };
    let believed = from_trusted_proxy(request, &app.trusted_proxies);
    let path = format!("/{path}");
    let said =
        Said { method: believed.then(|| request.method().as_str()), path: believed.then_some(path.as_str()) };
    decide(app, request, dialect, &needs, said)
}

/// What a trusted proxy says of the caller's request.
struct Said<'a> {
    method: Option<&'a str>,
    path: Option<&'a str>,
}

fn decide(
    app: &App,
    request: &HttpRequest,
    dialect: &Dialect,
    needs: &Needs,
    said: Said<'_>,
) -> Result<HttpResponse, Problem> {
    let now = app.gate.clock().now().timestamp_micros();
    let ip = client_ip(request, &app.trusted_proxies);
    let question = Question {
        environment: needs.environment.as_deref(),
        method: Some(said.method.unwrap_or(UNKNOWN_METHOD)),
        ip,
        required_scopes: &needs.scopes,
        restrictions: Some(&needs.restrictions),
        ..Question::default()
    };
    let decision = app
        .validator
        .verify_headers(&dialect.name, header_texts(request).into_iter(), &question, now)
        .map_err(|_| Problem::not_found())?;
    let decision = app.in_time(decision);
    let request_id = RequestId::of(request);
    app.record(UsageRecord {
        at: now,
        key: decision.subject.as_ref().map(Subject::used),
        code: decision.code(),
        method: said.method,
        path: said.path,
        ip,
        request_id: Some(request_id.as_str()),
        client_version: request.headers().get("x-client-version").and_then(|value| value.to_str().ok()),
    });
    Ok(respond(dialect, &decision))
}

/// What a proxy says in one of two headers. Said twice and differently, as when a proxy sets one and passes the caller's
/// other one on, it counts as unsaid.
fn stated<'r>(request: &'r HttpRequest, names: [&str; 2]) -> Option<&'r str> {
    let mut values = names.into_iter().flat_map(|name| request.headers().get_all(name));
    let first = values.next()?;
    if values.any(|other| other != first) {
        return None;
    }
    first.to_str().ok()
}

fn needs(request: &HttpRequest, dialect: &Dialect) -> Result<Needs, Problem> {
    if request.query_string().is_empty() {
        return Ok(Needs { environment: None, scopes: Vec::new(), restrictions: BTreeMap::new() });
    }
    let mut query = QueryFields::parse(request)?;
    let scopes = query
        .all("scope")
        .iter()
        .flat_map(|value| value.split([' ', ',']))
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    let environment = query.one("environment");
    let mut restrictions = BTreeMap::new();
    for name in &dialect.restrictions {
        if let Some(value) = query.dynamic(name) {
            restrictions.insert(name.clone(), value);
        }
    }
    query.finish()?;
    Ok(Needs { environment, scopes, restrictions })
}

fn respond(dialect: &Dialect, decision: &Decision<'_>) -> HttpResponse {
    match (&decision.outcome, &decision.subject) {
        (Ok(()), Some(subject)) => accept(subject),
        (Ok(()) | Err(_), _) => {
            let refusal = dialect.refusals.answer(decision.code());
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::UNAUTHORIZED);
            let mut response = HttpResponse::build(status);
            for (name, value) in &refusal.headers {
                response.insert_header((name.as_str(), value.as_str()));
            }
            response.body(refusal.body.clone())
        }
    }
}

fn accept(subject: &Subject) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((TENANT, subject.tenant_id().to_string()))
        .insert_header((KEY, subject.key_id().to_string()))
        .insert_header((SCOPES, subject.rights().granted.join(" ")))
        .finish()
}
