//! `GET /v1/forward-auth/{dialect}`: the verdict for a gateway that passes the caller's own request
//! headers on: nginx `auth_request`, Caddy `forward_auth`, Traefik ForwardAuth, Envoy ext_authz.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use nexus_domain::dialect::Dialect;
use nexus_domain::verification::Question;
use nexus_validator::usage_journal::UsageRecord;
use nexus_validator::{Decision, Subject};

use crate::app::App;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::request::{RequestId, client_ip, from_trusted_proxy, header_texts};

/// What stands for a method that cannot be believed: none that only reads.
const UNKNOWN_METHOD: &str = "UNKNOWN";

/// Registers the route, for every method: gateways repeat the caller's.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/v1/forward-auth/{dialect}").route(web::route().to(forward_auth)));
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
pub async fn forward_auth(
    app: web::Data<App>,
    request: HttpRequest,
    dialect: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let dialect = app.gate.dialects().get(&dialect).ok_or_else(Problem::not_found)?;
    let needs = needs(&request, dialect)?;
    let now = app.gate.clock().now().timestamp_micros();
    let believed = from_trusted_proxy(&request, &app.trusted_proxies);
    let original = |names: [&str; 2]| {
        let value = names.into_iter().find_map(|name| request.headers().get(name)).filter(|_| believed);
        value.and_then(|value| value.to_str().ok())
    };
    let method = original(["x-original-method", "x-forwarded-method"]);
    let path = original(["x-original-uri", "x-forwarded-uri"]);
    let ip = client_ip(&request, &app.trusted_proxies);
    let question = Question {
        environment: needs.environment.as_deref(),
        method: Some(method.unwrap_or(UNKNOWN_METHOD)),
        ip,
        required_scopes: &needs.scopes,
        restrictions: Some(&needs.restrictions),
        ..Question::default()
    };
    let headers = header_texts(&request);
    let decision = app
        .validator
        .verify_headers(&dialect.name, headers.iter().copied(), &question, now)
        .map_err(|_| Problem::not_found())?;
    let request_id = RequestId::of(&request);
    app.record(UsageRecord {
        at: now,
        key: decision
            .subject
            .as_ref()
            .map(|subject| (subject.key_id(), subject.tenant_id(), subject.version())),
        code: decision.code(),
        method,
        path,
        ip,
        request_id: Some(request_id.as_str()),
        client_version: request.headers().get("x-client-version").and_then(|value| value.to_str().ok()),
        dialect: Some(&dialect.name),
    });
    Ok(respond(dialect, &decision))
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
        .insert_header(("x-nexus-tenant", subject.tenant_id().to_string()))
        .insert_header(("x-nexus-key", subject.key_id().to_string()))
        .insert_header(("x-nexus-scopes", subject.rights().granted.join(" ")))
        .finish()
}
