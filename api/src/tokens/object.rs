//! Tokens as they are shown: never the token itself, which is stored nowhere.

use chrono::{DateTime, Utc};
use nexus_domain::ids::KeyId;
use nexus_projections::oauth::{TokenItem, TokenKind, TokenStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::receipt::Receipt;

/// A token as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenObject {
    /// The id of an access token, its `jti`; or that of the grant that a refresh token belongs to.
    #[schema(example = "token_019abc0011227000800000000000dddd")]
    pub id: String,
    /// `access` or `refresh`.
    #[schema(example = "access")]
    pub kind: &'static str,
    /// `active`, `revoked` or `expired`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// The client that it was issued to.
    #[schema(value_type = String, example = "key_019abc0011227000800000000000cccc")]
    pub client: KeyId,
    /// Its public id.
    #[schema(example = "nx_client_019abc0011227000800000000000cccc")]
    pub client_id: String,
    /// Its name.
    #[schema(example = "Calendar")]
    pub client_name: String,
    /// The grant of an access token; `null`: the client's own credentials.
    #[schema(example = "grant_019abc0011227000800000000000eeee")]
    pub grant_id: Option<String>,
    /// Who agreed to it, or the client itself.
    #[schema(example = "mem_019abc0011227000800000000000ffff")]
    pub subject: String,
    /// What it allows.
    #[schema(example = json!(["read:payments"]))]
    pub scopes: Vec<String>,
    /// When it was issued; of a refresh token, when it was last used.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked, or its grant or client was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A revoked token with the proof that nodes know.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedToken {
    /// The token.
    pub token: TokenObject,
    /// How far the revocation has come.
    pub receipt: Receipt,
}

impl From<TokenItem> for TokenObject {
    fn from(item: TokenItem) -> Self {
        Self {
            id: item.id,
            kind: match item.kind {
                TokenKind::Access => "access",
                TokenKind::Refresh => "refresh",
            },
            status: match item.status {
                TokenStatus::Active => "active",
                TokenStatus::Revoked => "revoked",
                TokenStatus::Expired => "expired",
            },
            client: item.key_id,
            client_id: item.client_id,
            client_name: item.client_name,
            grant_id: item.grant_id,
            subject: item.subject,
            scopes: item.scopes.iter().map(ToString::to_string).collect(),
            issued_at: item.issued_at,
            expires_at: item.expires_at,
            revoked_at: item.revoked_at,
        }
    }
}
