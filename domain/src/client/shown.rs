//! What validating nodes are told of a client: what its tokens may allow, and whether it is revoked.

use super::Client;
use crate::validity::{ClientEntry, DialectEntry, Entry, Shown};

impl Shown for Client {
    fn shown(&self, id: &str) -> Option<DialectEntry> {
        let client = self.state()?;
        let entry = ClientEntry {
            id: id.parse().ok()?,
            client_id: client.client_id.clone(),
            tenant_id: client.tenant_id,
            name: client.name.clone(),
            environment: client.environment.clone(),
            scopes: client.scopes.clone(),
            restrictions: client.restrictions.clone(),
            ip_allowlist: client.ip_allowlist.clone(),
            revoked: client.revoked.is_some(),
        };
        Some(DialectEntry { dialect: client.dialect.clone(), entry: Entry::Client(Box::new(entry)) })
    }
}
