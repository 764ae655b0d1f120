//! Tokens that were revoked before their end. Those that were not are held nowhere: their signature tells.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;

/// A revoked access token, or consent, as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedTokenEntry {
    /// Whose client it was issued to.
    pub tenant_id: TenantId,
    /// The token's `jti`, or the `grant_id` of all tokens of a consent.
    pub id: String,
    /// Unix time in microseconds at which the last of them has ended, and nobody needs to remember it.
    pub until: i64,
}
