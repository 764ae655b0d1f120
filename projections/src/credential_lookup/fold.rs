//! The fold.

use std::collections::BTreeMap;

use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use nexus_domain::agent::Agent;
use nexus_domain::client::Client;
use nexus_domain::grant::Grant;
use nexus_domain::integration::Integration;
use nexus_domain::jwt_secret::JwtSecret;
use nexus_domain::key::Key;
use nexus_domain::member::Member;
use nexus_domain::session::Session;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::Token;
use nexus_domain::usage::Usage;
use nexus_domain::validity::{DialectEntry, Entry};

use super::NAME;
use super::entries::Revoked;
use super::steps::{
    agent_steps, integration_steps, jwt_secret_steps, key_steps, signing_key_steps, tenant_steps,
};
use super::tables::{
    self, AGENT_COLUMNS, AGENTS, CLIENT_COLUMNS, CLIENTS, INTEGRATION_COLUMNS, INTEGRATIONS,
    JWT_SECRET_COLUMNS, JWT_SECRETS, KEY_COLUMNS, KEYS, REPLACE_AGENT, REPLACE_CLIENT, REPLACE_INTEGRATION,
    REPLACE_JWT_SECRET, REPLACE_KEY, REPLACE_REVOKED, REPLACE_SIGNING_KEY, REPLACE_TENANT, REVOKED,
    REVOKED_COLUMNS, SIGNING_KEY_COLUMNS, SIGNING_KEYS, TENANT_COLUMNS, TENANTS,
};
use crate::documents;
use crate::error::FoldError;
use crate::event::{Body, Event};
use crate::oauth::client_steps;
use crate::projection::{Projection, Rows, Stored, Table};

/// The fold.
pub(crate) struct Fold;

impl Projection for Fold {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        4
    }

    fn tables(&self) -> &'static [Table] {
        tables::ALL
    }

    fn consumes(&self) -> &'static [&'static str] {
        &[
            Key::TYPE,
            Tenant::TYPE,
            Agent::TYPE,
            Integration::TYPE,
            SigningKeys::TYPE,
            JwtSecret::TYPE,
            Client::TYPE,
            Grant::TYPE,
            Token::TYPE,
        ]
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[Usage::TYPE, Member::TYPE, Session::TYPE]
    }

    fn fold<'a>(
        &'a self,
        stored: Stored<'a>,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<Vec<Rows>, FoldError>> {
        async move {
            let tenants =
                documents::fold::<Tenant>(stored, TENANTS, "tenant_id", "state", tenant_steps(events))
                    .await?;
            let agents =
                documents::fold::<Agent>(stored, AGENTS, "agent_id", "state", agent_steps(events)).await?;
            let integrations = documents::fold::<Integration>(
                stored,
                INTEGRATIONS,
                "integration_id",
                "state",
                integration_steps(events),
            )
            .await?;
            let keys = documents::fold::<Key>(stored, KEYS, "key_id", "state", key_steps(events)).await?;
            let tenants = tenants.rows(TENANTS, TENANT_COLUMNS, REPLACE_TENANT, |id, tenant| {
                Ok(vec![id.to_string().into(), serde_json::to_string(tenant)?.into()])
            })?;
            let keys = keys.rows(KEYS, KEY_COLUMNS, REPLACE_KEY, |id, key| {
                Ok(vec![id.to_string().into(), serde_json::to_string(key)?.into()])
            })?;
            let agents = agents.rows(AGENTS, AGENT_COLUMNS, REPLACE_AGENT, |id, agent| {
                Ok(vec![id.to_string().into(), serde_json::to_string(agent)?.into()])
            })?;
            let integrations =
                integrations.rows(INTEGRATIONS, INTEGRATION_COLUMNS, REPLACE_INTEGRATION, |id, state| {
                    Ok(vec![id.to_string().into(), serde_json::to_string(state)?.into()])
                })?;
            let steps = signing_key_steps(events);
            let signing = documents::fold::<SigningKeys>(stored, SIGNING_KEYS, "kid", "state", steps).await?;
            let signing =
                signing.rows(SIGNING_KEYS, SIGNING_KEY_COLUMNS, REPLACE_SIGNING_KEY, |kid, key| {
                    Ok(vec![kid.to_string().into(), serde_json::to_string(key)?.into()])
                })?;
            let steps = jwt_secret_steps(events);
            let secrets =
                documents::fold::<JwtSecret>(stored, JWT_SECRETS, "secret_id", "state", steps).await?;
            let secrets =
                secrets.rows(JWT_SECRETS, JWT_SECRET_COLUMNS, REPLACE_JWT_SECRET, |id, secret| {
                    let tenant = secret.state().map(|state| state.tenant_id.to_string()).unwrap_or_default();
                    Ok(vec![id.to_string().into(), tenant.into(), serde_json::to_string(secret)?.into()])
                })?;
            let steps = client_steps(events);
            let clients = documents::fold::<Client>(stored, CLIENTS, "key_id", "state", steps).await?;
            let clients = clients.rows(CLIENTS, CLIENT_COLUMNS, REPLACE_CLIENT, |id, client| {
                Ok(vec![id.to_string().into(), serde_json::to_string(client)?.into()])
            })?;
            let rows = [tenants, agents, integrations, keys, signing, secrets, clients].into_iter().flatten();
            Ok(rows.chain([revoked(events)?]).collect())
        }
        .boxed()
    }
}

/// The tokens and grants that events revoke.
fn revoked(events: &[Event]) -> Result<Rows, FoldError> {
    let mut rows = BTreeMap::new();
    for event in events {
        let shown = match &event.body {
            Body::Grant(id, change) => change.shown(&id.to_string()),
            Body::Token(id, change) => change.shown(&id.to_string()),
            _ => None,
        };
        let Some(DialectEntry { dialect, entry: Entry::RevokedToken(entry) }) = shown else { continue };
        let state = serde_json::to_string(&Revoked { dialect, entry: entry.clone() })?;
        rows.insert(entry.id.clone(), vec![entry.id.into(), entry.until.into(), state.into()]);
    }
    let rows = rows.into_values().collect();
    Ok(Rows { table: REVOKED, columns: REVOKED_COLUMNS, rows, on_conflict: REPLACE_REVOKED })
}
