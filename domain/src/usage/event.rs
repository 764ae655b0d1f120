//! What nodes report.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, TenantId};
use crate::usage::Requests;
use crate::verification::Code;

/// Decisions by outcome.
pub type Counts = BTreeMap<Code, u64>;

/// Usage that a node reported. `R` is what the requests are read as: most of an event's bytes, which a reader that only
/// counts need not take apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsageEvent<R = Requests> {
    /// A key was presented.
    KeyUsed(KeyUsed<R>),
    /// Credentials of nobody were presented.
    UnattributedRefusals(UnattributedRefusals<R>),
}

/// A key was presented to one node within one window, which does not reach over the end of a minute (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUsed<R = Requests> {
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
    /// When each secret version that was accepted in the window was accepted last.
    #[serde(default)]
    pub last_accepted: BTreeMap<u32, DateTime<Utc>>,
    /// The requests, as far as they were recorded: all at detail `requests`.
    pub requests: R,
}

/// Credentials were presented that belong to no key, within one window of at most a minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnattributedRefusals<R = Requests> {
    /// The node that decided.
    pub node: String,
    /// When the first decision of the window fell.
    pub from: DateTime<Utc>,
    /// When the last decision of the window fell.
    pub to: DateTime<Utc>,
    /// Decisions by outcome, exact.
    pub counts: Counts,
    /// The first of them.
    pub requests: R,
}

impl<R> UsageEvent<R> {
    /// The version of its schema.
    #[must_use]
    pub const fn version(&self) -> &'static str {
        match self {
            Self::KeyUsed(_) | Self::UnattributedRefusals(_) => "1.0",
        }
    }
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
        self.version().to_owned()
    }
}
