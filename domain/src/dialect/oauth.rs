//! Reading `[oauth]` of a dialect file: which grants the product offers, and how what it issues begins.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::file::{Fault, prefix_text};

/// A way to get an access token (RFC 6749 section 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OauthGrant {
    /// A client gets a token for somebody who agreed to it.
    AuthorizationCode,
    /// It gets further ones without asking again.
    RefreshToken,
    /// A client gets a token for itself.
    ClientCredentials,
}

impl OauthGrant {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials];

    /// The value of `grant_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// OAuth 2.0 as a product offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oauth {
    /// The grants.
    pub grants: BTreeSet<OauthGrant>,
    /// What the public ids of clients begin with.
    pub client_id_prefix: String,
    /// What the secrets of clients begin with.
    pub secret_prefix: String,
    /// What authorization codes begin with.
    pub code_prefix: String,
    /// What refresh tokens begin with.
    pub refresh_prefix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OauthEntry {
    grants: Spanned<Vec<Spanned<String>>>,
    client_id_prefix: Spanned<String>,
    secret_prefix: Spanned<String>,
    code_prefix: Option<Spanned<String>>,
    refresh_prefix: Option<Spanned<String>>,
}

pub(super) fn oauth(entry: Option<OauthEntry>, has_tokens: bool) -> Result<Option<Oauth>, Fault> {
    let Some(entry) = entry else {
        return Ok(None);
    };
    if !has_tokens {
        return Err((
            entry.grants.span(),
            "[oauth] needs [access_tokens]: how long what is issued lives".into(),
        ));
    }
    let mut grants = BTreeSet::new();
    for text in entry.grants.get_ref() {
        let grant = OauthGrant::ALL.into_iter().find(|grant| grant.as_str() == text.get_ref());
        let unknown =
            || (text.span(), "a grant is authorization_code, refresh_token or client_credentials".to_owned());
        grants.insert(grant.ok_or_else(unknown)?);
    }
    if grants.is_empty() {
        return Err((entry.grants.span(), "name at least one grant, or leave [oauth] out".to_owned()));
    }
    if grants.contains(&OauthGrant::RefreshToken) && !grants.contains(&OauthGrant::AuthorizationCode) {
        return Err((
            entry.grants.span(),
            "refresh_token goes with authorization_code: a client that has its own credentials asks again"
                .to_owned(),
        ));
    }
    let needed = |grant: OauthGrant, prefix: Option<Spanned<String>>, name: &str| match prefix {
        Some(prefix) => prefix_text(&prefix),
        None if grants.contains(&grant) => {
            Err((entry.grants.span(), format!("{} needs a {name}", grant.as_str())))
        }
        None => Ok(String::new()),
    };
    let code_prefix = needed(OauthGrant::AuthorizationCode, entry.code_prefix, "code_prefix")?;
    let refresh_prefix = needed(OauthGrant::RefreshToken, entry.refresh_prefix, "refresh_prefix")?;
    Ok(Some(Oauth {
        client_id_prefix: prefix_text(&entry.client_id_prefix)?,
        secret_prefix: prefix_text(&entry.secret_prefix)?,
        code_prefix,
        refresh_prefix,
        grants,
    }))
}
