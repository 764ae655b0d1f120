//! What members may do.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a member may do in the tenant, by the scopes of management credentials. A member of the platform's own tenant may do it
/// in all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Owner,
    /// All but what concerns owners.
    Admin,
    /// Keys, and nothing about people.
    Developer,
    /// Reads, and changes nothing.
    Auditor,
}

/// The text is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such role; choose owner, admin, developer or auditor")]
pub struct UnknownRole;

impl Role {
    /// All, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Developer, Self::Auditor];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Auditor => "auditor",
        }
    }

    /// What it may do: scopes of the management dialect, which a test compares with its file.
    #[must_use]
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Owner => &["admin:all"],
            Self::Admin => {
                &["tenants:read", "keys:write", "clients:write", "members:write", "audit:read", "verify"]
            }
            Self::Developer => &["tenants:read", "keys:write", "clients:write", "audit:read", "verify"],
            Self::Auditor => &["tenants:read", "keys:read", "clients:read", "members:read", "audit:read"],
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{MANAGEMENT, built_in};
    use crate::scope::ScopeSet;

    #[test]
    fn roles_hold_scopes_that_exist_and_each_covers_those_below_it_but_for_reading_about_people() {
        let dialects = built_in();
        let management = dialects.get(MANAGEMENT).unwrap();
        let held = |role: Role| -> ScopeSet { role.scopes().iter().map(|s| s.parse().unwrap()).collect() };
        for role in Role::ALL {
            assert!(held(role).iter().all(|scope| management.scopes.known.contains_key(scope)), "{role:?}");
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        let effective = |role| management.effective_scopes(&held(role));
        assert!(effective(Role::Owner).cover(&effective(Role::Admin)));
        assert!(effective(Role::Admin).cover(&effective(Role::Developer)));
        assert!(effective(Role::Admin).cover(&effective(Role::Auditor)));
        assert!(!effective(Role::Admin).cover(&effective(Role::Owner)));
        assert!(!effective(Role::Developer).cover(&effective(Role::Auditor)));
        assert!("Owner".parse::<Role>().is_err());
    }
}
