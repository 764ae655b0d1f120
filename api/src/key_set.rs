//! `GET /.well-known/jwks.json`: the keys that others check our signatures with (RFC 7517 section 5).

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, get, web};
use nexus_domain::ids::SigningKeyId;
use nexus_domain::jwt::{Algorithm, PublicJwk};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// How long others may keep the set. A key is in it for a day before it signs.
const KEPT: &str = "public, max-age=900";

/// Registers the route.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(key_set);
}

/// Keys that signatures are checked with.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeySet {
    /// The keys, the oldest first.
    keys: Vec<KeyOfSet>,
}

/// A public key with what it is for (RFC 7517 section 4).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"kid": "sgn019abc0011227000800000000000aaaa", "alg": "EdDSA", "use": "sig", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}))]
pub struct KeyOfSet {
    /// Its id, as it stands in the headers of tokens.
    #[schema(value_type = String)]
    kid: SigningKeyId,
    /// The one algorithm that it is for.
    #[schema(value_type = String)]
    alg: Algorithm,
    /// Always `sig`.
    #[serde(rename = "use")]
    purpose: &'static str,
    /// The key itself.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    jwk: PublicJwk,
}

/// The public keys that access tokens are signed with, and soon will be: each is here a day before it signs, and until the last
/// token that it signed has ended.
#[utoipa::path(
    operation_id = "key_set",
    get,
    path = "/.well-known/jwks.json",
    tag = "oauth",
    security(()),
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = KeySet)),
)]
#[get("/.well-known/jwks.json")]
pub(crate) async fn key_set(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let keys = app.signer.keys();
    let keys = keys.published().map(|key| KeyOfSet {
        kid: key.kid,
        alg: key.algorithm,
        purpose: "sig",
        jwk: key.jwk.clone(),
    });
    let body = serde_json::to_string(&KeySet { keys: keys.collect() }).map_err(Problem::internal)?;
    let answer = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/jwk-set+json"))
        .insert_header((CACHE_CONTROL, KEPT))
        .body(body);
    Ok(answer)
}
