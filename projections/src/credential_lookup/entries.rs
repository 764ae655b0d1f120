//! What nodes are told, out of the rows.

use nexus_domain::agent::AgentState;
use nexus_domain::client::Client;
use nexus_domain::integration::IntegrationState;
use nexus_domain::jwt_secret::JwtSecretState;
use nexus_domain::key::KeyState;
use nexus_domain::signing_key::SigningKeys;
use nexus_domain::tenant::TenantState;
use nexus_domain::validity::{DialectEntry, Entry, RevokedTokenEntry, Shown};
use serde::{Deserialize, Serialize};

use crate::error::QueryError;

/// What is stored of a revoked token or grant.
#[derive(Serialize, Deserialize)]
pub(super) struct Revoked {
    pub(super) dialect: String,
    pub(super) entry: RevokedTokenEntry,
}

pub(super) fn client_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let client: Client = serde_json::from_str(state).map_err(QueryError::row)?;
    client.shown(id).ok_or_else(|| QueryError::row(NoClient(id.to_owned())))
}

pub(super) fn revoked_entry(state: &str) -> Result<DialectEntry, QueryError> {
    let Revoked { dialect, entry } = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry { dialect, entry: Entry::RevokedToken(entry) })
}

#[derive(Debug, thiserror::Error)]
#[error("the state of the client {0} is empty")]
struct NoClient(String);

pub(super) fn tenant_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let tenant: TenantState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_tenant(id.parse().map_err(QueryError::row)?, &tenant))
}

pub(super) fn agent_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let agent: AgentState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_agent(id.parse().map_err(QueryError::row)?, &agent))
}

pub(super) fn integration_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let integration: IntegrationState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_integration(id.parse().map_err(QueryError::row)?, &integration))
}

pub(super) fn key_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let key: KeyState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_key(id.parse().map_err(QueryError::row)?, &key))
}

pub(super) fn signing_keys_entry(rows: &[(String, String)]) -> Result<DialectEntry, QueryError> {
    let read = |(_, state): &(String, String)| serde_json::from_str::<SigningKeys>(state);
    let keys = rows.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(QueryError::row)?;
    Ok(DialectEntry::of_signing_keys(&SigningKeys::together(keys)))
}

pub(super) fn jwt_secret_entry(id: &str, state: &str) -> Result<DialectEntry, QueryError> {
    let secret: JwtSecretState = serde_json::from_str(state).map_err(QueryError::row)?;
    Ok(DialectEntry::of_jwt_secret(id.parse().map_err(QueryError::row)?, &secret))
}
