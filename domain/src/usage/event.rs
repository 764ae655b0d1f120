//! What nodes report.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, TenantId};
use crate::verification::Code;

/// Decisions by outcome.
pub type Counts = BTreeMap<Code, u64>;

/// Usage that a node reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsageEvent {
    /// A key was presented.
    KeyUsed(KeyUsed),
    /// Credentials of nobody were presented.
    UnattributedRefusals(UnattributedRefusals),
}

/// A key was presented to one node within one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUsed {
    /// The key's owner.
    pub tenant_id: TenantId,
    /// The key.
    pub key_id: KeyId,
    /// The node that decided.
    pub node: String,
    /// When the first decision of the window fell.
    pub from: DateTime<Utc>,
    /// When the last decision of the window fell.
    pub to: DateTime<Utc>,
    /// Decisions by outcome.
    pub counts: Counts,
    /// The requests one by one, as far as they were recorded: all at detail `requests`.
    pub requests: Vec<UsedRequest>,
}

/// Credentials were presented that belong to no key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnattributedRefusals {
    /// The node that decided.
    pub node: String,
    /// When the first decision of the window fell.
    pub from: DateTime<Utc>,
    /// When the last decision of the window fell.
    pub to: DateTime<Utc>,
    /// Decisions by outcome, exact.
    pub counts: Counts,
    /// The first of them one by one.
    pub requests: Vec<UsedRequest>,
}

/// One request as a node saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedRequest {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// The outcome.
    pub code: Code,
    /// Which secret version was presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Path without the query, which may hold secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The caller's address, encrypted with the tenant's key for personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The caller's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The version that the caller's client says it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
}

impl DomainEvent for UsageEvent {
    fn event_type(&self) -> String {
        match self {
            Self::KeyUsed(_) => "KeyUsed",
            Self::UnattributedRefusals(_) => "UnattributedRefusals",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}
