//! `POST /oauth/token`

use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::client::ClientAuthentication;
use nexus_domain::credential::Digest;
use nexus_domain::grant::GrantRefusal;
use nexus_domain::scope::ScopeSet;
use nexus_infrastructure::gate::{GateError, IssuedTokens, KnownClient, Proof, Redemption, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::AccessTokens;
use super::client::{authenticate, remembered};
use super::dpop::proved;
use super::error::{ErrorBody, OauthError};
use super::form::Form;
use super::{Visitor, attempt, scope_text, scopes};
use crate::app::App;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle;

/// What a client asks for tokens with.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TokenForm {
    /// `client_credentials`, `authorization_code` or `refresh_token`.
    pub grant_type: String,
    /// The client's public id, where it does not stand in `Authorization: Basic`.
    pub client_id: Option<String>,
    /// Its secret, where it does not stand there.
    pub client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with `client_assertion`.
    pub client_assertion_type: Option<String>,
    /// A JWT by which the client proves who it is (RFC 7523).
    pub client_assertion: Option<String>,
    /// What the access token shall allow, with a space between two scopes; all that it may where left out.
    pub scope: Option<String>,
    /// The code, with `authorization_code`.
    pub code: Option<String>,
    /// Where the code was sent, with `authorization_code`.
    pub redirect_uri: Option<String>,
    /// What the `code_challenge` was made of (RFC 7636), with `authorization_code`.
    pub code_verifier: Option<String>,
    /// The refresh token, with `refresh_token`. It can be used once: the answer has the next one.
    pub refresh_token: Option<String>,
}

/// Tokens (RFC 6749 section 5.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenAnswer {
    /// The access token, a JWT (RFC 9068).
    #[schema(example = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIs…")]
    pub access_token: String,
    /// `Bearer`, or `DPoP` where the request proved to hold a key (RFC 9449)
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// How long the access token lives, in seconds.
    #[schema(example = 3600)]
    pub expires_in: i64,
    /// What it allows.
    #[schema(example = "read:users")]
    pub scope: String,
    /// The refresh token, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "nx_refresh_0hYb2JzGvT7k…")]
    pub refresh_token: Option<String>,
}

/// Gives a client an access token: for itself, for a code that somebody's consent gave it, or for a refresh token.
#[utoipa::path(
    operation_id = "oauth_token",
    tag = "oauth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    params(("DPoP" = Option<String>, Header, description = "A proof that the client holds a key (RFC 9449), to which what it gets is bound")),
    responses((status = 200, body = TokenAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)),
    security(()),
)]
#[post("/oauth/token")]
pub(crate) async fn issue(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    attempt(&app, &request, async {
        let answer = answer(&app, &request, &body).await?;
        Ok(HttpResponse::Ok().json(answer))
    })
    .await
}

async fn answer(app: &web::Data<App>, request: &HttpRequest, body: &[u8]) -> Result<TokenAnswer, OauthError> {
    let form = Form::read(request, body)?;
    let grant_type = form.required("grant_type")?;
    if grant_type == "client_credentials"
        && let Some(client) = remembered(app, request, &form)
    {
        let jkt = proved(app, request, "/oauth/token").await?;
        if let Some(answer) = to_remembered(app, request, &form, &client, jkt).await? {
            return Ok(answer);
        }
        let client = authenticate(app, request, &form).await?;
        return for_itself(app, request, &form, client, jkt).await;
    }
    let client = authenticate(app, request, &form).await?;
    let jkt = proved(app, request, "/oauth/token").await?;
    match grant_type {
        "client_credentials" => for_itself(app, request, &form, client, jkt).await,
        "authorization_code" => {
            let proof = Proof::Code {
                code: form.required("code")?,
                redirect_uri: form.get("redirect_uri"),
                verifier: form.get("code_verifier"),
            };
            redeem(app, request, client, &proof, jkt).await
        }
        "refresh_token" => {
            let proof =
                Proof::Refresh { token: form.required("refresh_token")?, scopes: asked_scopes(&form)? };
            redeem(app, request, client, &proof, jkt).await
        }
        _ => Err(OauthError::unsupported_grant_type()),
    }
}

/// As [`for_itself`], where what is remembered of the client still holds. Else nothing.
async fn to_remembered(
    app: &App,
    request: &HttpRequest,
    form: &Form,
    client: &KnownClient,
    jkt: Option<Digest>,
) -> Result<Option<TokenAnswer>, OauthError> {
    let scopes = asked_scopes(form)?;
    let issuance = app.authentication_limits.admit_issuance(client.key_id, None)?;
    let visitor = Visitor::client(app, request, client)?;
    let sign = AccessTokens(&app.signer);
    let issued = app.gate.issue_to_remembered(&visitor.call(app), client, scopes, jkt, &sign).await?;
    Ok(issued.map(|issued| {
        issuance.issued();
        TokenAnswer::of(&issued)
    }))
}

async fn for_itself(
    app: &App,
    request: &HttpRequest,
    form: &Form,
    client: KnownClient,
    jkt: Option<Digest>,
) -> Result<TokenAnswer, OauthError> {
    let scopes = asked_scopes(form)?;
    let issuance = app.authentication_limits.admit_issuance(client.key_id, None)?;
    let visitor = Visitor::client(app, request, &client)?;
    let sign = AccessTokens(&app.signer);
    let issued = app.gate.issue_to_client(&visitor.call(app), client, scopes, jkt, &sign).await?;
    issuance.issued();
    Ok(TokenAnswer::of(&issued))
}

async fn redeem(
    app: &App,
    request: &HttpRequest,
    client: KnownClient,
    proof: &Proof<'_>,
    jkt: Option<Digest>,
) -> Result<TokenAnswer, OauthError> {
    let refreshed = match proof {
        Proof::Refresh { token, .. } => app.gate.grant_borne(&client.state, token)?,
        Proof::Code { .. } => None,
    };
    let issuance = app.authentication_limits.admit_issuance(client.key_id, refreshed)?;
    let visitor = Visitor::client(app, request, &client)?;
    // Of a client that proved who it is, what is wrong came from a browser that it serves: its address must not pay for that.
    let is_public = client.state.authentication == ClientAuthentication::None;
    let counted = |mut error: OauthError| {
        error.failed_attempt &= is_public;
        error
    };
    let sign = AccessTokens(&app.signer);
    let redeemed = app.gate.redeem(&visitor.call(app), client, proof, jkt, &sign).await;
    let redeemed = match redeemed {
        // Whoever ended it may still wait for that to hold everywhere, or never heard that it does.
        Err(error @ GateError::Refused(Refusal::Grant(GrantRefusal::Revoked))) => {
            settle(app, None, Effect::Reduces).await?;
            return Err(counted(error.into()));
        }
        Err(error) => return Err(counted(error.into())),
        Ok(redeemed) => redeemed,
    };
    match redeemed {
        Redemption::Issued(issued) => {
            issuance.issued();
            Ok(TokenAnswer::of(&issued))
        }
        Redemption::Ended { position } => {
            // Somebody else may hold the tokens that it gave: none of them is accepted anywhere when this is answered.
            settle(app, Some(position), Effect::Reduces).await?;
            metrics::counter!("nexus_oauth_reuse_total").increment(1);
            Err(counted(OauthError::invalid_grant(
                "the code or token was used before, and all that it gave is revoked; send the person to the authorization endpoint again",
            )))
        }
    }
}

fn asked_scopes(form: &Form) -> Result<Option<ScopeSet>, OauthError> {
    let malformed = || OauthError::invalid_scope("scope must be a list of scopes with a space between two");
    form.get("scope").map(|text| scopes(text).ok_or_else(malformed)).transpose()
}

impl TokenAnswer {
    fn of(issued: &IssuedTokens) -> Self {
        let token = &issued.token;
        Self {
            access_token: issued.access_token.expose().to_owned(),
            token_type: if token.jkt.is_some() { "DPoP" } else { "Bearer" },
            expires_in: (token.expires_at - token.issued_at).num_seconds(),
            scope: scope_text(&token.scopes),
            refresh_token: issued.refresh_token.as_ref().map(|token| token.expose().to_owned()),
        }
    }
}
