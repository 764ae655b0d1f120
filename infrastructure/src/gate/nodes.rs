//! Credentials of validating nodes: keys of the platform's own tenant that are good for a node's stream alone.

use std::collections::BTreeSet;

use chrono::DateTime;
use ipnet::IpNet;
use nexus_domain::dialect::KeyType;
use nexus_domain::key::Lifespan;
use nexus_domain::scope::ScopeSet;
use nexus_domain::verification::Restrictions;

use super::keys::{Issue, Issued, require};
use super::{Call, Done, Gate, GateError, PLATFORM_TENANT};

/// What the credential of a validating node shall be.
#[derive(Debug, Clone)]
pub struct NodeCredential {
    /// A name for people.
    pub name: String,
    /// The dialects whose credentials the node may follow, beside the platform's own; absent: all that there are and will be.
    pub dialects: Option<BTreeSet<String>>,
    /// From where; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// How long it lives. [`Lifespan::Unlimited`] is as long as it may: until the credential ends that makes it, if that ends.
    pub lifespan: Lifespan,
}

impl Gate {
    /// Creates the credential of a validating node and shows its secret.
    ///
    /// # Errors
    /// [`GateError`]; needs `nodes:write`.
    pub async fn issue_node_credential(
        &self,
        call: &Call<'_>,
        credential: NodeCredential,
    ) -> Result<Done<Issued>, GateError> {
        require(call, "nodes:write")?;
        let NodeCredential { name, dialects, ip_allowlist, lifespan } = credential;
        let connect = "nodes:connect".parse().map_err(|error| GateError::Internal(Box::new(error)))?;
        let lifespan = match (lifespan, DateTime::from_timestamp_micros(call.principal.not_after)) {
            // `i64::MAX`, for ever, is beyond what an instant can be.
            (Lifespan::Unlimited, Some(end)) => Lifespan::Until(end),
            (lifespan, _) => lifespan,
        };
        let issue = Issue {
            name,
            key_type: KeyType::Secret,
            environment: None,
            scopes: ScopeSet::from([connect]),
            ip_allowlist,
            restrictions: dialects
                .map_or_else(Restrictions::new, |names| Restrictions::from([("dialect".to_owned(), names)])),
            lifespan,
            integration: None,
        };
        self.issue(call, PLATFORM_TENANT, issue, None).await
    }
}
