//! Keys as they are shown. Never with a secret, but in the one answer that made it.

use std::time::Duration;

use actix_web::web;
use chrono::{DateTime, Utc};
use nexus_domain::dialect::KeyType;
use nexus_domain::ids::{IntegrationId, KeyId, TenantId};
use nexus_domain::key::{KeyState, RevocationReason, SecretVersion};
use nexus_domain::verification::Restrictions;
use nexus_infrastructure::gate::ShownSecret;
use nexus_projections::key_list::{KeyItem, KeyStatus, VersionItem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// How long a list may take to show what was answered before.
const LISTED_WITHIN: Duration = Duration::from_secs(3);

/// A key as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyObject {
    /// Its id.
    #[schema(value_type = String, example = "key_019abc0011227000800000000000aaaa")]
    pub id: KeyId,
    /// Its owner.
    #[schema(value_type = String, example = "3714240b-2e06-4c35-8856-ccc1c096323e")]
    pub tenant_id: TenantId,
    /// Its name.
    #[schema(example = "Warehouse Integration")]
    pub name: String,
    /// The first characters of its newest secret; of a key that is a JWT, its prefix and its last characters.
    #[schema(example = "nx_live_2EAV")]
    pub prefix: String,
    /// `secret` or `publishable`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "secret")]
    pub key_type: KeyType,
    /// The environment's name.
    #[schema(example = "live")]
    pub environment: String,
    /// `active`, `revoked` or `expired`.
    #[schema(example = "active")]
    pub status: String,
    /// What it may do.
    #[schema(example = json!(["read:payments"]))]
    pub scopes: Vec<String>,
    /// From where; empty: from anywhere.
    #[schema(example = json!(["203.0.113.0/24"]))]
    pub ip_allowlist: Vec<String>,
    /// To what it is restricted.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<String>>)]
    pub restrictions: Restrictions,
    /// Its public client id, where the dialect has them.
    pub client_id: Option<String>,
    /// The integration that it belongs to.
    #[schema(value_type = Option<String>)]
    pub integration_id: Option<IntegrationId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Who created it.
    #[schema(example = "key_019abc0011227000800000000000bbbb")]
    pub created_by: Option<String>,
    /// When a node last accepted it, as far as usage has come in.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends; `null`: never.
    #[schema(example = "2026-12-31T00:00:00Z")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked.
    #[schema(value_type = Option<String>)]
    pub revocation_reason: Option<RevocationReason>,
    /// What was noted about it.
    pub revocation_note: Option<String>,
    /// Its secrets, oldest first.
    pub versions: Vec<SecretVersionObject>,
}

/// A secret of a key as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretVersionObject {
    /// 1 for the first.
    #[schema(example = 1)]
    pub number: u32,
    /// The first characters.
    #[schema(example = "nx_live_2EAV")]
    pub prefix: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it stays valid after being replaced; `null`: it is the current one.
    pub superseded_until: Option<DateTime<Utc>>,
    /// When a node last accepted it.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A key with a secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyWithSecret {
    /// The key.
    pub key: KeyObject,
    /// The secret. Store it now: it cannot be retrieved later.
    #[schema(example = "nx_live_…")]
    pub secret: String,
    /// The public client id, where the dialect has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// A revoked key with the proof that nodes know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "key": {
        "id": "key_019abc0011227000800000000000aaaa", "tenant_id": "3714240b-2e06-4c35-8856-ccc1c096323e",
        "name": "Warehouse Integration", "prefix": "nx_live_2EAV", "type": "secret", "environment": "live",
        "status": "revoked", "scopes": ["read:payments"], "ip_allowlist": ["203.0.113.0/24"], "restrictions": {},
        "client_id": null, "integration_id": null, "created_at": "2026-01-31T14:03:00Z", "created_by": "key_019abc0011227000800000000000bbbb",
        "last_used_at": "2026-02-01T08:15:30Z", "expires_at": "2026-12-31T00:00:00Z",
        "revoked_at": "2026-02-01T08:16:00Z", "revocation_reason": "compromised",
        "revocation_note": "Found in a public repository",
        "versions": [{
            "number": 1, "prefix": "nx_live_2EAV", "created_at": "2026-01-31T14:03:00Z", "superseded_until": null,
            "last_used_at": "2026-02-01T08:15:30Z",
        }],
    },
    "receipt": {"position": 41, "nodes": 1, "confirmed": 1, "lapsed": 0, "elapsed_ms": 3},
}))]
pub struct RevokedKey {
    /// The key.
    pub key: KeyObject,
    /// How far the revocation has come.
    pub receipt: Receipt,
}

/// A key as it was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedKey {
    /// The key.
    #[serde(flatten)]
    pub key: KeyObject,
    /// How far the change has come.
    pub receipt: Receipt,
}

/// A key with a new secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotatedKey {
    /// The key and its new secret.
    #[serde(flatten)]
    pub rotated: KeyWithSecret,
    /// How far the end of the old secret has come; left out where its grace period goes on.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl KeyWithSecret {
    pub(super) fn of(key: KeyObject, secret: &ShownSecret) -> Self {
        Self { client_id: key.client_id.clone(), key, secret: secret.expose().to_owned() }
    }
}

impl KeyObject {
    /// A key that was created just now.
    pub(super) fn fresh(id: KeyId, key: &KeyState, created_by: &str) -> Self {
        Self {
            id,
            tenant_id: key.tenant_id,
            name: key.name.clone(),
            prefix: key.versions.last().map(|version| version.hint.clone()).unwrap_or_default(),
            key_type: key.key_type,
            environment: key.environment.clone(),
            status: "active".to_owned(),
            scopes: key.scopes.iter().map(ToString::to_string).collect(),
            ip_allowlist: key.ip_allowlist.iter().map(ToString::to_string).collect(),
            restrictions: key.restrictions.clone(),
            client_id: key.client_id.clone(),
            integration_id: key.integration_id,
            created_at: key.issued_at,
            created_by: Some(created_by.to_owned()),
            last_used_at: None,
            expires_at: key.expires_at,
            revoked_at: None,
            revocation_reason: None,
            revocation_note: None,
            versions: key.versions.iter().map(SecretVersionObject::fresh).collect(),
        }
    }

    /// A key out of the list, once the list shows the log up to `position`.
    ///
    /// # Errors
    /// `not_found`, `unavailable`
    pub(super) async fn load(
        app: &web::Data<App>,
        tenant: TenantId,
        key: KeyId,
        position: u64,
    ) -> Result<Self, Problem> {
        listed(app, nexus_projections::key_list::NAME, position).await?;
        let now = app.gate.clock().now();
        let item = app.projections.key_list().get(tenant, key, now).await?.ok_or_else(Problem::not_found)?;
        Ok(item.into())
    }
}

impl KeyObject {
    /// As [`KeyObject::load`]; where the list cannot be read in time, what the command itself knows. A secret that goes out
    /// once must not be lost to a list that is behind.
    pub(super) async fn load_or_fresh(
        app: &web::Data<App>,
        key: KeyId,
        state: &KeyState,
        position: u64,
    ) -> Self {
        match Self::load(app, state.tenant_id, key, position).await {
            Ok(object) => object,
            Err(problem) => {
                tracing::warn!(%problem, "answering without the list");
                Self { created_by: None, ..Self::fresh(key, state, "") }
            }
        }
    }
}

/// Waits until a projection shows the log up to `position`.
///
/// # Errors
/// `unavailable`
pub async fn listed(app: &App, projection: &str, position: u64) -> Result<(), Problem> {
    app.projections.await_position(projection, position, LISTED_WITHIN).await.map_err(|lagging| {
        tracing::warn!(error = %lagging, "a list is behind");
        Problem::new(&problem::UNAVAILABLE, "the lists are behind the log; try again in a moment")
    })
}

/// Waits until a projection shows everything that was answered before this call.
///
/// # Errors
/// `unavailable`
pub async fn up_to_date(app: &App, projection: &str) -> Result<(), Problem> {
    let head = app.gate.journal().head().await?;
    listed(app, projection, head).await
}

impl SecretVersionObject {
    fn fresh(version: &SecretVersion) -> Self {
        Self {
            number: version.number,
            prefix: version.hint.clone(),
            created_at: version.created_at,
            superseded_until: version.superseded_until,
            last_used_at: None,
        }
    }
}

impl From<VersionItem> for SecretVersionObject {
    fn from(version: VersionItem) -> Self {
        Self {
            number: version.number,
            prefix: version.prefix,
            created_at: version.created_at,
            superseded_until: version.superseded_until,
            last_used_at: version.last_used_at,
        }
    }
}

impl From<KeyItem> for KeyObject {
    fn from(item: KeyItem) -> Self {
        Self {
            id: item.id,
            tenant_id: item.tenant_id,
            name: item.name,
            prefix: item.prefix,
            key_type: item.key_type,
            environment: item.environment,
            status: match item.status {
                KeyStatus::Active => "active",
                KeyStatus::Revoked => "revoked",
                KeyStatus::Expired => "expired",
            }
            .to_owned(),
            scopes: item.scopes.iter().map(ToString::to_string).collect(),
            ip_allowlist: item.ip_allowlist.iter().map(ToString::to_string).collect(),
            restrictions: item.restrictions,
            client_id: item.client_id,
            integration_id: item.integration_id,
            created_at: item.created_at,
            created_by: item.created_by,
            last_used_at: item.last_used_at,
            expires_at: item.expires_at,
            revoked_at: item.revoked_at,
            revocation_reason: item.revocation_reason,
            revocation_note: item.revocation_note,
            versions: item.versions.into_iter().map(Into::into).collect(),
        }
    }
}
