//! The `[quota]` of a dialect file: how much of each kind a tenant may have.

use serde::Deserialize;
use toml::Spanned;

use super::file::Fault;

/// The most that a tenant may have at once of what is not revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Keys that have not expired either; absent: any number.
    pub keys: Option<u32>,
    /// OAuth clients.
    pub clients: u32,
    /// Secrets for service JWTs.
    pub jwt_secrets: u32,
}

impl Default for Quotas {
    /// What holds where a dialect says nothing. Nodes keep every client and every secret in memory.
    fn default() -> Self {
        Self { keys: None, clients: 100, jwt_secrets: 20 }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaEntry {
    active_keys: Option<Spanned<u32>>,
    active_clients: Option<Spanned<u32>>,
    active_jwt_secrets: Option<Spanned<u32>>,
}

pub(super) fn quotas(entry: QuotaEntry) -> Result<Quotas, Fault> {
    let limit = |limit: Option<Spanned<u32>>, none: &str| match limit {
        Some(limit) if *limit.get_ref() == 0 => Err((limit.span(), none.to_owned())),
        limit => Ok(limit.map(Spanned::into_inner)),
    };
    let usual = Quotas::default();
    let keys = limit(entry.active_keys, "active_keys = 0 would allow no key at all")?;
    let clients = limit(entry.active_clients, "active_clients = 0 would allow no client at all")?;
    let jwt_secrets = limit(entry.active_jwt_secrets, "active_jwt_secrets = 0 would allow no secret at all")?;
    Ok(Quotas {
        keys,
        clients: clients.unwrap_or(usual.clients),
        jwt_secrets: jwt_secrets.unwrap_or(usual.jwt_secrets),
    })
}
