//! Rotate a client's secret: a new one, the old one valid for a grace period.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Client, ClientEvent, ClientRefusal, ClientSecretRotated};
use crate::credential::Digest;
use crate::dialect::{Dialect, Rotation};
use crate::ids::TenantId;

/// The grace where the dialect does not say one, since its keys are not rotated in place.
const GRACE: TimeDelta = TimeDelta::hours(24);
/// The longest grace there.
const LONGEST_GRACE: TimeDelta = TimeDelta::days(30);

/// Gives a client a new secret, minted at the edge.
#[derive(Debug, Clone)]
pub struct RotateClientSecret {
    /// The owner.
    pub tenant_id: TenantId,
    /// Whether the owner is suspended.
    pub tenant_suspended: bool,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// How long the old secrets stay valid; absent: the dialect's default; zero: not at all.
    pub grace: Option<TimeDelta>,
    /// The first characters of the new secret.
    pub hint: String,
    /// SHA-256 of the new secret.
    pub digest: Digest,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RotateClientSecret {
    pub(super) fn decide(self, client: &Client) -> Result<ClientEvent, ClientRefusal> {
        let client = client.of(self.tenant_id)?;
        if client.revoked.is_some() {
            return Err(ClientRefusal::Revoked);
        }
        if self.tenant_suspended {
            return Err(ClientRefusal::TenantSuspended);
        }
        if client.secrets.is_empty() {
            return Err(ClientRefusal::NoSecret);
        }
        let (default_grace, longest) = match &self.dialect.rotation {
            Rotation::InPlace { grace, longest_grace } => (*grace, *longest_grace),
            Rotation::Unsupported { .. } => (GRACE, LONGEST_GRACE),
        };
        let grace = self.grace.unwrap_or(default_grace);
        if grace > longest || grace < TimeDelta::zero() {
            return Err(ClientRefusal::GraceTooLong { longest });
        }
        Ok(ClientEvent::ClientSecretRotated(ClientSecretRotated {
            tenant_id: self.tenant_id,
            version: client.secrets.iter().map(|secret| secret.number).max().unwrap_or(0) + 1,
            hint: self.hint,
            digest: self.digest,
            previous_valid_until: self.now + grace,
            rotated_at: self.now,
        }))
    }
}
