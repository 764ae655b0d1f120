//! Change a client: its name, redirect URIs, scopes, allow list, restrictions.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::register::{check_client_scopes, check_redirects};
use super::{Client, ClientChange, ClientChanged, ClientEvent, ClientRefusal};
use crate::dialect::Dialect;
use crate::ids::TenantId;
use crate::key::{canonical_networks, check_name, check_restrictions};
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// Replaces some of a client's properties; what is absent stays. What its tokens may do follows at once, those included that were
/// issued before.
#[derive(Debug, Clone)]
pub struct ChangeClient {
    /// The owner.
    pub tenant_id: TenantId,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// Another name.
    pub name: Option<String>,
    /// Other redirect URIs.
    pub redirect_uris: Option<Vec<String>>,
    /// Other scopes.
    pub scopes: Option<ScopeSet>,
    /// Another allow list.
    pub ip_allowlist: Option<Vec<IpNet>>,
    /// Other restrictions.
    pub restrictions: Option<Restrictions>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl ChangeClient {
    /// No event where everything is already as asked.
    pub(super) fn decide(self, client: &Client) -> Result<Option<ClientEvent>, ClientRefusal> {
        let client = client.of(self.tenant_id)?;
        if client.revoked.is_some() {
            return Err(ClientRefusal::ChangeOfRevoked);
        }
        let mut asked = Vec::new();
        if let Some(name) = self.name {
            check_name(&name).map_err(ClientRefusal::InvalidName)?;
            asked.push((client.name != name, ClientChange::Name(name)));
        }
        if let Some(uris) = self.redirect_uris {
            check_redirects(client.client_type, &uris)?;
            asked.push((client.redirect_uris != uris, ClientChange::RedirectUris(uris)));
        }
        if let Some(scopes) = self.scopes {
            check_client_scopes(&self.dialect, &scopes)?;
            asked.push((client.scopes != scopes, ClientChange::Scopes(scopes)));
        }
        if let Some(networks) = self.ip_allowlist {
            let networks = canonical_networks(&networks);
            asked.push((client.ip_allowlist != networks, ClientChange::IpAllowlist(networks)));
        }
        if let Some(restrictions) = self.restrictions {
            check_restrictions(&self.dialect, &restrictions).map_err(ClientRefusal::Terms)?;
            asked.push((client.restrictions != restrictions, ClientChange::Restrictions(restrictions)));
        }
        if asked.is_empty() {
            return Err(ClientRefusal::NothingToChange);
        }
        let differing = asked.into_iter().filter(|(differs, _)| *differs).map(|(_, change)| change);
        let changes: Vec<ClientChange> = differing.collect();
        if changes.is_empty() {
            return Ok(None);
        }
        Ok(Some(ClientEvent::ClientChanged(ClientChanged {
            tenant_id: self.tenant_id,
            changes,
            changed_at: self.now,
        })))
    }
}
