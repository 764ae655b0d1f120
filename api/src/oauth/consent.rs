//! `POST /oauth/authorize`: what somebody decided.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_infrastructure::gate::Consent;
use serde::Deserialize;
use utoipa::ToSchema;

use super::address;
use super::authorize::{NOT_THEIRS, tenant_of};
use super::authorize_request::{RequestRefused, read};
use crate::app::App;
use crate::pages::{Failure, LocalPath, see_other};
use crate::session::SignedIn;

/// What the page sends.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ConsentForm {
    /// The token of the session's forms.
    pub csrf: String,
    /// The request, as it came.
    pub request: String,
    /// `allow` or `deny`.
    pub decision: String,
}

/// Takes what somebody decided on the page that asked them, and tells the app: a code, or that there is none.
#[utoipa::path(
    operation_id = "oauth_consent",
    tag = "oauth",
    request_body(content = ConsentForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Back to the app with `code` or `error`, `state` and `iss`"), (status = 400, description = "A page: nobody knows where to answer"), (status = 403, description = "A page: the form is not of this session")),
    security(()),
)]
#[post("/oauth/authorize")]
pub(crate) async fn consent(
    app: web::Data<App>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Failure> {
    // Before it is looked up who it is: that asks the store.
    let _attempt = app.authentication_limits.admit(address(&app, &request)).await?;
    let Some(member) = SignedIn::of(&request).await? else {
        return Ok(see_other(&LocalPath::start().after_sign_in()));
    };
    let mut form = member.form(&app, &request, &body)?;
    // Read anew: the client may have been changed since the page was made, and the page may be anybody's.
    let asked = match read(&app, &form.take("request").unwrap_or_default()).await {
        Ok(asked) => asked,
        Err(RequestRefused::Here(page)) => return Err(page),
        Err(RequestRefused::There(address)) => return Ok(see_other(&address)),
    };
    match form.take("decision").as_deref() {
        Some("allow") => {}
        Some("deny") => {
            asked.decided(&app).await?;
            let denied = "whoever was asked did not agree";
            return Ok(see_other(&asked.way_back.with_error("access_denied", denied)));
        }
        _ => {
            let text = "It says neither that you agree nor that you do not. Go back and choose.";
            return Err(Failure::refused(StatusCode::BAD_REQUEST, "This form cannot be read", text));
        }
    }
    let Some(tenant) = tenant_of(&app, &member, &asked).await? else {
        return Ok(see_other(&asked.way_back.with_error("access_denied", NOT_THEIRS)));
    };
    asked.decided(&app).await?;
    let consent = Consent {
        tenant,
        subject: member.member_id,
        epoch: member.epoch,
        scopes: asked.scopes,
        redirect_uri: asked.way_back.redirect_uri.clone(),
        challenge: asked.challenge,
        dpop_jkt: asked.dpop_jkt,
    };
    let code = app.gate.consent(&member.call(&app), &asked.client, consent).await?;
    Ok(see_other(&asked.way_back.with_code(code.expose())))
}
