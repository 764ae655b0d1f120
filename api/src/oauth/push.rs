//! `POST /oauth/par` (RFC 9126)

use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::client::ClientType;
use nexus_infrastructure::gate::GateError;
use nexus_infrastructure::pushed_requests::PUSHED_LIFETIME;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempt;
use super::authorize_request::{check, kept};
use super::client::authenticate;
use super::dpop::proved;
use super::error::{ErrorBody, OauthError};
use super::form::Form;
use crate::app::App;

/// What an app pushes: what it would send somebody to `/oauth/authorize` with, and by what it proves who it is.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PushForm {
    /// The app's public id, where it does not stand in `Authorization: Basic`.
    pub client_id: Option<String>,
    /// Its secret, where it does not stand there.
    pub client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with `client_assertion`.
    pub client_assertion_type: Option<String>,
    /// A JWT by which the app proves who it is (RFC 7523).
    pub client_assertion: Option<String>,
    /// `code`
    pub response_type: String,
    /// Where the answer goes: one that the app is registered with, byte for byte.
    pub redirect_uri: String,
    /// What the app asks for, with a space between two scopes; all that it is registered with where left out.
    pub scope: Option<String>,
    /// Comes back with the answer.
    pub state: Option<String>,
    /// SHA-256 of the verifier in base64url (RFC 7636).
    pub code_challenge: Option<String>,
    /// `S256`
    pub code_challenge_method: Option<String>,
    /// SHA-256 of the key (RFC 7638) that the code shall be bound to (RFC 9449), where no proof comes in the header `DPoP`.
    pub dpop_jkt: Option<String>,
}

/// Where the request stands (RFC 9126 section 2.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct PushAnswer {
    /// What `/oauth/authorize` takes for it, together with `client_id`. It can be decided on once.
    #[schema(example = "urn:ietf:params:oauth:request_uri:0hYb2JzGvT7k…")]
    pub request_uri: String,
    /// For how long somebody can be sent with it, in seconds.
    #[schema(example = 60)]
    pub expires_in: i64,
}

/// Takes an authorization request from the app itself, so that nobody on the way can change or read it, and gives a reference to
/// send somebody with.
#[utoipa::path(
    operation_id = "oauth_push",
    tag = "oauth",
    request_body(content = PushForm, content_type = "application/x-www-form-urlencoded"),
    params(("DPoP" = Option<String>, Header, description = "A proof that the client holds a key (RFC 9449), to which the code is bound")),
    responses((status = 201, body = PushAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)),
    security(()),
)]
#[post("/oauth/par")]
pub(crate) async fn push(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    attempt(&app, &request, async {
        let answer = answer(&app, &request, &body).await?;
        Ok(HttpResponse::Created().json(answer))
    })
    .await
}

async fn answer(app: &App, request: &HttpRequest, body: &[u8]) -> Result<PushAnswer, OauthError> {
    let form = Form::read(request, body)?;
    let client = authenticate(app, request, &form).await?;
    if client.state.client_type != ClientType::App {
        return Err(OauthError::unauthorized_client(
            "the client is a server, which asks nobody for consent; use grant_type=client_credentials",
        ));
    }
    if form.get("request_uri").is_some() {
        return Err(OauthError::invalid_request(
            "request_uri cannot be pushed; send the parameters themselves (RFC 9126 section 2.1)",
        ));
    }
    let key_id = client.key_id;
    let asked = check(app.signer.issuer(), client, &form)?;
    let proved = proved(app, request, "/oauth/par").await?;
    if asked.dpop_jkt.is_some() && proved.is_some() && asked.dpop_jkt != proved {
        return Err(OauthError::invalid_dpop_proof(
            "dpop_jkt is another key's than the DPoP proof's; send one of both",
        ));
    }
    let requests = app.gate.pushed_requests();
    let reference = requests.push(key_id, &kept(&form, proved), app.gate.clock().now()).await;
    Ok(PushAnswer {
        request_uri: reference.map_err(GateError::from)?.expose().to_owned(),
        expires_in: PUSHED_LIFETIME.num_seconds(),
    })
}
