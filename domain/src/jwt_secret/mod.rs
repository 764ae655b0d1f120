//! A tenant's secret for service JWTs: whoever holds it signs tokens that nodes accept as that tenant's service. The secret
//! itself is sealed in a table of its own; here stands what it is good for, over all its versions.

mod event;
mod issue;
mod refusal;
mod revoke;
mod rotate;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::event::{JwtSecretEvent, JwtSecretIssued, JwtSecretRevoked, JwtSecretRotated};
pub use self::issue::{IssueJwtSecret, LEAST_BYTES, MOST_BYTES, check_secret};
pub use self::refusal::JwtSecretRefusal;
pub use self::revoke::RevokeJwtSecret;
pub use self::rotate::RotateJwtSecret;
use crate::ids::TenantId;
use crate::key::RevocationReason;
use crate::scope::ScopeSet;
use crate::verification::SecretStatus;

/// The most versions of a secret that are valid at a time. A node that was shown a token tries them one after the other.
pub const MOST_VERSIONS: usize = 4;

/// What a secret that is made here begins with, in front of its id.
pub const PREFIX: &str = "nxjs_";

/// A secret's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecret(Option<JwtSecretState>);

/// What is known of a secret that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecretState {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// Its name.
    pub name: String,
    /// The environment of the tokens that are signed with it.
    pub environment: String,
    /// What these tokens may do at the most.
    pub scopes: ScopeSet,
    /// Its versions, oldest first, and no more than [`MOST_VERSIONS`] that are valid. Those whose grace was over at the last
    /// rotation are gone.
    pub versions: Vec<JwtSecretVersion>,
    /// When it was created.
    pub issued_at: DateTime<Utc>,
    /// When and why it was revoked.
    pub revoked: Option<(DateTime<Utc>, RevocationReason)>,
}

/// One version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSecretVersion {
    /// 1 for the first.
    pub number: u32,
    /// Under which id it is sealed.
    pub sealed_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it stays valid after being replaced; absent: it is the current one.
    pub superseded_until: Option<DateTime<Utc>>,
}

impl JwtSecretVersion {
    /// Whether its grace, where it has one, goes on.
    #[must_use]
    pub fn lasts(&self, now: DateTime<Utc>) -> bool {
        self.superseded_until.is_none_or(|until| until > now)
    }
}

impl JwtSecretState {
    /// Status of a version and the instant from which it is refused, in Unix microseconds.
    #[must_use]
    pub fn standing(&self, version: &JwtSecretVersion) -> (SecretStatus, i64) {
        match (self.revoked, version.superseded_until) {
            (Some((at, _)), _) => (SecretStatus::Revoked, at.timestamp_micros()),
            (None, Some(until)) => (SecretStatus::Superseded, until.timestamp_micros()),
            (None, None) => (SecretStatus::Current, i64::MAX),
        }
    }
}

/// What can be asked of a secret.
#[derive(Debug, Clone)]
pub enum JwtSecretCommand {
    /// Create it.
    Issue(IssueJwtSecret),
    /// Replace it.
    Rotate(RotateJwtSecret),
    /// Revoke it.
    Revoke(RevokeJwtSecret),
}

impl JwtSecret {
    /// The state, where the secret exists.
    #[must_use]
    pub const fn state(&self) -> Option<&JwtSecretState> {
        self.0.as_ref()
    }

    /// The state, where the secret exists and belongs to `tenant`. A foreign one and an absent one are the same to whoever asks.
    fn of(&self, tenant: TenantId) -> Result<&JwtSecretState, JwtSecretRefusal> {
        self.0.as_ref().filter(|secret| secret.tenant_id == tenant).ok_or(JwtSecretRefusal::NotFound)
    }

    /// Decides on a command.
    ///
    /// # Errors
    /// The refusal of the decision; see each command.
    pub fn decide(&self, command: JwtSecretCommand) -> Result<Option<JwtSecretEvent>, JwtSecretRefusal> {
        match command {
            JwtSecretCommand::Issue(command) => command.decide(self).map(Some),
            JwtSecretCommand::Rotate(command) => command.decide(self).map(Some),
            JwtSecretCommand::Revoke(command) => command.decide(self),
        }
    }
}

impl Aggregate for JwtSecret {
    const TYPE: &'static str = "jwt_secret";
    type Command = JwtSecretCommand;
    type Event = JwtSecretEvent;
    type Error = JwtSecretRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: JwtSecretCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), JwtSecretRefusal> {
        if let Some(event) = self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: JwtSecretEvent) {
        match event {
            // A second birth in an imported log must not wipe out a revocation.
            JwtSecretEvent::JwtSecretIssued(issued) => {
                self.0.get_or_insert_with(|| issued.into());
            }
            JwtSecretEvent::JwtSecretRotated(rotated) => {
                if let Some(secret) = &mut self.0 {
                    secret.apply_rotation(&rotated);
                }
            }
            JwtSecretEvent::JwtSecretRevoked(revoked) => {
                if let Some(secret) = &mut self.0 {
                    secret.revoked.get_or_insert((revoked.revoked_at, revoked.reason));
                }
            }
        }
    }
}

impl From<JwtSecretIssued> for JwtSecretState {
    fn from(issued: JwtSecretIssued) -> Self {
        let first = JwtSecretVersion {
            number: 1,
            sealed_id: issued.sealed_id,
            created_at: issued.issued_at,
            superseded_until: None,
        };
        Self {
            tenant_id: issued.tenant_id,
            dialect: issued.dialect,
            name: issued.name,
            environment: issued.environment,
            scopes: issued.scopes,
            versions: vec![first],
            issued_at: issued.issued_at,
            revoked: None,
        }
    }
}

impl JwtSecretState {
    fn apply_rotation(&mut self, rotated: &JwtSecretRotated) {
        self.versions.retain(|version| version.lasts(rotated.rotated_at));
        for version in &mut self.versions {
            // An earlier grace may end sooner and is never made longer.
            let until = rotated.previous_valid_until;
            version.superseded_until = Some(version.superseded_until.map_or(until, |own| own.min(until)));
        }
        self.versions.push(JwtSecretVersion {
            number: rotated.version,
            sealed_id: rotated.sealed_id,
            created_at: rotated.rotated_at,
            superseded_until: None,
        });
    }
}
