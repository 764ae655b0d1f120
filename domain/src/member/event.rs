//! What can happen to a member.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::ids::{PasswordId, TenantId};

/// An event in the life of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberEvent {
    /// Somebody became a member.
    MemberAdded(MemberAdded),
    /// The member has another password from now on, and no session that was begun before.
    PasswordSet(PasswordSet),
    /// The member is none any more.
    MemberRemoved(MemberRemoved),
    /// Nobody can read any more who the member was.
    MemberErased(MemberErased),
}

/// Somebody became a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberAdded {
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// The e-mail address, encrypted with the member's key.
    pub email: String,
    /// What the member may do.
    pub role: Role,
    /// When.
    pub added_at: DateTime<Utc>,
}

/// The member has another password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordSet {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Where its hash is kept, which is not in the log: what people choose can be guessed, and the log is never rewritten.
    pub password_id: PasswordId,
    /// When.
    pub set_at: DateTime<Utc>,
}

/// The member is none any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRemoved {
    /// The tenant that the member was of.
    pub tenant_id: TenantId,
    /// When.
    pub removed_at: DateTime<Utc>,
}

/// Nobody can read any more who the member was: the key is destroyed that the e-mail address and the addresses of the member's
/// requests are encrypted with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberErased {
    /// The tenant that the member was of.
    pub tenant_id: TenantId,
    /// When.
    pub erased_at: DateTime<Utc>,
}

impl MemberEvent {
    /// The tenant whose member it is about.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        match self {
            Self::MemberAdded(event) => event.tenant_id,
            Self::PasswordSet(event) => event.tenant_id,
            Self::MemberRemoved(event) => event.tenant_id,
            Self::MemberErased(event) => event.tenant_id,
        }
    }
}

impl DomainEvent for MemberEvent {
    fn event_type(&self) -> String {
        match self {
            Self::MemberAdded(_) => "MemberAdded",
            Self::PasswordSet(_) => "PasswordSet",
            Self::MemberRemoved(_) => "MemberRemoved",
            Self::MemberErased(_) => "MemberErased",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
