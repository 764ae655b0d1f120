//! Clients as they are shown. Never with a secret, but in the one answer that made it.

use actix_web::web;
use chrono::{DateTime, Utc};
use nexus_domain::client::{ClientAuthentication, ClientJwk, ClientState, ClientType};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::key::{RevocationReason, SecretVersion};
use nexus_domain::verification::Restrictions;
use nexus_infrastructure::gate::RegisteredClient;
use nexus_projections::oauth::{self, ClientItem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::keys::listed;
use crate::problem::Problem;
use crate::receipt::Receipt;

/// An OAuth client as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientObject {
    /// Its id, under which the audit trail and usage have it.
    #[schema(value_type = String, example = "key_019abc0011227000800000000000cccc")]
    pub id: KeyId,
    /// Its public id, which it sends with every request.
    #[schema(example = "nx_client_019abc0011227000800000000000cccc")]
    pub client_id: String,
    /// Who registered it.
    #[schema(value_type = String, example = "3714240b-2e06-4c35-8856-ccc1c096323e")]
    pub tenant_id: TenantId,
    /// Its name.
    #[schema(example = "Calendar")]
    pub name: String,
    /// `server` or `app`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "app")]
    pub client_type: ClientType,
    /// `active` or `revoked`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// The environment of its tokens.
    #[schema(example = "live")]
    pub environment: String,
    /// How it proves who it is: `client_secret`, `private_key_jwt` or `none`.
    #[schema(value_type = String, example = "client_secret")]
    pub authentication: ClientAuthentication,
    /// Whether its authorization requests need a `code_challenge`.
    pub requires_pkce: bool,
    /// Whether it must push its authorization requests (RFC 9126).
    pub require_pushed_authorization_requests: bool,
    /// Whether it gets access tokens that are bound to a key alone (RFC 9449).
    pub dpop_bound_access_tokens: bool,
    /// Where codes may be sent.
    #[schema(example = json!(["https://calendar.example/callback"]))]
    pub redirect_uris: Vec<String>,
    /// What its tokens may allow at most.
    #[schema(example = json!(["read:payments"]))]
    pub scopes: Vec<String>,
    /// From where its tokens may be used; empty: from anywhere.
    pub ip_allowlist: Vec<String>,
    /// To what its tokens are restricted.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<String>>)]
    pub restrictions: Restrictions,
    /// Its public keys, where it proves who it is with `private_key_jwt`.
    #[schema(value_type = Vec<Object>)]
    pub jwks: Vec<ClientJwk>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// Who registered it.
    #[schema(example = "key_019abc0011227000800000000000bbbb")]
    pub created_by: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked.
    #[schema(value_type = Option<String>)]
    pub revocation_reason: Option<RevocationReason>,
    /// What was noted about it.
    pub revocation_note: Option<String>,
    /// Its secrets, oldest first.
    pub secrets: Vec<ClientSecretObject>,
}

/// A secret of a client as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientSecretObject {
    /// 1 for the first.
    #[schema(example = 1)]
    pub number: u32,
    /// The first characters.
    #[schema(example = "nx_secret_2EAV")]
    pub prefix: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it stays valid after being replaced; `null`: it is the current one.
    pub superseded_until: Option<DateTime<Utc>>,
}

/// A client with a secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientWithSecret {
    /// The client.
    pub client: ClientObject,
    /// Its public id.
    #[schema(example = "nx_client_019abc0011227000800000000000cccc")]
    pub client_id: String,
    /// The secret, where it has one. Store it now: it cannot be retrieved later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "nx_secret_…", nullable = false)]
    pub client_secret: Option<String>,
}

/// A client with a new secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotatedClient {
    /// The client and its new secret.
    #[serde(flatten)]
    pub rotated: ClientWithSecret,
}

/// A changed client with the proof that nodes know.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedClient {
    /// The client.
    pub client: ClientObject,
    /// How far the change has come.
    pub receipt: Receipt,
}

/// A revoked client with the proof that nodes know.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedClient {
    /// The client.
    pub client: ClientObject,
    /// How far the revocation has come.
    pub receipt: Receipt,
}

impl ClientWithSecret {
    pub(super) fn of(client: ClientObject, registered: &RegisteredClient) -> Self {
        let client_secret = registered.secret.as_ref().map(|secret| secret.expose().to_owned());
        Self { client_id: client.client_id.clone(), client, client_secret }
    }
}

impl ClientObject {
    pub(super) fn of(
        id: KeyId,
        client: &ClientState,
        created_by: Option<String>,
        note: Option<String>,
    ) -> Self {
        Self {
            id,
            client_id: client.client_id.clone(),
            tenant_id: client.tenant_id,
            name: client.name.clone(),
            client_type: client.client_type,
            status: if client.revoked.is_some() { "revoked" } else { "active" },
            environment: client.environment.clone(),
            authentication: client.authentication,
            requires_pkce: client.requires_pkce,
            require_pushed_authorization_requests: client.require_pushed_authorization_requests,
            dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            redirect_uris: client.redirect_uris.clone(),
            scopes: client.scopes.iter().map(ToString::to_string).collect(),
            ip_allowlist: client.ip_allowlist.iter().map(ToString::to_string).collect(),
            restrictions: client.restrictions.clone(),
            jwks: client.jwks.clone(),
            created_at: client.registered_at,
            created_by,
            revoked_at: client.revoked.map(|(at, _)| at),
            revocation_reason: client.revoked.map(|(_, reason)| reason),
            revocation_note: note,
            secrets: client.secrets.iter().map(ClientSecretObject::of).collect(),
        }
    }

    /// A client out of the list, once the list shows the log up to `position`.
    ///
    /// # Errors
    /// `not_found`, `unavailable`
    pub(super) async fn load(
        app: &web::Data<App>,
        tenant: TenantId,
        client: KeyId,
        position: u64,
    ) -> Result<Self, Problem> {
        listed(app, oauth::NAME, position).await?;
        let item = app.projections.oauth().client(tenant, client).await?;
        item.map(Self::from).ok_or_else(Problem::not_found)
    }
}

impl From<ClientItem> for ClientObject {
    fn from(item: ClientItem) -> Self {
        Self::of(item.id, &item.client, item.created_by, item.note)
    }
}

impl ClientSecretObject {
    fn of(secret: &SecretVersion) -> Self {
        Self {
            number: secret.number,
            prefix: secret.hint.clone(),
            created_at: secret.created_at,
            superseded_until: secret.superseded_until,
        }
    }
}
