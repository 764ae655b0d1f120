//! `GET /oauth/authorize`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, web};
use askama::Template;
use nexus_domain::ids::TenantId;
use nexus_infrastructure::gate::CONSENT;

use super::address;
use super::authorize_request::{AuthorizeRequest, RequestRefused, read};
use crate::app::App;
use crate::pages::{Failure, LocalPath, Visitor, render_leading_to, see_other, stylesheet_address, visible};
use crate::session::SignedIn;

/// The page that asks somebody for their consent.
#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    stylesheet: String,
    visitor: Visitor,
    /// The app's name.
    app: String,
    /// Who registered it.
    registered_by: String,
    /// Whose data it opens.
    tenant: String,
    /// What it asks for: in words, and by name.
    scopes: Vec<(String, String)>,
    /// Where the answer goes.
    leads_to: String,
    /// The request, as it came.
    request: String,
}

/// Asks whoever is signed in whether an app may act for them: shows who asks, what for, and where the answer goes. Somebody who
/// is not signed in does that first.
#[utoipa::path(
    operation_id = "oauth_authorize",
    tag = "oauth",
    params(
        ("client_id" = String, Query, description = "The app's public id"),
        ("request_uri" = Option<String>, Query, description = "The reference of a request that the app pushed (RFC 9126); with it and `client_id` nothing else is needed"),
        ("redirect_uri" = Option<String>, Query, description = "Where the answer goes: one that the app is registered with, byte for byte"),
        ("response_type" = Option<String>, Query, description = "`code`"),
        ("scope" = Option<String>, Query, description = "What the app asks for, with a space between two scopes; all that it is registered with where left out"),
        ("state" = Option<String>, Query, description = "Comes back with the answer"),
        ("code_challenge" = Option<String>, Query, description = "SHA-256 of the verifier in base64url (RFC 7636)"),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`"),
        ("dpop_jkt" = Option<String>, Query, description = "SHA-256 of the key (RFC 7638) that the code shall be bound to (RFC 9449)"),
    ),
    responses((status = 200, description = "A page that asks"), (status = 303, description = "To the sign-in page, or back to the app with `error`, `state` and `iss`"), (status = 400, description = "A page: nobody knows where to answer")),
    security(()),
)]
#[get("/oauth/authorize")]
pub(crate) async fn authorize(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let _attempt = app.authentication_limits.admit(address(&app, &request)).await?;
    let asked = read(&app, request.query_string()).await;
    if let Err(RequestRefused::Here(page)) = asked {
        return Err(page);
    }
    // Also where the app is only to be told an error: nobody is sent to an address that anybody could have registered before
    // they have done something here (RFC 9700 section 4.11.2).
    let Some(member) = SignedIn::of(&request).await? else {
        let back = LocalPath::of(request.uri().path_and_query().map(|path| path.as_str()));
        return Ok(see_other(&back.after_sign_in()));
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(RequestRefused::Here(page)) => return Err(page),
        Err(RequestRefused::There(address)) => return Ok(see_other(&address)),
    };
    let Some(tenant) = tenant_of(&app, &member, &asked).await? else {
        return Ok(see_other(&asked.way_back.with_error("access_denied", NOT_THEIRS)));
    };
    let page = page(&app, &member, &asked, tenant, request.query_string()).await?;
    render_leading_to(StatusCode::OK, &page, &[asked.way_back.origin()])
}

/// Why somebody cannot agree.
pub(super) const NOT_THEIRS: &str =
    "whoever is signed in may not give away access to data of the product that the app is for";

/// Whose data somebody opens by agreeing: their own tenant's, where it has the app's product; whoever looks after the platform
/// agrees for the tenant that registered the app. Nobody's, where their role may make no credential of the tenant either.
pub(super) async fn tenant_of(
    app: &App,
    member: &SignedIn,
    asked: &AuthorizeRequest,
) -> Result<Option<TenantId>, Failure> {
    let client = &asked.client.state;
    if !member.principal.scopes.allow(CONSENT) {
        return Ok(None);
    }
    if app.gate.dialect_of(member.tenant_id).await? == client.dialect {
        return Ok(Some(member.tenant_id));
    }
    Ok(Some(client.tenant_id).filter(|tenant| member.sees(*tenant)))
}

async fn page(
    app: &App,
    member: &SignedIn,
    asked: &AuthorizeRequest,
    tenant: TenantId,
    query: &str,
) -> Result<ConsentPage, Failure> {
    let client = &asked.client.state;
    let dialect = app.gate.dialects().get(&client.dialect);
    let words = |scope: &nexus_domain::scope::Scope| {
        let meaning = dialect.and_then(|dialect| dialect.scopes.known.get(scope));
        (meaning.cloned().unwrap_or_else(|| scope.to_string()), scope.to_string())
    };
    Ok(ConsentPage {
        stylesheet: stylesheet_address(),
        visitor: member.visitor(),
        app: visible(&client.name),
        registered_by: visible(&app.gate.tenant_name(client.tenant_id).await?),
        tenant: visible(&app.gate.tenant_name(tenant).await?),
        scopes: asked.scopes.iter().map(words).collect(),
        leads_to: asked.way_back.origin().to_owned(),
        request: query.to_owned(),
    })
}
