//! `GET /v1/forward-auth/{dialect}`: the verdict for a gateway that passes the caller's own request
//! headers on: nginx `auth_request`, Caddy `forward_auth`, Traefik ForwardAuth, Envoy ext_authz.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use nexus_domain::dialect::Dialect;
use nexus_domain::ids::LONGEST_ID;
use nexus_domain::verification::Question;
use nexus_validator::usage_journal::UsageRecord;
use nexus_validator::{Decision, Subject};

use crate::app::App;
use crate::hot::{HotRequest, HotRoute};
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

/// Registers the routes, for every method: gateways repeat the caller's. A path of its own for each dialect is found without
/// a pattern, and another one is not found.
pub fn routes(config: &mut web::ServiceConfig, app: &web::Data<App>) {
    let dialects = || app.gate.dialects().iter();
    for dialect in dialects() {
        let (app, door) = (app.clone(), Door { dialect: Arc::clone(dialect), needs: RefCell::default() });
        let door = Rc::new(door);
        let asked = move |request: HttpRequest| {
            let hot = HotRequest::of(&request, &app);
            let answered = forward_auth(&app, &hot, &door);
            std::future::ready(hot.finish(&app, HotRoute::ForwardAuth, answered))
        };
        let path = format!("/v1/forward-auth/{}", dialect.name);
        config.service(web::resource(path).route(web::route().to(asked)));
    }
    // Behind them all, since patterns take longer to compare.
    for dialect in dialects() {
        let (app, behind) = (app.clone(), Arc::clone(dialect));
        let asked = move |request: HttpRequest, path: web::Path<String>| {
            let hot = HotRequest::of(&request, &app);
            let answered = appended(&app, &hot, &behind, &path);
            std::future::ready(hot.finish(&app, HotRoute::ForwardAuth, answered))
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
fn forward_auth(app: &App, hot: &HotRequest<'_>, door: &Door) -> Result<HttpResponse, Problem> {
    let needs = door.needs(hot.request)?;
    let said = if from_trusted_proxy(hot.request, &app.trusted_proxies) {
        Said { method: hot.headers.original_method.text(), path: hot.headers.original_uri.text() }
    } else {
        Said { method: None, path: None }
    };
    Ok(decide(app, hot, &door.dialect, &needs, said))
}

/// For gateways that repeat the caller's method and append its path and query, as Envoy's `ext_authz` does over HTTP. What the
/// request needs cannot stand in the query then, so this tells whose the credential is and whether it may be used here.
fn appended(
    app: &App,
    hot: &HotRequest<'_>,
    dialect: &Arc<Dialect>,
    path: &str,
) -> Result<HttpResponse, Problem> {
    let needs = Needs { environment: None, scopes: Vec::new(), restrictions: BTreeMap::new() };
    let believed = from_trusted_proxy(hot.request, &app.trusted_proxies);
    let path = format!("/{path}");
    let said = Said {
        method: believed.then(|| hot.request.method().as_str()),
        path: believed.then_some(path.as_str()),
    };
    Ok(decide(app, hot, dialect, &needs, said))
}

/// What a trusted proxy says of the caller's request.
struct Said<'a> {
    method: Option<&'a str>,
    path: Option<&'a str>,
}

fn decide(
    app: &App,
    hot: &HotRequest<'_>,
    dialect: &Arc<Dialect>,
    needs: &Needs,
    said: Said<'_>,
) -> HttpResponse {
    let ip = hot.client_ip(&app.trusted_proxies);
    let question = Question {
        environment: needs.environment.as_deref(),
        method: Some(said.method.unwrap_or(UNKNOWN_METHOD)),
        ip,
        required_scopes: &needs.scopes,
        restrictions: Some(&needs.restrictions),
        ..Question::default()
    };
    let headers = hot.headers.texts.iter().copied();
    let decision = app.validator.verify_headers(dialect, headers, &question, hot.began.unix_micros);
    let decision = app.in_time(decision, hot.began);
    app.record(UsageRecord {
        at: hot.began.unix_micros,
        key: decision.subject.as_ref().map(Subject::used),
        code: decision.code(),
        method: said.method,
        path: said.path,
        ip,
        request_id: Some(hot.id.as_str()),
        client_version: hot.headers.client_version,
    });
    respond(dialect, &decision)
}

fn needs(request: &HttpRequest, dialect: &Dialect) -> Result<Needs, Problem> {
    if request.query_string().is_empty() {
        return Ok(Needs { environment: None, scopes: Vec::new(), restrictions: BTreeMap::new() });
    }
    let mut query = QueryFields::parse(request)?;
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
    let mut response = HttpResponse::Ok();
    let mut id = [0; LONGEST_ID];
    response.insert_header((TENANT, subject.tenant_id().encode(&mut id)));
    response.insert_header((KEY, subject.key_id().encode(&mut id)));
    response.insert_header((SCOPES, subject.rights().granted.join(" ")));
    response.finish()
}
