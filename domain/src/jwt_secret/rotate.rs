//! Replace a secret for service JWTs: a new version, the old one valid for a grace period.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{JwtSecret, JwtSecretEvent, JwtSecretRefusal, JwtSecretRotated, MOST_VERSIONS};
use crate::dialect::{Dialect, Rotation};
use crate::ids::TenantId;

/// Gives a secret a new version. The secret itself is stored apart, before.
#[derive(Debug, Clone)]
pub struct RotateJwtSecret {
    /// The owner.
    pub tenant_id: TenantId,
    /// Whether the owner is suspended.
    pub tenant_suspended: bool,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// Under which id the new version is sealed.
    pub sealed_id: Uuid,
    /// How long the old versions stay valid; absent: as for keys of the dialect, or 24 h; zero: not at all.
    pub grace: Option<TimeDelta>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RotateJwtSecret {
    pub(super) fn decide(self, secret: &JwtSecret) -> Result<JwtSecretEvent, JwtSecretRefusal> {
        let state = secret.of(self.tenant_id)?;
        if state.revoked.is_some() {
            return Err(JwtSecretRefusal::Revoked);
        }
        if self.tenant_suspended {
            return Err(JwtSecretRefusal::TenantSuspended);
        }
        let (usual, longest) = match &self.dialect.rotation {
            Rotation::InPlace { grace, longest_grace } => (*grace, *longest_grace),
            Rotation::Unsupported { .. } => (TimeDelta::hours(24), TimeDelta::days(30)),
        };
        let grace = self.grace.unwrap_or(usual);
        if grace > longest || grace < TimeDelta::zero() {
            return Err(JwtSecretRefusal::GraceTooLong { longest });
        }
        // Without grace all of them end at once.
        let lasting = state.versions.iter().filter(|version| version.lasts(self.now));
        if grace > TimeDelta::zero() && lasting.clone().count() >= MOST_VERSIONS {
            let first = lasting.filter_map(|version| version.superseded_until).min();
            return Err(JwtSecretRefusal::TooManyVersions { until: first.unwrap_or(self.now) });
        }
        Ok(JwtSecretEvent::JwtSecretRotated(JwtSecretRotated {
            tenant_id: self.tenant_id,
            version: state.versions.iter().map(|version| version.number).max().unwrap_or(0) + 1,
            sealed_id: self.sealed_id,
            previous_valid_until: self.now + grace,
            rotated_at: self.now,
        }))
    }
}
