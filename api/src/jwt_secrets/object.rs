//! Secrets for service JWTs as they are shown. Never with the secret, but in the one answer that made it.

use chrono::{DateTime, Utc};
use nexus_domain::ids::{JwtSecretId, TenantId};
use nexus_domain::jwt_secret::{JwtSecretState, JwtSecretVersion};
use nexus_domain::key::RevocationReason;
use serde::Serialize;
use utoipa::ToSchema;

use crate::receipt::Receipt;

/// A secret for service JWTs as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct JwtSecretObject {
    /// Its id: the `kid` in the headers of the tokens that are signed with it.
    #[schema(value_type = String, example = "jws019abc0011227000800000000000aaaa")]
    pub id: JwtSecretId,
    /// Its owner.
    #[schema(value_type = String, example = "3714240b-2e06-4c35-8856-ccc1c096323e")]
    pub tenant_id: TenantId,
    /// Its name.
    #[schema(example = "Payments")]
    pub name: String,
    /// The environment of its tokens.
    #[schema(example = "live")]
    pub environment: String,
    /// `active` or `revoked`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// What its tokens may do at the most.
    #[schema(example = json!(["read:payments"]))]
    pub scopes: Vec<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked.
    #[schema(value_type = Option<String>)]
    pub revocation_reason: Option<RevocationReason>,
    /// Its versions, oldest first.
    pub versions: Vec<JwtSecretVersionObject>,
}

/// A version of a secret as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct JwtSecretVersionObject {
    /// 1 for the first.
    #[schema(example = 1)]
    pub number: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it stays valid after being replaced; `null`: it is the current one.
    pub superseded_until: Option<DateTime<Utc>>,
}

/// A secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedJwtSecret {
    /// What is known of it.
    pub jwt_secret: JwtSecretObject,
    /// The secret: the whole text is the key of HS256. Store it now: it cannot be retrieved later.
    #[schema(example = "nxjs_…")]
    pub secret: String,
}

/// A secret that was replaced, with the new one, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotatedJwtSecret {
    /// The new one.
    #[serde(flatten)]
    pub rotated: IssuedJwtSecret,
    /// How far it has come that the old one is refused, where that is at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

/// A revoked secret with the proof that nodes know.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedJwtSecret {
    /// What is known of it.
    pub jwt_secret: JwtSecretObject,
    /// How far the revocation has come.
    pub receipt: Receipt,
}

impl JwtSecretObject {
    pub(super) fn of(id: JwtSecretId, secret: JwtSecretState) -> Self {
        Self {
            id,
            tenant_id: secret.tenant_id,
            name: secret.name,
            environment: secret.environment,
            status: if secret.revoked.is_some() { "revoked" } else { "active" },
            scopes: secret.scopes.iter().map(ToString::to_string).collect(),
            created_at: secret.issued_at,
            revoked_at: secret.revoked.map(|(at, _)| at),
            revocation_reason: secret.revoked.map(|(_, reason)| reason),
            versions: secret.versions.iter().map(JwtSecretVersionObject::of).collect(),
        }
    }
}

impl JwtSecretVersionObject {
    const fn of(version: &JwtSecretVersion) -> Self {
        Self {
            number: version.number,
            created_at: version.created_at,
            superseded_until: version.superseded_until,
        }
    }
}
