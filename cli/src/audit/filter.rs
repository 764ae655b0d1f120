//! Which part of the audit log.

use std::net::IpAddr;

use clap::Args;
use nexus_domain::ids::{KeyId, TenantId};

use crate::client::Query;
use crate::keys::instant;

/// Conditions, all of which a row meets.
#[derive(Args)]
pub(super) struct Filter {
    /// Of this tenant; of all that the credential sees where absent, whatever NEXUS_TENANT says
    #[arg(long)]
    tenant: Option<TenantId>,

    /// Done by this actor
    #[arg(long)]
    actor: Option<String>,

    /// Of this kind, such as key.revoked
    #[arg(long)]
    action: Option<String>,

    /// About this key
    #[arg(long)]
    key: Option<KeyId>,

    /// From this address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,

    /// With this outcome: success, or the code of a refusal
    #[arg(long)]
    outcome: Option<String>,

    /// From this instant or date on
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    from: Option<String>,

    /// Before this instant or date
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    to: Option<String>,

    /// Holding this text
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
}

impl Filter {
    /// The address of the log and the query with the conditions.
    pub(super) fn request(&self) -> (String, Query) {
        let path = self
            .tenant
            .map_or_else(|| "/v1/audit".to_owned(), |tenant| format!("/v1/tenants/{tenant}/audit"));
        let mut query = Query::default();
        query.add("actor", self.actor.as_deref());
        query.add("action", self.action.as_deref());
        query.add("key", self.key);
        query.add("ip", self.ip);
        query.add("outcome", self.outcome.as_deref());
        query.add("from", self.from.as_deref());
        query.add("to", self.to.as_deref());
        query.add("q", self.q.as_deref());
        (path, query)
    }
}
