//! Rotate a key: a new secret, the old one valid for a grace period.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::credential::Digest;
use crate::dialect::{Dialect, Rotation};
use crate::ids::TenantId;
use crate::key::{Key, KeyEvent, KeyRefusal, KeyRotated};

/// Gives a key a new secret, minted at the edge.
#[derive(Debug, Clone)]
pub struct RotateKey {
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

impl RotateKey {
    pub(super) fn decide(self, key: &Key) -> Result<KeyEvent, KeyRefusal> {
        let key = key.living(self.tenant_id, self.now)?;
        if self.tenant_suspended {
            return Err(KeyRefusal::TenantSuspended);
        }
        let (default_grace, longest) = match &self.dialect.rotation {
            Rotation::Unsupported { advice } => {
                return Err(KeyRefusal::RotationUnsupported { advice: advice.clone() });
            }
            Rotation::InPlace { grace, longest_grace } => (*grace, *longest_grace),
        };
        let grace = self.grace.unwrap_or(default_grace);
        if grace > longest || grace < TimeDelta::zero() {
            return Err(KeyRefusal::GraceTooLong { longest });
        }
        let until = self.now + grace;
        Ok(KeyEvent::KeyRotated(KeyRotated {
            tenant_id: self.tenant_id,
            version: key.versions.iter().map(|v| v.number).max().unwrap_or(0) + 1,
            hint: self.hint,
            digest: self.digest,
            // The grace never outlives the key.
            previous_valid_until: key.expires_at.map_or(until, |end| end.min(until)),
            rotated_at: self.now,
        }))
    }
}
