//! A key: one credential over all its secret versions, from issue to revocation.

mod change;
mod event;
mod expire;
mod issue;
mod name;
mod refusal;
mod revoke;
mod rotate;
mod terms;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use self::change::ChangeKey;
pub use self::event::{
    Change, KeyChanged, KeyEvent, KeyExpired, KeyIssued, KeyRevoked, KeyRotated, RevocationReason,
};
pub use self::expire::ExpireKey;
pub use self::issue::{IssueKey, NamedIntegration};
pub use self::name::{InvalidName, LONGEST_NAME, check_name, is_deceptive};
pub use self::refusal::KeyRefusal;
pub use self::revoke::RevokeKey;
pub use self::rotate::RotateKey;
pub use self::terms::Lifespan;
pub(crate) use self::terms::{canonical_networks, check_restrictions, check_scopes, join};
use crate::credential::Digest;
use crate::dialect::KeyType;
use crate::ids::{IntegrationId, TenantId};
use crate::scope::ScopeSet;
use crate::verification::{Restrictions, SecretStatus};

/// A key's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key(Option<KeyState>);

/// What is known of a key that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    /// Its owner.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// Its name.
    pub name: String,
    /// Secret or publishable.
    pub key_type: KeyType,
    /// The environment's name.
    pub environment: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what it is restricted.
    pub restrictions: Restrictions,
    /// When it ends; absent: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its public client id.
    pub client_id: Option<String>,
    /// The integration that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// Its secrets, oldest first.
    pub versions: Vec<SecretVersion>,
    /// When it was created.
    pub issued_at: DateTime<Utc>,
    /// When and why it was revoked.
    pub revoked: Option<(DateTime<Utc>, RevocationReason)>,
    /// Whether the end of its life is on record.
    pub expiry_recorded: bool,
}

/// One secret of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretVersion {
    /// 1 for the first.
    pub number: u32,
    /// The first characters.
    pub hint: String,
    /// SHA-256.
    pub digest: Digest,
    /// When it was minted.
    pub created_at: DateTime<Utc>,
    /// Until when it stays valid after being replaced; absent: it is the current one.
    pub superseded_until: Option<DateTime<Utc>>,
}

impl KeyState {
    /// Whether its lifetime is over.
    #[must_use]
    pub fn expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// Status of a secret version and the instant from which it is refused, in Unix microseconds.
    #[must_use]
    pub fn standing(&self, version: &SecretVersion) -> (SecretStatus, i64) {
        let end = self.expires_at.map_or(i64::MAX, |at| at.timestamp_micros());
        match (self.revoked, version.superseded_until) {
            (Some((at, _)), _) => (SecretStatus::Revoked, at.timestamp_micros()),
            (None, Some(until)) if until.timestamp_micros() < end => {
                (SecretStatus::Superseded, until.timestamp_micros())
            }
            (None, Some(_) | None) => (SecretStatus::Current, end),
        }
    }
}

impl Key {
    /// The state, where the key exists.
    #[must_use]
    pub const fn state(&self) -> Option<&KeyState> {
        self.0.as_ref()
    }

    /// The state, where the key exists and belongs to `tenant`. A foreign key and an absent one
    /// are the same to whoever asks.
    fn of(&self, tenant: TenantId) -> Result<&KeyState, KeyRefusal> {
        self.0.as_ref().filter(|key| key.tenant_id == tenant).ok_or(KeyRefusal::NotFound)
    }

    /// As [`Key::of`], and neither revoked nor expired.
    fn living(&self, tenant: TenantId, now: DateTime<Utc>) -> Result<&KeyState, KeyRefusal> {
        let key = self.of(tenant)?;
        if key.revoked.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        // An end on record stays one, also for a clock that runs behind the one that recorded it.
        if key.expired(now) || key.expiry_recorded {
            return Err(KeyRefusal::Expired);
        }
        Ok(key)
    }
}

/// What can be asked of a key.
#[derive(Debug, Clone)]
pub enum KeyCommand {
    /// Create it.
    Issue(Box<IssueKey>),
    /// Change its properties.
    Change(ChangeKey),
    /// Replace its secret.
    Rotate(RotateKey),
    /// Revoke it.
    Revoke(RevokeKey),
    /// Put the end of its life on record.
    Expire(ExpireKey),
}

impl Key {
    /// Decides on a command.
    ///
    /// # Errors
    /// The refusal of the decision; see each command.
    pub fn decide(&self, command: KeyCommand) -> Result<Option<KeyEvent>, KeyRefusal> {
        match command {
            KeyCommand::Issue(command) => command.decide(self).map(Some),
            KeyCommand::Change(command) => command.decide(self),
            KeyCommand::Rotate(command) => command.decide(self).map(Some),
            KeyCommand::Revoke(command) => command.decide(self),
            KeyCommand::Expire(command) => command.decide(self),
        }
    }
}

impl Aggregate for Key {
    const TYPE: &'static str = "key";
    type Command = KeyCommand;
    type Event = KeyEvent;
    type Error = KeyRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: KeyCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), KeyRefusal> {
        if let Some(event) = self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: KeyEvent) {
        match event {
            // A second birth in an imported log must not wipe out a revocation.
            KeyEvent::KeyIssued(issued) => {
                self.0.get_or_insert_with(|| issued.into());
            }
            KeyEvent::KeyChanged(changed) => {
                if let Some(key) = &mut self.0 {
                    for change in changed.changes {
                        key.apply_change(change);
                    }
                }
            }
            KeyEvent::KeyRotated(rotated) => {
                if let Some(key) = &mut self.0 {
                    key.apply_rotation(rotated);
                }
            }
            KeyEvent::KeyRevoked(revoked) => {
                if let Some(key) = &mut self.0 {
                    key.revoked = Some((revoked.revoked_at, revoked.reason));
                }
            }
            KeyEvent::KeyExpired(_) => {
                if let Some(key) = &mut self.0 {
                    key.expiry_recorded = true;
                }
            }
        }
    }
}

impl From<KeyIssued> for KeyState {
    fn from(issued: KeyIssued) -> Self {
        let first = SecretVersion {
            number: 1,
            hint: issued.hint,
            digest: issued.digest,
            created_at: issued.issued_at,
            superseded_until: None,
        };
        Self {
            tenant_id: issued.tenant_id,
            dialect: issued.dialect,
            name: issued.name,
            key_type: issued.key_type,
            environment: issued.environment,
            scopes: issued.scopes,
            ip_allowlist: issued.ip_allowlist,
            restrictions: issued.restrictions,
            expires_at: issued.expires_at,
            client_id: issued.client_id,
            integration_id: issued.integration_id,
            versions: vec![first],
            issued_at: issued.issued_at,
            revoked: None,
            expiry_recorded: false,
        }
    }
}

impl KeyState {
    fn apply_change(&mut self, change: Change) {
        match change {
            Change::Name(name) => self.name = name,
            Change::Scopes(scopes) => self.scopes = scopes,
            Change::IpAllowlist(networks) => self.ip_allowlist = networks,
            Change::Restrictions(restrictions) => self.restrictions = restrictions,
            Change::ExpiresAt(end) => self.expires_at = end,
        }
    }

    fn apply_rotation(&mut self, rotated: KeyRotated) {
        for version in &mut self.versions {
            // An earlier grace may end sooner and is never made longer.
            let until = version
                .superseded_until
                .map_or(rotated.previous_valid_until, |earlier| earlier.min(rotated.previous_valid_until));
            version.superseded_until = Some(until);
        }
        self.versions.push(SecretVersion {
            number: rotated.version,
            hint: rotated.hint,
            digest: rotated.digest,
            created_at: rotated.rotated_at,
            superseded_until: None,
        });
    }
}

#[cfg(test)]
mod tests;
