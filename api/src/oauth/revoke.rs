//! `POST /oauth/revoke` (RFC 7009)

use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::credential::Digest;
use nexus_domain::ids::TokenId;
use nexus_domain::key::RevocationReason;
use nexus_domain::token::Revoker;
use nexus_infrastructure::gate::{GateError, Refusal};
use serde::Deserialize;
use utoipa::ToSchema;

use super::client::authenticate;
use super::error::{ErrorBody, OauthError};
use super::form::Form;
use super::introspect::token_id;
use super::{Visitor, attempt};
use crate::app::App;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::{settle, settle_here};

/// What a client gives back.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RevokeForm {
    /// The access token or refresh token.
    pub token: String,
    /// `access_token` or `refresh_token`; not needed, since they are told apart by their form.
    pub token_type_hint: Option<String>,
    /// The client's public id, where it does not stand in `Authorization: Basic`.
    pub client_id: Option<String>,
    /// Its secret, where it does not stand there.
    pub client_secret: Option<String>,
}

/// Revokes a token that the client was issued: an access token, or a refresh token with all that it ever gave. When this
/// answers, every validating node refuses them. A token that is not the client's is as good as revoked, and no error.
#[utoipa::path(
    operation_id = "oauth_revoke",
    tag = "oauth",
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "It is revoked"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)),
    security(()),
)]
#[post("/oauth/revoke")]
pub(crate) async fn revoke(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    attempt(&app, &request, async {
        give_back(&app, &request, &body).await?;
        Ok(HttpResponse::Ok().finish())
    })
    .await
}

/// The id of an access token, also of one that another API node has just issued.
async fn token_id_now(app: &App, token: &str) -> Result<Option<TokenId>, OauthError> {
    settle_here(app).await?;
    token_id(app, token)
}

async fn give_back(app: &web::Data<App>, request: &HttpRequest, body: &[u8]) -> Result<(), OauthError> {
    let form = Form::read(request, body)?;
    let client = authenticate(app, request, &form).await?;
    let token = form.required("token")?;
    let visitor = Visitor::client(app, request, &client)?;
    let (call, by) = (visitor.call(app), Revoker::Client(client.key_id));
    let revoked = if let Some(grant) = app.gate.grant_borne(&client.state, token)? {
        app.gate.revoke_grant(&call, grant, by, Some(Digest::of(token))).await.map(|done| done.position)
    } else if let Some(id) = token_id_now(app, token).await? {
        let reason = RevocationReason::CessationOfOperation;
        app.gate.revoke_token(&call, id, by, reason).await.map(|done| done.position)
    } else {
        return Ok(());
    };
    match revoked {
        // Where nothing had to be done, an earlier revocation may not have come everywhere yet.
        Ok(position) => Ok(settle(app, position, Effect::Reduces).await.map(drop)?),
        Err(GateError::Refused(Refusal::Grant(_) | Refusal::Token(_))) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
