//! Assertions: JWTs by which clients prove who they are, signed with keys of their own (RFC 7523 section 3, RFC 7521).

use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm as Checked, DecodingKey};
use nexus_domain::client::ClientJwk;
use nexus_domain::jwt::{Algorithm, Compact, PublicJwk};
use nexus_domain::verification::Refused;
use nexus_infrastructure::gate::KnownClient;
use serde_json::Value;

use super::error::OauthError;
use crate::app::App;

/// How long an assertion may be good for, in microseconds. Each is remembered for as long.
const LONGEST_LIFE: i64 = 600 * 1_000_000;
/// The longest `jti`, in bytes.
const LONGEST_ID: usize = 512;

/// Whom an assertion is about, before anything of it has been checked.
pub(super) fn subject(assertion: &str) -> Option<String> {
    let claims = Compact::read(assertion)?.claims().ok()?;
    claims.text("sub").ok()?.map(str::to_owned)
}

/// Whether an assertion proves that its sender is this client. It is good for one request.
///
/// # Errors
/// `temporarily_unavailable`
pub(super) async fn proves(app: &App, client: &KnownClient, assertion: &str) -> Result<bool, OauthError> {
    let now = app.gate.clock().unix_micros();
    match checked(client, app.signer.issuer(), assertion, now) {
        Ok((id, until)) => Ok(app.gate.take_assertion(client.key_id, &id, until).await?),
        Err(refused) => {
            tracing::debug!(client = %client.key_id, detail = %refused.detail, "an assertion is refused");
            Ok(false)
        }
    }
}

/// The assertion's id, and the instant from which it is refused anyway.
fn checked(client: &KnownClient, issuer: &str, assertion: &str, now: i64) -> Result<(String, i64), Refused> {
    let wrong = |detail: &'static str| Refused::malformed(detail);
    let token = Compact::read(assertion).ok_or_else(|| wrong("it is no JWT"))?;
    let header = token.header()?;
    if !matches!(header.typ.as_deref(), None | Some("jwt" | "client-authentication+jwt")) {
        return Err(wrong("its `typ` is that of another token"));
    }
    let named = |jwk: &&ClientJwk| {
        let kid = jwk.get("kid").and_then(Value::as_str);
        header.kid.is_none() || kid.is_none() || kid == header.kid.as_deref()
    };
    let signed = client.state.jwks.iter().filter(named).any(|jwk| signed(token, jwk, header.algorithm));
    if !signed {
        return Err(wrong("no key of the client made its signature"));
    }
    let claims = token.claims()?;
    let client_id = Some(client.state.client_id.as_str());
    if claims.text("iss")? != client_id || claims.text("sub")? != client_id {
        return Err(wrong("`iss` and `sub` are not the client"));
    }
    let base = issuer.trim_end_matches('/');
    let meant = |audience: &&str| {
        let rest = audience.strip_prefix(base);
        matches!(rest, Some("" | "/" | "/oauth/token" | "/oauth/revoke" | "/oauth/introspect" | "/oauth/par"))
    };
    // One audience alone: with several, each of them could use it here.
    if !matches!(claims.audience()?.as_deref(), Some([only]) if meant(only)) {
        return Err(wrong("`aud` is not this server"));
    }
    let times = claims.times()?;
    times.check(LONGEST_LIFE, now)?;
    let id = claims.text("jti")?.filter(|id| (1..=LONGEST_ID).contains(&id.len()));
    let id = id.ok_or_else(|| wrong("it has no `jti`"))?;
    Ok((id.to_owned(), times.expires_at.saturating_add(nexus_domain::jwt::SKEW)))
}

/// Whether a key made the token's signature. The algorithm is the key's, and never what the header says.
fn signed(token: Compact<'_>, jwk: &ClientJwk, claimed: Algorithm) -> bool {
    let Ok(jwk) = serde_json::from_value::<PublicJwk>(Value::Object(jwk.clone())) else { return false };
    let key = match &jwk {
        PublicJwk::Edwards { crv: _, x } => DecodingKey::from_ed_components(x),
        PublicJwk::Elliptic { crv: _, x, y } => DecodingKey::from_ec_components(x, y),
        PublicJwk::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
    };
    let algorithm = match jwk.algorithm() {
        Algorithm::EdDsa => Checked::EdDSA,
        Algorithm::Es256 => Checked::ES256,
        Algorithm::Rs256 => Checked::RS256,
        Algorithm::Hs256 => return false,
    };
    let is_right = |key: DecodingKey| verify(token.signature(), token.signed().as_bytes(), &key, algorithm);
    jwk.algorithm() == claimed && key.is_ok_and(|key| is_right(key).unwrap_or(false))
}
