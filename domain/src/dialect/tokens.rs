//! The `[access_tokens]` and `[service_jwts]` of a dialect file.

use chrono::TimeDelta;
use serde::Deserialize;
use toml::Spanned;

use super::file::{Fault, span_duration};
use crate::jwt::LONGEST_LIFE;

/// How a dialect issues access tokens, and whether its nodes accept them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokens {
    /// How long an access token lives.
    pub lifetime: TimeDelta,
    /// How long its refresh tokens live, from the consent on.
    pub refresh_lifetime: TimeDelta,
    /// Whether a request may show one instead of a key.
    pub accepted: bool,
}

/// That a dialect accepts JWTs which a tenant's services sign themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceJwts {
    /// The claim that lists what a token may do.
    pub permissions_claim: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessTokensEntry {
    lifetime: Spanned<String>,
    refresh_lifetime: Spanned<String>,
    #[serde(default = "accepted")]
    accepted: bool,
}

const fn accepted() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceJwtsEntry {
    permissions_claim: Spanned<String>,
}

/// Claims that say something else (RFC 7519 section 4.1).
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

pub(super) fn access_tokens(entry: AccessTokensEntry) -> Result<AccessTokens, Fault> {
    let lifetime = span_duration(&entry.lifetime)?;
    if lifetime < TimeDelta::minutes(1) || lifetime > TimeDelta::microseconds(LONGEST_LIFE) {
        return Err((entry.lifetime.span(), "an access token must live 1m to 24h".into()));
    }
    let refresh_lifetime = span_duration(&entry.refresh_lifetime)?;
    if refresh_lifetime < lifetime {
        return Err((
            entry.refresh_lifetime.span(),
            "refresh_lifetime must not be shorter than lifetime".into(),
        ));
    }
    Ok(AccessTokens { lifetime, refresh_lifetime, accepted: entry.accepted })
}

pub(super) fn service_jwts(entry: ServiceJwtsEntry) -> Result<ServiceJwts, Fault> {
    let claim = entry.permissions_claim;
    if claim.get_ref().is_empty() || REGISTERED.contains(&claim.get_ref().as_str()) {
        let fault = "permissions_claim must be a claim that has no meaning of its own, such as permissions";
        return Err((claim.span(), fault.into()));
    }
    Ok(ServiceJwts { permissions_claim: claim.into_inner() })
}
