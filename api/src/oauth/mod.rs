//! The OAuth 2.0 authorization server: RFC 6749 with PKCE (7636), revocation (7009), introspection (7662), metadata (8414,
//! 9728), issuer identification (9207), pushed authorization requests (9126), proofs of possession (9449), and access
//! tokens as JWTs (9068), along the advice of RFC 9700.

mod access;
mod assertion;
mod authorize;
mod authorize_request;
mod client;
mod consent;
mod dpop;
mod error;
mod form;
mod introspect;
mod metadata;
mod push;
mod revoke;
mod token;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue, PRAGMA};
use actix_web::{HttpRequest, HttpResponse, web};
use nexus_domain::dialect::MANAGEMENT;
use nexus_domain::ids::TenantId;
use nexus_domain::scope::ScopeSet;
use nexus_infrastructure::gate::{Call, KnownClient, Principal};

use crate::app::App;
use crate::problem::Problem;
use crate::request::{RequestId, client_ip};
use crate::verification::hot::Headers;

pub(crate) use self::authorize::__path_authorize;
pub use self::authorize_request::WayBack;
pub(crate) use self::consent::__path_consent;
pub use self::consent::ConsentForm;
pub use self::error::{ErrorBody, OauthError};
pub use self::form::Form;
pub(crate) use self::introspect::__path_introspect;
pub use self::introspect::{IntrospectForm, Introspection};
pub(crate) use self::metadata::{__path_protected_resource, __path_server};
pub use self::metadata::{ProtectedResource, ServerMetadata};
pub(crate) use self::push::__path_push;
pub use self::push::{PushAnswer, PushForm};
pub(crate) use self::revoke::__path_revoke;
pub use self::revoke::RevokeForm;
pub(crate) use self::token::__path_issue;
pub use self::token::{TokenAnswer, TokenForm};

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(token::issue)
        .service(revoke::revoke)
        .service(introspect::introspect)
        .service(push::push)
        .service(authorize::authorize)
        .service(consent::consent)
        .service(metadata::server)
        .service(metadata::protected_resource);
}

/// Who calls one of these endpoints, and from where.
struct Visitor {
    principal: Principal,
    request_id: RequestId,
    ip: Option<std::net::IpAddr>,
}

impl Visitor {
    /// Somebody whose deeds go into the log under this name. It may do nothing beyond what the endpoint itself decides.
    fn new(app: &App, request: &HttpRequest, actor: String, tenant: TenantId) -> Result<Self, Problem> {
        let management = app.gate.dialects().get(MANAGEMENT).ok_or_else(|| Problem::internal(MANAGEMENT))?;
        let principal = Principal {
            actor,
            scopes: management.effective_scopes(&ScopeSet::new()),
            tenants: Some([tenant].into()),
            networks: Vec::new(),
            not_after: i64::MAX,
        };
        Ok(Self { principal, request_id: RequestId::of(request), ip: address(app, request) })
    }

    /// A client that has proved who it is.
    fn client(app: &App, request: &HttpRequest, client: &KnownClient) -> Result<Self, Problem> {
        Self::new(app, request, client.key_id.to_string(), client.state.tenant_id)
    }

    fn call(&self, app: &App) -> Call<'_> {
        Call {
            principal: &self.principal,
            request_id: self.request_id.as_str(),
            ip: self.ip,
            now: app.gate.clock().now(),
            idempotency: None,
        }
    }
}

/// The caller's address, as limits and the log have it.
fn address(app: &App, request: &HttpRequest) -> Option<std::net::IpAddr> {
    let headers = Headers::of(request.head());
    client_ip(request.head(), &headers.forwarded_for, &app.verifier.trusted_proxies)
}

/// Keeps an answer out of every cache (RFC 6749 section 5.1).
fn unstored(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Answers a client's request, which counts as an attempt of its address to prove who it is. Nothing is done for an address that
/// has made too many, and no answer is kept by caches.
async fn attempt(
    app: &App,
    request: &HttpRequest,
    answer: impl Future<Output = Result<HttpResponse, OauthError>>,
) -> HttpResponse {
    let attempt = match app.authentication_limits.admit(address(app, request)).await {
        Ok(attempt) => attempt,
        Err(limited) => return OauthError::from(limited).response(),
    };
    match answer.await {
        Ok(answer) => {
            attempt.succeeded();
            unstored(answer)
        }
        Err(error) => {
            if error.failed_attempt {
                attempt.failed();
            }
            error.response()
        }
    }
}

/// Scopes as a request writes them: with a space between two (RFC 6749 section 3.3).
fn scopes(text: &str) -> Option<ScopeSet> {
    text.split(' ').filter(|scope| !scope.is_empty()).map(|scope| scope.parse().ok()).collect()
}

/// The other way round.
fn scope_text(scopes: &ScopeSet) -> String {
    scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
