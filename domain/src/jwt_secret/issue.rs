//! Create a secret for service JWTs.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{JwtSecret, JwtSecretEvent, JwtSecretIssued, JwtSecretRefusal};
use crate::dialect::Dialect;
use crate::ids::TenantId;
use crate::key::check_name;
use crate::scope::ScopeSet;

/// The fewest bytes of a secret: 256 bits (RFC 7518 section 3.2).
pub const LEAST_BYTES: usize = 32;
/// The most bytes of a secret.
pub const MOST_BYTES: usize = 512;
/// The fewest different characters of a secret. 32 random ones have more but once in a million million.
const LEAST_VARIETY: usize = 8;

/// Creates a secret. The secret itself is stored apart, before.
#[derive(Debug, Clone)]
pub struct IssueJwtSecret {
    /// The owner.
    pub tenant_id: TenantId,
    /// Whether the owner is suspended.
    pub tenant_suspended: bool,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// A name for people.
    pub name: String,
    /// Name or alias of the environment.
    pub environment: String,
    /// What tokens signed with it may do at the most.
    pub scopes: ScopeSet,
    /// Under which id it is sealed.
    pub sealed_id: Uuid,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl IssueJwtSecret {
    pub(super) fn decide(self, secret: &JwtSecret) -> Result<JwtSecretEvent, JwtSecretRefusal> {
        if secret.state().is_some() {
            return Err(JwtSecretRefusal::AlreadyIssued);
        }
        if self.tenant_suspended {
            return Err(JwtSecretRefusal::TenantSuspended);
        }
        if self.dialect.service_jwts.is_none() {
            return Err(JwtSecretRefusal::NotOffered { dialect: self.dialect.name.clone() });
        }
        check_name(&self.name).map_err(JwtSecretRefusal::InvalidName)?;
        let environment = self.dialect.environment(&self.environment).ok_or_else(|| {
            let known: Vec<&str> = self.dialect.environments.iter().map(|e| e.name.as_str()).collect();
            let asked = self.environment.chars().take(32).collect();
            JwtSecretRefusal::UnknownEnvironment { asked, known: known.join(", ") }
        })?;
        if let Some(scope) = self.dialect.unknown_scopes(&self.scopes).first() {
            let known: Vec<&str> = self.dialect.scopes.known.keys().map(|known| known.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(JwtSecretRefusal::UnknownScope { scope: scope.to_string(), known });
        }
        Ok(JwtSecretEvent::JwtSecretIssued(JwtSecretIssued {
            tenant_id: self.tenant_id,
            dialect: self.dialect.name.clone(),
            name: self.name,
            environment: environment.name.clone(),
            scopes: self.scopes,
            sealed_id: self.sealed_id,
            issued_at: self.now,
        }))
    }
}

/// Whether a secret that a tenant brings along can be used: [`LEAST_BYTES`] to [`MOST_BYTES`] visible ASCII characters, which
/// do not plainly repeat.
///
/// # Errors
/// [`JwtSecretRefusal::WeakSecret`]
pub fn check_secret(secret: &str) -> Result<(), JwtSecretRefusal> {
    let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
    let variety = secret.bytes().collect::<BTreeSet<_>>().len();
    if visible && (LEAST_BYTES..=MOST_BYTES).contains(&secret.len()) && variety >= LEAST_VARIETY {
        Ok(())
    } else {
        Err(JwtSecretRefusal::WeakSecret)
    }
}
