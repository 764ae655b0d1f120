//! What can happen to a tenant.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

/// An event in the life of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TenantEvent {
    /// It was created.
    TenantCreated(TenantCreated),
    /// It got another name.
    TenantRenamed(TenantRenamed),
    /// Its keys are refused from now on.
    TenantSuspended(TenantSuspended),
    /// Its keys are accepted again.
    TenantResumed(TenantResumed),
}

/// The tenant was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantCreated {
    /// A name for people.
    pub name: String,
    /// The dialect of its keys, for good.
    pub dialect: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The tenant got another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRenamed {
    /// The name.
    pub name: String,
    /// When.
    pub renamed_at: DateTime<Utc>,
}

/// The tenant's keys are refused from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSuspended {
    /// What people noted about it.
    pub note: Option<String>,
    /// When.
    pub suspended_at: DateTime<Utc>,
}

/// The tenant's keys are accepted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantResumed {
    /// When.
    pub resumed_at: DateTime<Utc>,
}

impl DomainEvent for TenantEvent {
    fn event_type(&self) -> String {
        match self {
            Self::TenantCreated(_) => "TenantCreated",
            Self::TenantRenamed(_) => "TenantRenamed",
            Self::TenantSuspended(_) => "TenantSuspended",
            Self::TenantResumed(_) => "TenantResumed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
