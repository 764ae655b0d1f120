//! OAuth clients, whose access tokens nodes check.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::dialect::{Dialect, KeyType};
use crate::ids::{KeyId, TenantId};
use crate::scope::{Scope, ScopeSet};
use crate::token::AccessClaims;
use crate::verification::{Restrictions, Rights};

/// A client as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientEntry {
    /// The id under which its uses are counted.
    pub id: KeyId,
    /// Its public id, as it stands in its tokens.
    pub client_id: String,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// The environment's name.
    pub environment: String,
    /// What its tokens may do at the most.
    pub scopes: ScopeSet,
    /// To what all its tokens are restricted.
    pub restrictions: Restrictions,
    /// From where its tokens may be used; empty: from anywhere.
    pub ip_allowlist: Vec<ipnet::IpNet>,
    /// Whether it is revoked, which is final.
    pub revoked: bool,
}

impl ClientEntry {
    /// What a token of the client may do in the client's dialect: what was signed into it, and no more than the client may.
    #[must_use]
    pub fn rights(&self, claims: &AccessClaims, dialect: &Dialect) -> Rights {
        let most = dialect.effective_scopes(&self.scopes);
        let granted: ScopeSet = claims
            .scope
            .split(' ')
            .filter(|scope| most.allow(scope))
            .filter_map(|scope| scope.parse().ok())
            .collect();
        Rights {
            key_type: KeyType::Secret,
            environment: claims.environment.clone(),
            granted: granted.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
            scopes: dialect.effective_scopes(&granted),
            ip_allowlist: self.ip_allowlist.clone(),
            restrictions: both(&self.restrictions, &claims.restrictions),
            client_id: Some(self.client_id.clone()),
        }
    }
}

/// What both sets of restrictions leave.
fn both(one: &Restrictions, other: &Restrictions) -> Restrictions {
    let mut all = one.clone();
    for (name, values) in other {
        let narrowed: BTreeSet<String> = match one.get(name) {
            Some(own) => own.intersection(values).cloned().collect(),
            None => values.clone(),
        };
        all.insert(name.clone(), narrowed);
    }
    all
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn restrictions(name: &str, values: &[&str]) -> Restrictions {
        [(name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())].into()
    }

    #[test]
    fn a_token_may_do_what_was_signed_into_it_and_no_more_than_its_client() {
        let nexus = Dialect::parse("nexus.toml", include_str!("../../../dialects/nexus.toml")).unwrap();
        let client = ClientEntry {
            id: KeyId::new(Uuid::from_u128(7)),
            client_id: "nxc_1".into(),
            tenant_id: TenantId::new(Uuid::from_u128(1)),
            name: "Billing".into(),
            environment: "live".into(),
            scopes: ["read:users".parse().unwrap(), "write:users".parse().unwrap()].into(),
            restrictions: restrictions("brand", &["acme", "apex"]),
            ip_allowlist: vec!["192.0.2.0/24".parse().unwrap()],
            revoked: false,
        };
        let claims = AccessClaims {
            iss: "https://nexus.test".into(),
            sub: "nxc_1".into(),
            aud: "https://nexus.test".into(),
            exp: 1,
            iat: 0,
            jti: "t".into(),
            client_id: "nxc_1".into(),
            scope: "read:users read:payments admin:all".into(),
            tenant_id: client.tenant_id,
            environment: "test".into(),
            grant_id: None,
            cnf: None,
            restrictions: restrictions("brand", &["acme", "other"]),
        };
        let rights = client.rights(&claims, &nexus);
        assert_eq!((rights.granted.as_str(), rights.environment.as_str()), ("read:users", "test"));
        assert!(rights.scopes.allow("read:users") && !rights.scopes.allow("write:users"));
        assert!(!rights.scopes.allow("read:payments") && !rights.scopes.allow("admin:all"));
        assert_eq!(rights.restrictions, restrictions("brand", &["acme"]));
        assert_eq!((rights.ip_allowlist, rights.client_id), (client.ip_allowlist, Some("nxc_1".into())));
        let unlike = AccessClaims { restrictions: restrictions("region", &["eu"]), ..claims };
        let client = ClientEntry { ip_allowlist: Vec::new(), ..client };
        assert_eq!(client.rights(&unlike, &nexus).restrictions.len(), 2, "both hold");
    }
}
