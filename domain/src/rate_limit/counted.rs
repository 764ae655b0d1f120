//! Whose requests are counted together.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;

/// Requests that count against the same limits: a tenant's, or those with its keys of one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counted {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The environment, by its place in the dialect's list from 0; absent: all that have no limits of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<u16>,
}

impl From<TenantId> for Counted {
    fn from(tenant_id: TenantId) -> Self {
        Self { tenant_id, environment: None }
    }
}

/// The name of the ledger, the tenant's id alone where it is for all.
impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tenant_id.fmt(f)?;
        self.environment.map_or(Ok(()), |environment| write!(f, "/{environment}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_environments_share_is_told_and_kept_as_it_was_without_any() {
        let tenant_id: TenantId = "3714240b-2e06-4c35-8856-ccc1c096323e".parse().unwrap();
        let (all, third) = (Counted::from(tenant_id), Counted { tenant_id, environment: Some(2) });
        assert_eq!(all.to_string(), tenant_id.to_string());
        assert_eq!(third.to_string(), format!("{tenant_id}/2"));
        assert_eq!(serde_json::to_value(all).unwrap(), serde_json::json!({"tenant_id": tenant_id}));
        for counted in [all, third] {
            let text = serde_json::to_string(&counted).unwrap();
            assert_eq!(serde_json::from_str::<Counted>(&text).unwrap(), counted);
        }
    }
}
