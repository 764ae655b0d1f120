//! Where the authorization server's endpoints are and what they offer (RFC 8414), and who issues tokens for the API that this
//! server guards (RFC 9728).

use std::collections::BTreeSet;

use actix_web::{HttpResponse, get, web};
use nexus_domain::dialect::OauthGrant;
use nexus_domain::dpop;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// What the authorization server offers (RFC 8414 section 2).
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerMetadata {
    /// Who issues the tokens.
    #[schema(example = "https://nexus.example")]
    issuer: String,
    /// Where people are sent for their consent.
    #[schema(example = "https://nexus.example/oauth/authorize")]
    authorization_endpoint: String,
    /// Where clients get tokens.
    #[schema(example = "https://nexus.example/oauth/token")]
    token_endpoint: String,
    /// Where they push authorization requests (RFC 9126).
    #[schema(example = "https://nexus.example/oauth/par")]
    pushed_authorization_request_endpoint: String,
    /// Whether every client must; some may be registered to.
    #[schema(example = false)]
    require_pushed_authorization_requests: bool,
    /// Where they give them back (RFC 7009).
    #[schema(example = "https://nexus.example/oauth/revoke")]
    revocation_endpoint: String,
    /// Where they ask about them (RFC 7662).
    #[schema(example = "https://nexus.example/oauth/introspect")]
    introspection_endpoint: String,
    /// The keys that access tokens are checked with.
    #[schema(example = "https://nexus.example/.well-known/jwks.json")]
    jwks_uri: String,
    /// What can be asked for, of all dialects.
    #[schema(example = json!(["read:payments"]))]
    scopes_supported: BTreeSet<String>,
    /// `code`
    #[schema(example = json!(["code"]))]
    response_types_supported: [&'static str; 1],
    /// `query`
    #[schema(example = json!(["query"]))]
    response_modes_supported: [&'static str; 1],
    /// How tokens are got.
    #[schema(example = json!(["authorization_code", "refresh_token", "client_credentials"]))]
    grant_types_supported: Vec<&'static str>,
    /// `S256` alone.
    #[schema(example = json!(["S256"]))]
    code_challenge_methods_supported: [&'static str; 1],
    /// How clients prove who they are.
    #[schema(example = json!(METHODS))]
    token_endpoint_auth_methods_supported: [&'static str; 4],
    /// How assertions are signed.
    #[schema(example = json!(ALGORITHMS))]
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// The same where tokens are given back.
    #[schema(example = json!(METHODS))]
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    /// The same.
    #[schema(example = json!(ALGORITHMS))]
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// The same where tokens are asked about: by clients that prove who they are.
    #[schema(example = json!(CONFIDENTIAL))]
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    /// The same.
    #[schema(example = json!(ALGORITHMS))]
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// How proofs of possession are signed (RFC 9449).
    #[schema(example = json!(ALGORITHMS))]
    dpop_signing_alg_values_supported: [&'static str; 4],
    /// Answers of the authorization endpoint name the issuer (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
    /// Documentation for those who write clients.
    #[schema(example = "https://nexus.example/docs")]
    service_documentation: String,
}

/// Who issues tokens for an API (RFC 9728 section 2).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProtectedResource {
    /// The API: the audience of its access tokens.
    #[schema(example = "https://nexus.example")]
    resource: String,
    /// Who issues them.
    #[schema(example = json!(["https://nexus.example"]))]
    authorization_servers: [String; 1],
    /// The keys that they are checked with.
    #[schema(example = "https://nexus.example/.well-known/jwks.json")]
    jwks_uri: String,
    /// `header`
    #[schema(example = json!(["header"]))]
    bearer_methods_supported: [&'static str; 1],
    /// How proofs of possession are signed (RFC 9449), for tokens that are bound to a key.
    #[schema(example = json!(ALGORITHMS))]
    dpop_signing_alg_values_supported: [&'static str; 4],
    /// What can be asked for, of all dialects.
    #[schema(example = json!(["read:payments"]))]
    scopes_supported: BTreeSet<String>,
}

const METHODS: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
const CONFIDENTIAL: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
const ALGORITHMS: [&str; 4] = ["EdDSA", "Ed25519", "ES256", "RS256"];

/// Tells where the endpoints of OAuth are, and what they offer.
#[utoipa::path(
    operation_id = "oauth_server_metadata",
    tag = "oauth",
    responses((status = 200, body = ServerMetadata)),
    security(()),
)]
#[get("/.well-known/oauth-authorization-server")]
pub(crate) async fn server(app: web::Data<App>) -> HttpResponse {
    let issuer = app.signer.issuer();
    let base = issuer.trim_end_matches('/');
    let offered: BTreeSet<OauthGrant> =
        app.gate.dialects().iter().filter_map(|d| d.oauth.as_ref()).flat_map(|o| o.grants.clone()).collect();
    HttpResponse::Ok().json(ServerMetadata {
        authorization_endpoint: format!("{base}/oauth/authorize"),
        token_endpoint: format!("{base}/oauth/token"),
        pushed_authorization_request_endpoint: format!("{base}/oauth/par"),
        require_pushed_authorization_requests: false,
        revocation_endpoint: format!("{base}/oauth/revoke"),
        introspection_endpoint: format!("{base}/oauth/introspect"),
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        scopes_supported: scopes(&app),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: offered.into_iter().map(OauthGrant::as_str).collect(),
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: METHODS,
        token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        revocation_endpoint_auth_methods_supported: METHODS,
        revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        introspection_endpoint_auth_methods_supported: CONFIDENTIAL,
        introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        dpop_signing_alg_values_supported: dpop::ALGORITHMS,
        authorization_response_iss_parameter_supported: true,
        service_documentation: format!("{base}/docs"),
        issuer: issuer.to_owned(),
    })
}

/// Tells who issues access tokens for the API that this server guards.
#[utoipa::path(
    operation_id = "oauth_protected_resource",
    tag = "oauth",
    responses((status = 200, body = ProtectedResource)),
    security(()),
)]
#[get("/.well-known/oauth-protected-resource")]
pub(crate) async fn protected_resource(app: web::Data<App>) -> HttpResponse {
    let issuer = app.signer.issuer();
    HttpResponse::Ok().json(ProtectedResource {
        resource: issuer.to_owned(),
        authorization_servers: [issuer.to_owned()],
        jwks_uri: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
        bearer_methods_supported: ["header"],
        dpop_signing_alg_values_supported: dpop::ALGORITHMS,
        scopes_supported: scopes(&app),
    })
}

fn scopes(app: &App) -> BTreeSet<String> {
    let offering = app.gate.dialects().iter().filter(|dialect| dialect.oauth.is_some());
    offering.flat_map(|dialect| dialect.scopes.known.keys().map(ToString::to_string)).collect()
}
