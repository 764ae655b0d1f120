//! Change a key: its name, scopes, allow list, restrictions, expiry.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use crate::dialect::{Dialect, Form};
use crate::ids::TenantId;
use crate::key::terms::{Lifespan, canonical_networks, check_restrictions, check_scopes};
use crate::key::{Change, Key, KeyChanged, KeyEvent, KeyRefusal, check_name};
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// Replaces some of a key's properties; what is absent stays.
#[derive(Debug, Clone)]
pub struct ChangeKey {
    /// The owner.
    pub tenant_id: TenantId,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// Another name.
    pub name: Option<String>,
    /// Other scopes.
    pub scopes: Option<ScopeSet>,
    /// Another allow list.
    pub ip_allowlist: Option<Vec<IpNet>>,
    /// Other restrictions.
    pub restrictions: Option<Restrictions>,
    /// Another lifetime, counted from now.
    pub lifespan: Option<Lifespan>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl ChangeKey {
    /// No event where everything is already as asked.
    pub(super) fn decide(self, key: &Key) -> Result<Option<KeyEvent>, KeyRefusal> {
        let key = key.living(self.tenant_id, self.now)?;
        let mut asked = Vec::new();
        if let Some(name) = self.name {
            check_name(&name).map_err(KeyRefusal::InvalidName)?;
            asked.push((key.name != name, Change::Name(name)));
        }
        if let Some(scopes) = self.scopes {
            check_scopes(&self.dialect, key.key_type, &scopes)?;
            asked.push((key.scopes != scopes, Change::Scopes(scopes)));
        }
        if let Some(networks) = self.ip_allowlist {
            let networks = canonical_networks(&networks);
            asked.push((key.ip_allowlist != networks, Change::IpAllowlist(networks)));
        }
        if let Some(restrictions) = self.restrictions {
            check_restrictions(&self.dialect, &restrictions)?;
            asked.push((key.restrictions != restrictions, Change::Restrictions(restrictions)));
        }
        if let Some(lifespan) = self.lifespan {
            let form = self.dialect.form_of(key.key_type, &key.environment);
            let end = lifespan.end(&self.dialect, form, self.now)?;
            if form == Form::Jwt && end > key.expires_at {
                return Err(KeyRefusal::ExpiryInKey);
            }
            asked.push((key.expires_at != end, Change::ExpiresAt(end)));
        }
        if asked.is_empty() {
            return Err(KeyRefusal::NothingToChange);
        }
        let changes: Vec<Change> =
            asked.into_iter().filter(|(differs, _)| *differs).map(|(_, change)| change).collect();
        if changes.is_empty() {
            return Ok(None);
        }
        Ok(Some(KeyEvent::KeyChanged(KeyChanged {
            tenant_id: self.tenant_id,
            changes,
            changed_at: self.now,
        })))
    }
}
