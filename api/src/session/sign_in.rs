//! `GET /sign-in` and `POST /sign-in`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use askama::Template;
use nexus_domain::member::Password;
use nexus_domain::session::EndReason;
use nexus_infrastructure::gate::{Call, FailedAttempt, Principal, SignIn, SignInOutcome};

use super::cookies::{Cookies, SessionCookie, SessionSecret, Way, random_id};
use super::{SignedIn, Visit, csrf};
use crate::app::App;
use crate::pages::{Failure, Form, LocalPath, Visitor, render, see_other, stylesheet_address, visible};

/// What everybody reads whose address or password is not right, whichever it is.
const WRONG: &str = "Address or password is not right. Check both and try again.";
const NEEDS_TLS: &str = "Sign-in needs HTTPS: whoever runs this server has to set `server.public_url` to the https:// address \
                         that browsers reach it as.";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    stylesheet: String,
    visitor: Visitor,
    error: &'a str,
    notice: &'a str,
    csrf: String,
    next: &'a str,
    email: &'a str,
}

/// What a sign-in page shows.
#[derive(Default)]
struct Shown<'a> {
    status: StatusCode,
    error: &'a str,
    notice: &'a str,
    email: &'a str,
}

#[get("/sign-in")]
pub(crate) async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let mut query = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map(web::Query::into_inner)
        .unwrap_or_default();
    let mut value =
        |name: &str| query.iter().position(|(known, _)| known == name).map(|at| query.swap_remove(at).1);
    let next = LocalPath::of(value("next").as_deref());
    let notice = if value("signed-out").is_some() { "You are signed out." } else { "" };
    if SignedIn::of(&request).await?.is_some() {
        return Ok(see_other(next.as_str()));
    }
    let error = if Way::of(&app.public_url) == Way::Plain { NEEDS_TLS } else { "" };
    page(&app, &request, &next, &Shown { notice, error, ..Shown::default() })
}

/// The page, whose form only the browser can send that gets it.
fn page(
    app: &App,
    request: &HttpRequest,
    next: &LocalPath,
    shown: &Shown<'_>,
) -> Result<HttpResponse, Failure> {
    let cookies = Cookies::of(app);
    let known = cookies.visitor(request);
    let visitor = known.clone().unwrap_or_else(|| random_id(&app.gate));
    let template = SignInPage {
        stylesheet: stylesheet_address(),
        visitor: Visitor::default(),
        error: shown.error,
        notice: shown.notice,
        csrf: csrf(app, "visitor", &visitor),
        next: next.as_str(),
        email: shown.email,
    };
    let mut response = render(shown.status, &template)?;
    if known.is_none() {
        response.add_cookie(&cookies.with_visitor(&visitor)).map_err(crate::problem::Problem::internal)?;
    }
    Ok(response)
}

#[post("/sign-in")]
pub(crate) async fn sign_in(
    app: web::Data<App>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Failure> {
    let cookies = Cookies::of(&app);
    let token = cookies.visitor(&request).map(|visitor| csrf(&app, "visitor", &visitor)).unwrap_or_default();
    let mut form = Form::accept(&request, &body, &token, &app.public_url)?;
    let next = LocalPath::of(form.take("next").as_deref());
    let email = form.take("email").unwrap_or_default().trim().to_ascii_lowercase();
    let password = Password::presented(form.take("password").unwrap_or_default());
    let visit = Visit::of(&request, &app);
    let mut attempt = app.authentication_limits.admit(visit.ip).await?;
    attempt.on_account(&email, cookies.knows_account(&request, &app.gate, &email))?;
    let stranger = app.gate.stranger();
    let call = visit.call(&app, &stranger);
    let secret = SessionSecret::draw(&app.gate);
    let user_agent = request.headers().get("user-agent").and_then(|agent| agent.to_str().ok());
    let outcome = if password.is_bounded() {
        let shown = SignIn { email: &email, password: &password, digest: secret.digest(), user_agent };
        Some(app.gate.sign_in(&call, shown).await?)
    } else {
        None
    };
    match outcome {
        Some(SignInOutcome::SignedIn(session)) => {
            attempt.succeeded();
            end_former(&app, &request, &call).await;
            let mut response = see_other(next.as_str());
            let session = SessionCookie { session_id: session.session_id, secret };
            for cookie in [cookies.with_session(&session, &app.gate), cookies.with_device(&app.gate, &email)]
            {
                response.add_cookie(&cookie).map_err(crate::problem::Problem::internal)?;
            }
            Ok(response)
        }
        Some(SignInOutcome::Refused(refused)) => {
            attempt.failed();
            record(&app, &visit, refused);
            wrong(&app, &request, &next, &email)
        }
        None => {
            attempt.failed();
            wrong(&app, &request, &next, &email)
        }
    }
}

fn wrong(app: &App, request: &HttpRequest, next: &LocalPath, email: &str) -> Result<HttpResponse, Failure> {
    let email = visible(email);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    page(app, request, next, &Shown { status, error: WRONG, email: &email, ..Shown::default() })
}

/// A session that the browser had until now is over: nothing may be left behind by signing in again.
async fn end_former(app: &App, request: &HttpRequest, call: &Call<'_>) {
    let Some(cookie) = Cookies::of(app).session(request, &app.gate) else { return };
    let found = app.gate.session(cookie.session_id, &cookie.digest(), call.now).await;
    if let Ok(Some(former)) = found {
        let call = Call { principal: &former.principal, ..call.clone() };
        let tenant = former.session.tenant_id;
        let ended = app.gate.end_session(&call, tenant, former.session_id, EndReason::Replaced).await;
        if let Err(error) = ended {
            tracing::warn!(%error, "the session before this one stays until it is idle");
        }
    }
}

/// Puts a failed attempt on record, apart from the answer: the time that it takes must not tell whether there is such a member.
fn record(app: &web::Data<App>, visit: &Visit, refused: FailedAttempt) {
    let (app, request_id, ip) = (web::Data::clone(app), visit.request_id.clone(), visit.ip);
    actix_web::rt::spawn(async move {
        let stranger = app.gate.stranger();
        let visit = Visit { request_id, ip };
        if let Err(error) = app.gate.record_failed_attempt(&visit.call(&app, &stranger), refused).await {
            tracing::warn!(%error, "a failed sign-in is not on record");
        }
    });
}

impl Visit {
    fn call<'a>(&'a self, app: &App, principal: &'a Principal) -> Call<'a> {
        Call {
            principal,
            request_id: self.request_id.as_str(),
            ip: self.ip,
            now: app.gate.clock().now(),
            idempotency: None,
        }
    }
}
