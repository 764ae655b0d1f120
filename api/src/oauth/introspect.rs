//! `POST /oauth/introspect` (RFC 7662)

use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::client::ClientAuthentication;
use nexus_domain::credential::Digest;
use nexus_domain::ids::{KeyId, TenantId, TokenId};
use nexus_domain::jwt::Compact;
use nexus_domain::token::{AccessClaims, Confirmation, TokenState};
use nexus_domain::verification::{Code, Possession, Question};
use nexus_infrastructure::gate::KnownClient;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::client::{authenticate, remembered};
use super::error::{ErrorBody, OauthError};
use super::form::Form;
use super::{attempt, scope_text};
use crate::app::App;
use crate::nodes::settle::settle_here;
use crate::verification::hot::Moment;

/// [`nexus_validator::verify::Subject::kind`] of what this server issues.
const ACCESS_TOKEN: &str = "access_token";

/// What a client asks about.
#[derive(Debug, Deserialize, ToSchema)]
pub struct IntrospectForm {
    /// The access token or refresh token.
    pub token: String,
    /// `access_token` or `refresh_token`; not needed, since they are told apart by their form.
    pub token_type_hint: Option<String>,
    /// The client's public id, where it does not stand in `Authorization: Basic`.
    pub client_id: Option<String>,
    /// Its secret, where it does not stand there.
    pub client_secret: Option<String>,
}

/// What is known of a token (RFC 7662 section 2.2): all of it, or that it is not active. A token that is not for the caller to
/// know of is not active either.
#[derive(Debug, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether it can be used.
    pub active: bool,
    /// What it is.
    #[serde(flatten)]
    #[schema(inline)]
    pub token: Option<IntrospectedToken>,
}

/// An active token.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntrospectedToken {
    /// What it allows.
    #[schema(example = "read:users")]
    pub scope: String,
    /// The client that it was issued to.
    #[schema(example = "nx_client_4Tq9sXw2")]
    pub client_id: String,
    /// `Bearer`, or `DPoP` for one that is bound to a key; left out for a refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Bearer")]
    pub token_type: Option<&'static str>,
    /// When it ends, in Unix seconds.
    pub exp: i64,
    /// When it was issued, in Unix seconds.
    pub iat: i64,
    /// Who agreed to it, or the client itself.
    #[schema(example = "nx_client_4Tq9sXw2")]
    pub sub: String,
    /// For whom it is.
    #[schema(example = "https://nexus.example")]
    pub aud: String,
    /// Who issued it.
    #[schema(example = "https://nexus.example")]
    pub iss: String,
    /// The id of an access token; of a refresh token, that of its grant.
    #[schema(example = "token_01a2045dd05b762091b9bfb7c3413aae")]
    pub jti: String,
    /// Whose data it opens.
    #[schema(value_type = String, example = "01a2045c-f0a1-7c3e-9d54-0f6b1a2c3d4e")]
    pub tenant_id: TenantId,
    /// The key that it is bound to (RFC 9449 section 6.2); left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}))]
    pub cnf: Option<Confirmation>,
}

/// Tells whether a token can be used, and what for. The caller is a client that proves who it is, and learns of tokens that are
/// its own or open its own tenant's data.
#[utoipa::path(
    operation_id = "oauth_introspect",
    tag = "oauth",
    request_body(content = IntrospectForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Introspection), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)),
    security(()),
)]
#[post("/oauth/introspect")]
pub(crate) async fn introspect(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    attempt(&app, &request, async {
        let token = answer(&app, &request, &body).await?;
        Ok(HttpResponse::Ok().json(Introspection { active: token.is_some(), token }))
    })
    .await
}

async fn answer(
    app: &web::Data<App>,
    request: &HttpRequest,
    body: &[u8],
) -> Result<Option<IntrospectedToken>, OauthError> {
    let form = Form::read(request, body)?;
    // What was answered before by any API node is known to this one: also what became of a client that it remembers.
    settle_here(app).await?;
    let client = match remembered(app, request, &form) {
        Some(client) => client,
        None => authenticate(app, request, &form).await?,
    };
    // Anybody can name a public client, and nobody is to try tokens out here (section 4).
    if client.state.authentication == ClientAuthentication::None {
        return Err(OauthError::invalid_client());
    }
    let token = form.required("token")?;
    if app.gate.grant_borne(&client.state, token)?.is_some() {
        refresh_token(app, &client, token).await
    } else {
        access_token(app, &client, token).await
    }
}

async fn refresh_token(
    app: &App,
    caller: &KnownClient,
    token: &str,
) -> Result<Option<IntrospectedToken>, OauthError> {
    let Some(id) = app.gate.grant_borne(&caller.state, token)? else { return Ok(None) };
    let now = app.gate.clock().now();
    let grant = app.gate.grant(id).await?.filter(|grant| {
        let is_current = grant.refresh == Some(Digest::of(token));
        is_current && grant.revoked.is_none() && now < grant.expires_at
    });
    let Some(grant) = grant.filter(|grant| may_know(caller, grant.key_id, grant.tenant_id)) else {
        return Ok(None);
    };
    let client = app.gate.client_of(grant.key_id).await?.filter(|client| client.state.revoked.is_none());
    let Some(client) = client else { return Ok(None) };
    // Whose data it opens, and who registered the client: neither gets a token while suspended.
    for tenant in [grant.tenant_id, client.state.tenant_id] {
        if app.gate.tenant_suspended(tenant).await? {
            return Ok(None);
        }
    }
    let issuer = app.signer.issuer();
    Ok(Some(IntrospectedToken {
        scope: scope_text(&grant.scopes.intersection(&client.state.scopes).cloned().collect()),
        client_id: client.state.client_id,
        token_type: None,
        exp: grant.expires_at.timestamp(),
        iat: grant.granted_at.timestamp(),
        sub: grant.subject,
        aud: issuer.to_owned(),
        iss: issuer.to_owned(),
        jti: id.to_string(),
        tenant_id: grant.tenant_id,
        cnf: grant.refresh_jkt.map(|jkt| Confirmation { jkt }),
    }))
}

async fn access_token(
    app: &App,
    caller: &KnownClient,
    token: &str,
) -> Result<Option<IntrospectedToken>, OauthError> {
    let Some(Signed { id, key_id, tenant_id, granted, code }) = signed_here(app, token)? else {
        return Ok(None);
    };
    if code == Code::Valid {
        // It says itself what was put on record of it, but for what its client has lost since.
        let claims = Compact::read(token).and_then(|token| token.claims().ok()?.read::<AccessClaims>().ok());
        let claims = claims.filter(|_| may_know(caller, key_id, tenant_id));
        return Ok(claims.map(|claims| IntrospectedToken::of(id, granted, claims)));
    }
    // From where and for what it may be used is asked by whoever is shown it.
    if !matches!(code, Code::Valid | Code::Restricted | Code::IpNotAllowed | Code::WrongEnvironment) {
        return Ok(None);
    }
    let known = app.gate.issued_token(id).await?;
    let is_it = |known: &TokenState| {
        known.revoked.is_none() && (known.key_id, known.tenant_id) == (key_id, tenant_id)
    };
    let known = known.filter(|known| is_it(known) && may_know(caller, known.key_id, known.tenant_id));
    let Some(known) = known else { return Ok(None) };
    let Some(client) = app.gate.client_of(known.key_id).await? else { return Ok(None) };
    let issuer = app.signer.issuer();
    Ok(Some(IntrospectedToken {
        // The client may have been narrowed since.
        scope: scope_text(&known.scopes.intersection(&client.state.scopes).cloned().collect()),
        client_id: known.client_id,
        token_type: Some(token_type(known.jkt.is_some())),
        exp: known.expires_at.timestamp(),
        iat: known.issued_at.timestamp(),
        sub: known.subject,
        aud: issuer.to_owned(),
        iss: issuer.to_owned(),
        jti: id.to_string(),
        tenant_id: known.tenant_id,
        cnf: known.jkt.map(|jkt| Confirmation { jkt }),
    }))
}

impl IntrospectedToken {
    /// Of an access token that can be used, and still allows `scope`.
    fn of(id: TokenId, scope: String, claims: AccessClaims) -> Self {
        Self {
            scope,
            client_id: claims.client_id,
            token_type: Some(token_type(claims.cnf.is_some())),
            exp: claims.exp,
            iat: claims.iat,
            sub: claims.sub,
            aud: claims.aud,
            iss: claims.iss,
            jti: id.to_string(),
            tenant_id: claims.tenant_id,
            cnf: claims.cnf,
        }
    }
}

/// How a token is shown (RFC 6750, RFC 9449 section 7.1).
const fn token_type(is_bound: bool) -> &'static str {
    if is_bound { "DPoP" } else { "Bearer" }
}

fn may_know(caller: &KnownClient, issued_to: KeyId, opens: TenantId) -> bool {
    caller.key_id == issued_to || caller.state.tenant_id == opens
}

/// The id of an access token whose signature is right, whether or not it can be used.
pub(super) fn token_id(app: &App, token: &str) -> Result<Option<TokenId>, OauthError> {
    Ok(signed_here(app, token)?.map(|signed| signed.id))
}

/// An access token that was signed here.
struct Signed {
    id: TokenId,
    /// Its client.
    key_id: KeyId,
    /// Whose data it opens.
    tenant_id: TenantId,
    /// The scopes that it still allows, with a space between two.
    granted: String,
    /// The verdict on it.
    code: Code,
}

/// An access token that was signed here. What tenants sign themselves is none, whatever it says of itself.
fn signed_here(app: &App, token: &str) -> Result<Option<Signed>, OauthError> {
    let Some(compact) = Compact::read(token) else { return Ok(None) };
    // Whoever asks does not use it, and holds no key of it.
    let question = Question { possession: Possession::Unused, ..Question::default() };
    let verifier = &app.verifier;
    let now = Moment::now(verifier);
    let unavailable = || OauthError::unavailable("this node cannot tell just now; send the request again");
    let sight = verifier.own_sight(now).map_err(|_| unavailable())?;
    let decision = verifier.validator.verify_credential(&sight, None, token, &question, now.unix_micros);
    let decision = decision.map_err(|error| OauthError::internal(&error.to_string()))?;
    let code = decision.code();
    // Nor where too many with wrong signatures came before, so that this one was not looked at.
    if matches!(code, Code::Unavailable | Code::RateLimited) {
        return Err(unavailable());
    }
    // Whose token it is is known of those alone whose signature is right.
    let Some(subject) = decision.subject.filter(|subject| subject.kind() == ACCESS_TOKEN) else {
        return Ok(None);
    };
    let id = compact.claims().ok().and_then(|claims| claims.text("jti").ok()??.parse().ok());
    let (key_id, tenant_id) = (subject.key_id(), subject.tenant_id());
    let granted = subject.rights().granted.clone();
    Ok(id.map(|id| Signed { id, key_id, tenant_id, granted, code }))
}
