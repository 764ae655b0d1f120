//! Members in browsers: signing in and out, and who a request is from. A handler that takes a [`SignedIn`] is only for
//! members; everybody else is sent to the sign-in page and comes back afterwards.

mod cookies;
mod home;
mod sign_in;
mod sign_out;

use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use nexus_domain::ids::{MemberId, SessionId, TenantId};
use nexus_domain::member::Role;
use nexus_infrastructure::gate::{Call, MemberSession, Principal};

use self::cookies::Cookies;
use crate::app::App;
use crate::pages::{Failure, Form, LocalPath, Visitor, visible};
use crate::problem::Problem;
use crate::request::{RequestId, client_ip};
use crate::verification::hot::Headers;

/// A request of a member who is signed in, on whichever API node that happened.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Who.
    pub member_id: MemberId,
    /// What the member may do.
    pub role: Role,
    /// The member's epoch, in which the session began.
    pub epoch: u32,
    /// The session.
    pub session_id: SessionId,
    /// When the session began.
    pub since: DateTime<Utc>,
    /// When it ends at the latest.
    pub until: DateTime<Utc>,
    /// The member's address as pages show it.
    pub email: String,
    /// The token that the session's forms carry in the field `csrf`. [`SignedIn::form`] compares it.
    pub csrf: String,
    /// What the member is to the gate: the role's scopes, in the member's tenant alone unless that is the platform.
    pub principal: Principal,
    request_id: RequestId,
    ip: Option<IpAddr>,
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(home::home).service(sign_in::show).service(sign_in::sign_in).service(sign_out::sign_out);
}

impl FromRequest for SignedIn {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    /// A request without a session that lives is [`Failure::elsewhere`]: the sign-in page, which leads back to a page that was
    /// asked for.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let back = match *request.method() {
                Method::GET => LocalPath::of(request.uri().path_and_query().map(|path| path.as_str())),
                _ => LocalPath::start(),
            };
            Self::of(&request).await?.ok_or_else(|| Failure::elsewhere(back.after_sign_in()))
        }
        .boxed_local()
    }
}

impl SignedIn {
    /// Who a request is from, where it has a session that lives.
    ///
    /// # Errors
    /// A page for a store that does not answer.
    pub async fn of(request: &HttpRequest) -> Result<Option<Self>, Failure> {
        let app = app(request)?;
        let Some(cookie) = Cookies::of(app).session(request, &app.gate) else { return Ok(None) };
        let found = app.gate.session(cookie.session_id, &cookie.digest(), app.gate.clock().now()).await?;
        match found {
            Some(session) => Self::from_session(request, app, session).await.map(Some),
            None => Ok(None),
        }
    }

    async fn from_session(request: &HttpRequest, app: &App, session: MemberSession) -> Result<Self, Failure> {
        let MemberSession { session_id, session, member, principal } = session;
        let email = app.gate.email_of(&member).await?;
        let visit = Visit::of(request, app);
        Ok(Self {
            tenant_id: member.tenant_id,
            member_id: session.member_id,
            role: member.role,
            epoch: session.epoch,
            session_id,
            since: session.signed_in_at,
            until: session.ends_at,
            email: email.map_or_else(|| session.member_id.to_string(), |email| visible(email.expose())),
            csrf: csrf(app, "session", &session_id.to_string()),
            principal,
            request_id: visit.request_id,
            ip: visit.ip,
        })
    }

    /// What the member asks of the gate, stamped with the time.
    #[must_use]
    pub fn call(&self, app: &App) -> Call<'_> {
        Call {
            principal: &self.principal,
            request_id: self.request_id.as_str(),
            ip: self.ip,
            now: app.gate.clock().now(),
            idempotency: None,
        }
    }

    /// The fields of a form that comes from a page of this session.
    ///
    /// # Errors
    /// A page with status 403 where it does not: without the session's token, with another one, or from another site; 400 or 415
    /// for what is no form.
    pub fn form(&self, app: &App, request: &HttpRequest, body: &[u8]) -> Result<Form, Failure> {
        Form::accept(request, body, &self.csrf, &app.public_url)
    }

    /// Whether a tenant exists as far as the member can tell.
    #[must_use]
    pub fn sees(&self, tenant: TenantId) -> bool {
        self.principal.sees(tenant)
    }

    /// Who a page is for.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor { email: self.email.clone(), csrf: self.csrf.clone() }
    }
}

/// The circumstances of a request, whoever it is from.
pub(crate) struct Visit {
    pub(crate) request_id: RequestId,
    pub(crate) ip: Option<IpAddr>,
}

impl Visit {
    pub(crate) fn of(request: &HttpRequest, app: &App) -> Self {
        let headers = Headers::of(request.head());
        let ip = client_ip(request.head(), &headers.forwarded_for, &app.verifier.trusted_proxies);
        Self { request_id: RequestId::of(request), ip }
    }
}

/// The token of the forms of a session, or of a browser without one. It says nothing about either.
fn csrf(app: &App, of: &str, id: &str) -> String {
    app.gate.keyed_hash("form token", format!("{of}\0{id}").as_bytes())
}

fn app(request: &HttpRequest) -> Result<&App, Failure> {
    let app = request.app_data::<web::Data<App>>();
    app.map(|app| app.get_ref())
        .ok_or_else(|| Problem::internal("pages are served by API nodes alone").into())
}
