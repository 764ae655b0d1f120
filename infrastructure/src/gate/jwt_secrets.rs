//! Operations on tenants' secrets for service JWTs.

use std::fmt::Write as _;

use chrono::TimeDelta;
use nexus_domain::credential::Secret;
use nexus_domain::ids::{JwtSecretId, TenantId};
use nexus_domain::jwt_secret::{
    IssueJwtSecret, JwtSecret, JwtSecretCommand, JwtSecretRefusal, JwtSecretState, JwtSecretVersion, PREFIX,
    RevokeJwtSecret, RotateJwtSecret, check_secret,
};
use nexus_domain::scope::ScopeSet;
use nexus_domain::tenant::TenantState;
use nexus_domain::validity::sealed_context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::keys::{is_suspended, require};
use super::quota::jwt_secret_slots;
use super::{Call, Done, Gate, GateError, Owner, Refusal, Revoke, ShownSecret, Target};
use crate::sealed_secrets::SealedSecrets;
use crate::vault::KEY_BYTES;

/// Random bytes in a secret that is made here: 256 bits.
const RANDOM_BYTES: usize = 32;

/// What a new secret shall be.
#[derive(Debug)]
pub struct IssueSecret {
    /// A name for people.
    pub name: String,
    /// Name or alias of an environment; absent: the dialect's first.
    pub environment: Option<String>,
    /// What tokens signed with it may do at the most.
    pub scopes: ScopeSet,
    /// The tenant's own; absent: one is made.
    pub secret: Option<Secret>,
}

/// A secret that is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssuedSecret {
    /// Its id.
    pub id: JwtSecretId,
    /// Its state after the operation.
    pub state: JwtSecretState,
    /// The secret.
    pub secret: ShownSecret,
}

impl Gate {
    /// Creates a secret and shows it.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn issue_jwt_secret(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        issue: IssueSecret,
    ) -> Result<Done<IssuedSecret>, GateError> {
        require(call, "keys:write")?;
        let (owner, dialect) = self.visible_tenant(call, tenant).await?;
        let id = JwtSecretId::new(self.entropy.uuid_v7(call.now));
        let secret = self.secret_of(id, issue.secret)?;
        let usual = || dialect.default_environment().map(|environment| environment.name.clone());
        let environment = issue.environment.or_else(usual).unwrap_or_default();
        let dialect_name = dialect.name.clone();
        let make = |owner: Option<&TenantState>, sealed_id: Uuid| {
            JwtSecretCommand::Issue(IssueJwtSecret {
                tenant_id: tenant,
                tenant_suspended: is_suspended(owner),
                dialect: dialect.clone(),
                name: issue.name.clone(),
                environment: environment.clone(),
                scopes: issue.scopes.clone(),
                sealed_id,
                now: call.now,
            })
        };
        self.with_secret(call, Place { tenant, id, owner }, &dialect_name, secret, make).await
    }

    /// Gives a secret a new version and shows it. The old one stays valid for the grace period.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn rotate_jwt_secret(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        id: JwtSecretId,
        grace: Option<TimeDelta>,
        secret: Option<Secret>,
    ) -> Result<Done<IssuedSecret>, GateError> {
        require(call, "keys:write")?;
        let (owner, dialect) = self.visible_tenant(call, tenant).await?;
        let secret = self.secret_of(id, secret)?;
        let dialect_name = dialect.name.clone();
        let make = |owner: Option<&TenantState>, sealed_id: Uuid| {
            JwtSecretCommand::Rotate(RotateJwtSecret {
                tenant_id: tenant,
                tenant_suspended: is_suspended(owner),
                dialect: dialect.clone(),
                sealed_id,
                grace,
                now: call.now,
            })
        };
        let before = self.jwt_secret(tenant, id).await?;
        let done = self.with_secret(call, Place { tenant, id, owner }, &dialect_name, secret, make).await?;
        let over = before.versions.iter().filter(|version| !version.lasts(call.now));
        self.forget_sealed(tenant, id, over).await;
        Ok(done)
    }

    /// Revokes a secret for ever, and with it every token that was signed with it. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn revoke_jwt_secret(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        id: JwtSecretId,
        revoke: Revoke,
    ) -> Result<Done<JwtSecretState>, GateError> {
        require(call, "keys:write")?;
        self.existing_tenant(call, tenant).await?;
        let command = JwtSecretCommand::Revoke(RevokeJwtSecret {
            tenant_id: tenant,
            reason: revoke.reason,
            note: revoke.note,
            now: call.now,
        });
        let target = (tenant, id, None);
        let done = self.on_jwt_secret(call, target, |_| command.clone(), |state| state).await?;
        self.forget_sealed(tenant, id, done.answer.versions.iter()).await;
        Ok(done)
    }

    /// Forgets versions that are refused already, so that nothing is left to be opened.
    async fn forget_sealed(
        &self,
        tenant: TenantId,
        id: JwtSecretId,
        versions: impl Iterator<Item = &JwtSecretVersion>,
    ) {
        for version in versions {
            let forgotten = self.sealed_secrets.forget(&sealed_context(tenant, version.sealed_id)).await;
            if let Err(error) = forgotten {
                tracing::warn!(%error, secret = %id, "a secret that is refused stays sealed in the store");
            }
        }
    }

    /// Whether the caller may change this secret, as it is now.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn allow_jwt_secret(&self, call: &Call<'_>, tenant: TenantId) -> Result<(), GateError> {
        require(call, "keys:write")?;
        self.existing_tenant(call, tenant).await.map(drop)
    }

    /// What opens the secrets of each dialect that has service JWTs, as its nodes are told it.
    pub fn node_secret_keys(&self) -> impl Iterator<Item = (String, Zeroizing<[u8; KEY_BYTES]>)> {
        let dialects = self.dialects.iter().filter(|dialect| dialect.service_jwts.is_some());
        dialects.map(|dialect| (dialect.name.clone(), SealedSecrets::node_key(&self.vault, &dialect.name)))
    }

    /// A secret as the log has it now.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn jwt_secret(&self, tenant: TenantId, id: JwtSecretId) -> Result<JwtSecretState, GateError> {
        let (loaded, _) = self.jwt_secrets.load(&id.to_string()).await.map_err(GateError::Unavailable)?;
        let known = loaded.state().filter(|known| known.tenant_id == tenant).cloned();
        known.ok_or(GateError::Refused(Refusal::JwtSecret(JwtSecretRefusal::NotFound)))
    }

    /// The secret that was brought along, or one that is made.
    fn secret_of(&self, id: JwtSecretId, brought: Option<Secret>) -> Result<Secret, GateError> {
        match brought {
            Some(secret) => {
                check_secret(secret.expose()).map_err(|weak| GateError::Refused(weak.into()))?;
                Ok(secret)
            }
            None => {
                let random = Zeroizing::new(self.entropy.array::<RANDOM_BYTES>());
                let mut text = String::with_capacity(PREFIX.len() + 36 + 2 * RANDOM_BYTES);
                let _infallible = write!(text, "{PREFIX}{id}_");
                for byte in random.iter() {
                    let _infallible = write!(text, "{byte:02x}");
                }
                Ok(Secret::presented(text))
            }
        }
    }

    /// Seals a secret, and executes the command that makes it count. What comes to nothing is forgotten again.
    async fn with_secret(
        &self,
        call: &Call<'_>,
        place: Place,
        dialect: &str,
        secret: Secret,
        command: impl Fn(Option<&TenantState>, Uuid) -> JwtSecretCommand,
    ) -> Result<Done<IssuedSecret>, GateError> {
        if let Some(done) = self.replay::<Option<IssuedSecret>>(call).await? {
            return present(done);
        }
        let Place { tenant, id, owner } = place;
        let sealed_id = self.entropy.uuid_v7(call.now);
        let context = sealed_context(tenant, sealed_id);
        // Before the event: nodes fetch it as soon as they hear of it.
        self.sealed_secrets.keep_for_nodes(&context, dialect, secret.expose().as_bytes()).await?;
        let answer = |state| IssuedSecret { id, state, secret: ShownSecret::of(&secret) };
        let command = |owner: Option<&TenantState>| command(owner, sealed_id);
        let done = self.on_jwt_secret(call, (tenant, id, Some(owner)), command, answer).await;
        let counts = |done: &Done<IssuedSecret>| {
            done.answer.state.versions.iter().any(|version| version.sealed_id == sealed_id)
        };
        // Where the store did not answer, the event may stand all the same.
        let unknown = matches!(done, Err(GateError::Unavailable(_) | GateError::Stopping));
        if !unknown && !done.as_ref().is_ok_and(counts) {
            self.sealed_secrets.forget(&context).await.map_err(GateError::Unavailable)?;
        }
        done
    }

    async fn on_jwt_secret<T: Serialize + DeserializeOwned>(
        &self,
        call: &Call<'_>,
        (tenant, id, owner): (TenantId, JwtSecretId, Option<Owner>),
        command: impl Fn(Option<&TenantState>) -> JwtSecretCommand,
        answer: impl Fn(JwtSecretState) -> T,
    ) -> Result<Done<T>, GateError> {
        let target = Target { tenant, aggregate_id: &id.to_string(), owner };
        let reserve = |_: &JwtSecret, events: &[_]| jwt_secret_slots(id, tenant, &self.dialects, events);
        let answer = |secret: &JwtSecret| secret.state().cloned().map(&answer);
        present(self.execute(&self.jwt_secrets, call, target, command, reserve, answer).await?)
    }
}

/// A secret that a command is for.
struct Place {
    tenant: TenantId,
    id: JwtSecretId,
    owner: Owner,
}

/// An absent secret was refused by the decision.
fn present<T>(done: Done<Option<T>>) -> Result<Done<T>, GateError> {
    let absent = GateError::Refused(Refusal::JwtSecret(JwtSecretRefusal::NotFound));
    Ok(Done { answer: done.answer.ok_or(absent)?, position: done.position })
}
