//! Operations on keys.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use nexus_domain::credential::{RANDOM_BYTES, Secret};
use nexus_domain::dialect::{Dialect, Form, KeyFacts, KeyType};
use nexus_domain::ids::{AgentId, IntegrationId, KeyId, TenantId};
use nexus_domain::key::{
    ChangeKey, ExpireKey, IssueKey, Key, KeyCommand, KeyEvent, KeyRefusal, KeyState, Lifespan,
    RevocationReason, RevokeKey, RotateKey,
};
use nexus_domain::scope::ScopeSet;
use nexus_domain::tenant::TenantState;
use nexus_domain::verification::Restrictions;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::dialects::MANAGEMENT;
use crate::gate::quota::slots;
use crate::gate::{Call, Done, Gate, GateError, Owner, PLATFORM_TENANT, Powers, Refusal, Target};
use crate::signing::{Signer, SigningError};

/// What a new key shall be.
#[derive(Debug, Clone)]
pub struct Issue {
    /// A name for people.
    pub name: String,
    /// Secret or publishable.
    pub key_type: KeyType,
    /// Name or alias of an environment; absent: the dialect's first.
    pub environment: Option<String>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what it is restricted.
    pub restrictions: Restrictions,
    /// How long it lives.
    pub lifespan: Lifespan,
    /// The integration that it belongs to.
    pub integration: Option<IntegrationId>,
}

/// What of a key shall change; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Another name.
    pub name: Option<String>,
    /// Other scopes.
    pub scopes: Option<ScopeSet>,
    /// Another allow list.
    pub ip_allowlist: Option<Vec<IpNet>>,
    /// Other restrictions.
    pub restrictions: Option<Restrictions>,
    /// Another lifetime, counted from now.
    pub lifespan: Option<Lifespan>,
}

impl Change {
    /// Whether the key may do afterwards what it could before: another name alone.
    #[must_use]
    pub const fn takes_nothing(&self) -> bool {
        let Self { name: _, scopes, ip_allowlist, restrictions, lifespan } = self;
        scopes.is_none() && ip_allowlist.is_none() && restrictions.is_none() && lifespan.is_none()
    }
}

/// How a secret shall be replaced.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rotate {
    /// How long the old one stays valid; absent: the dialect's default.
    pub grace: Option<TimeDelta>,
}

/// Why a key shall be revoked.
#[derive(Debug, Clone)]
pub struct Revoke {
    /// The reason.
    pub reason: RevocationReason,
    /// What people note about it.
    pub note: Option<String>,
}

/// A key with a secret that is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Issued {
    /// The key's id.
    pub key_id: KeyId,
    /// Its state after the operation.
    pub key: KeyState,
    /// The new secret.
    pub secret: ShownSecret,
}

/// A secret on its way to the one answer that shows it, and to the encrypted copy that repeats
/// that answer.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct ShownSecret(String);

impl ShownSecret {
    pub(super) fn of(secret: &Secret) -> Self {
        Self(secret.expose().to_owned())
    }

    pub(super) const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret in clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ShownSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownSecret(redacted)")
    }
}

impl Gate {
    /// Creates a key and shows its secret.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`, and in the platform's own tenant the scopes that are
    /// given away.
    pub async fn issue_key(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        issue: Issue,
        signer: Option<&Signer>,
    ) -> Result<Done<Issued>, GateError> {
        require(call, "keys:write")?;
        self.issue(call, tenant, issue, signer).await
    }

    /// Creates a key for a caller whose scope was checked. `signer` makes keys that are JWTs.
    pub(super) async fn issue(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        issue: Issue,
        signer: Option<&Signer>,
    ) -> Result<Done<Issued>, GateError> {
        let (owner, dialect) = self.visible_tenant(call, tenant).await?;
        check_confinement(tenant, &issue.restrictions)?;
        check_powers(
            call,
            tenant,
            &dialect,
            &issue.scopes,
            &issue.ip_allowlist,
            end_of(&issue.lifespan, call.now),
        )?;
        let key_id = KeyId::new(self.entropy.uuid_v7(call.now));
        if issue.integration.is_some() && tenant == PLATFORM_TENANT {
            return Err(GateError::PlatformFixed);
        }
        let named = self.named_integration(tenant, issue.integration).await?;
        let (command, secret) = self.issue_command(call, tenant, &dialect, issue);
        let command = IssueKey { integration: named.map(|(integration, _)| integration), ..command };
        let agent = named.and_then(|(_, agent)| agent);
        let (command, secret) = match sign(key_id, agent, &command, signer)? {
            Some((hint, secret)) => (IssueKey { hint, digest: secret.digest(), ..command }, secret),
            None => (command, secret),
        };
        let command = |owner: Option<&TenantState>| {
            let command = IssueKey { tenant_suspended: is_suspended(owner), ..command.clone() };
            KeyCommand::Issue(Box::new(command))
        };
        let target = KeyTarget { tenant, key: key_id, active_keys: dialect.quotas.keys, owner: Some(owner) };
        self.on_key(call, target, command, |key| issued(key_id, key, &secret)).await
    }

    /// The command that creates a key of a tenant that is not suspended, and the secret that goes with it.
    pub(super) fn issue_command(
        &self,
        call: &Call<'_>,
        tenant_id: TenantId,
        dialect: &Arc<Dialect>,
        issue: Issue,
    ) -> (IssueKey, Secret) {
        let environment = issue
            .environment
            .or_else(|| dialect.default_environment().map(|environment| environment.name.clone()))
            .unwrap_or_default();
        let prefix = dialect
            .environment(&environment)
            .and_then(|environment| dialect.prefix_for(issue.key_type, environment))
            .map_or("", |prefix| prefix.text.as_str());
        // Without a prefix the domain refuses, and this secret is never shown.
        let secret = self.mint(prefix);
        let client_id = dialect
            .client_id_prefix
            .as_ref()
            .map(|prefix| format!("{prefix}{}", self.entropy.uuid_v7(call.now).simple()));
        let command = IssueKey {
            tenant_id,
            tenant_suspended: false,
            dialect: Arc::clone(dialect),
            name: issue.name,
            key_type: issue.key_type,
            environment,
            scopes: issue.scopes,
            ip_allowlist: issue.ip_allowlist,
            restrictions: issue.restrictions,
            lifespan: issue.lifespan,
            client_id,
            integration: None,
            hint: secret.hint(dialect.hint_length),
            digest: secret.digest(),
            now: call.now,
        };
        (command, secret)
    }

    /// Changes a key's properties.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn change_key(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        key: KeyId,
        change: Change,
    ) -> Result<Done<KeyState>, GateError> {
        require(call, "keys:write")?;
        let (_, dialect) = self.visible_tenant(call, tenant).await?;
        if let Some(restrictions) = &change.restrictions {
            check_confinement(tenant, restrictions)?;
        }
        if let Some(known) = self.check_reach(call, tenant, key, &dialect).await? {
            let end = change
                .lifespan
                .as_ref()
                .map_or_else(|| end_in(&known), |lifespan| end_of(lifespan, call.now));
            let scopes = change.scopes.as_ref().unwrap_or(&known.scopes);
            let networks = change.ip_allowlist.as_ref().unwrap_or(&known.ip_allowlist);
            check_powers(call, tenant, &dialect, scopes, networks, end)?;
        }
        let command = KeyCommand::Change(ChangeKey {
            tenant_id: tenant,
            dialect: Arc::clone(&dialect),
            name: change.name,
            scopes: change.scopes,
            ip_allowlist: change.ip_allowlist,
            restrictions: change.restrictions,
            lifespan: change.lifespan,
            now: call.now,
        });
        let target = KeyTarget { tenant, key, active_keys: dialect.quotas.keys, owner: None };
        self.on_key(call, target, |_| command.clone(), |state| state).await
    }

    /// Gives a key a new secret and shows it.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`, and in the platform's own tenant the key's scopes.
    pub async fn rotate_key(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        key: KeyId,
        rotate: Rotate,
    ) -> Result<Done<Issued>, GateError> {
        require(call, "keys:write")?;
        let (owner, dialect) = self.visible_tenant(call, tenant).await?;
        let known = self.check_reach(call, tenant, key, &dialect).await?;
        let prefix = known
            .as_ref()
            .and_then(|known| dialect.prefix_for(known.key_type, dialect.environment(&known.environment)?))
            .map_or("", |prefix| prefix.text.as_str());
        let secret = self.mint(prefix);
        let command = |owner: Option<&TenantState>| {
            KeyCommand::Rotate(RotateKey {
                tenant_id: tenant,
                tenant_suspended: is_suspended(owner),
                dialect: Arc::clone(&dialect),
                grace: rotate.grace,
                hint: secret.hint(dialect.hint_length),
                digest: secret.digest(),
                now: call.now,
            })
        };
        let target = KeyTarget { tenant, key, active_keys: dialect.quotas.keys, owner: Some(owner) };
        self.on_key(call, target, command, |state| issued(key, state, &secret)).await
    }

    /// Revokes a key, for ever. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]; needs `keys:write`.
    pub async fn revoke_key(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        key: KeyId,
        revoke: Revoke,
    ) -> Result<Done<KeyState>, GateError> {
        require(call, "keys:write")?;
        self.existing_tenant(call, tenant).await?;
        let own = call.principal.actor == key.to_string();
        if tenant == PLATFORM_TENANT
            && !own
            && let Some(dialect) = self.dialects.get(MANAGEMENT)
        {
            self.check_reach(call, tenant, key, dialect).await?;
        }
        let command = KeyCommand::Revoke(RevokeKey {
            tenant_id: tenant,
            reason: revoke.reason,
            note: revoke.note,
            now: call.now,
        });
        let target = KeyTarget { tenant, key, active_keys: None, owner: None };
        self.on_key(call, target, |_| command.clone(), |state| state).await
    }

    /// Puts the end of a key's life on record, where it has come.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn expire_key(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        key: KeyId,
    ) -> Result<Done<KeyState>, GateError> {
        let command = KeyCommand::Expire(ExpireKey { now: call.now });
        let target = KeyTarget { tenant, key, active_keys: None, owner: None };
        self.on_key(call, target, |_| command.clone(), |state| state).await
    }

    /// Executes a command on a key, which exists afterwards, and answers with its state.
    async fn on_key<T: Serialize + DeserializeOwned>(
        &self,
        call: &Call<'_>,
        target: KeyTarget,
        command: impl Fn(Option<&TenantState>) -> KeyCommand,
        answer: impl Fn(KeyState) -> T,
    ) -> Result<Done<T>, GateError> {
        let KeyTarget { tenant, key, active_keys, owner } = target;
        let target = Target { tenant, aggregate_id: &key.to_string(), owner };
        let reserve = |_: &Key, events: &[KeyEvent]| slots(key, tenant, active_keys, events);
        let done = self
            .execute(&self.keys, call, target, command, reserve, |key| key.state().cloned().map(&answer))
            .await?;
        // An absent key was refused by the decision.
        let answer = done.answer.ok_or(GateError::Refused(Refusal::Key(KeyRefusal::NotFound)))?;
        Ok(Done { answer, position: done.position })
    }

    /// Whether the caller may change this key, as it is now: what [`Gate::change_key`] and [`Gate::rotate_key`] ask first.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn allow_key(&self, call: &Call<'_>, tenant: TenantId, key: KeyId) -> Result<(), GateError> {
        require(call, "keys:write")?;
        let (_, dialect) = self.visible_tenant(call, tenant).await?;
        self.check_reach(call, tenant, key, &dialect).await.map(drop)
    }

    /// In the platform's own tenant nobody touches a key that is mightier than their own: a new
    /// secret for it would be theirs.
    async fn check_reach(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        key: KeyId,
        dialect: &Dialect,
    ) -> Result<Option<KeyState>, GateError> {
        let (loaded, _) = self.keys.load(&key.to_string()).await.map_err(GateError::Unavailable)?;
        let known = loaded.state().filter(|known| known.tenant_id == tenant).cloned();
        if let Some(known) = &known {
            check_powers(call, tenant, dialect, &known.scopes, &known.ip_allowlist, end_in(known))?;
        }
        Ok(known)
    }

    pub(super) fn mint(&self, prefix: &str) -> Secret {
        let random = zeroize::Zeroizing::new(self.entropy.array::<RANDOM_BYTES>());
        Secret::mint(prefix, &random)
    }
}

/// The secret of a key that is a JWT, and its hint. Nothing for a key of another form, and for one that the domain refuses.
fn sign(
    key_id: KeyId,
    agent_id: Option<AgentId>,
    command: &IssueKey,
    signer: Option<&Signer>,
) -> Result<Option<(String, Secret)>, GateError> {
    let dialect = &command.dialect;
    let environment = dialect.environment(&command.environment);
    let prefix = environment.and_then(|environment| dialect.prefix_for(command.key_type, environment));
    let (Some(environment), Some(prefix), Some(claims)) = (environment, prefix, &dialect.key_claims) else {
        return Ok(None);
    };
    let Ok(Some(expires_at)) = command.lifespan.end(dialect, prefix.form, command.now) else {
        return Ok(None);
    };
    if prefix.form == Form::Opaque {
        return Ok(None);
    }
    let signer = signer.ok_or_else(|| GateError::Internal("there is nothing to sign keys with".into()))?;
    let claims = claims.of(&KeyFacts {
        key_id,
        tenant_id: command.tenant_id,
        integration_id: command.integration.map(|named| named.integration_id),
        agent_id,
        environment: &environment.name,
        scopes: &command.scopes,
        issued_at: command.now.timestamp(),
        expires_at: expires_at.timestamp(),
    });
    let token = signer.sign("JWT", &claims, None).map_err(|error| match error {
        SigningError::TooLong => GateError::Refused(KeyRefusal::TooLong.into()),
        error => GateError::Internal(Box::new(error)),
    })?;
    let secret = Secret::signed(&prefix.text, &zeroize::Zeroizing::new(token));
    Ok(Some((secret.hint_of_end(&prefix.text), secret)))
}

/// The key that a command is for.
struct KeyTarget {
    tenant: TenantId,
    key: KeyId,
    /// How many active keys the tenant may have, where the command may take a place among them.
    active_keys: Option<u32>,
    owner: Option<Owner>,
}

pub(super) fn is_suspended(owner: Option<&TenantState>) -> bool {
    owner.is_some_and(|tenant| tenant.suspended)
}

pub(super) fn require(call: &Call<'_>, scope: &'static str) -> Result<(), GateError> {
    if call.principal.scopes.allow(scope) { Ok(()) } else { Err(GateError::Forbidden(scope)) }
}

/// A management credential is confined to tenants by their ids; anything else would confine it to nothing at all.
fn check_confinement(tenant: TenantId, restrictions: &Restrictions) -> Result<(), GateError> {
    let names = restrictions.get("tenant").filter(|_| tenant == PLATFORM_TENANT).into_iter().flatten();
    match names.into_iter().find(|name| name.parse::<TenantId>().is_err()) {
        Some(wrong) => Err(GateError::ConfinedToNothing(wrong.clone())),
        None => Ok(()),
    }
}

/// In the platform's own tenant nobody hands out what they do not hold.
fn check_powers(
    call: &Call<'_>,
    tenant: TenantId,
    dialect: &Dialect,
    scopes: &ScopeSet,
    networks: &[IpNet],
    not_after: i64,
) -> Result<(), GateError> {
    let powers = Powers { scopes: dialect.effective_scopes(scopes), networks, not_after };
    match call.principal.exceeded_by(&powers).filter(|_| tenant == PLATFORM_TENANT) {
        Some(excess) => Err(GateError::Escalation(excess)),
        None => Ok(()),
    }
}

/// When a key of this lifetime ends, in Unix microseconds.
fn end_of(lifespan: &Lifespan, now: DateTime<Utc>) -> i64 {
    match lifespan {
        Lifespan::Unlimited => i64::MAX,
        Lifespan::For(length) => {
            now.checked_add_signed(*length).map_or(i64::MAX, |end| end.timestamp_micros())
        }
        Lifespan::Until(end) => end.timestamp_micros(),
    }
}

fn end_in(key: &KeyState) -> i64 {
    key.expires_at.map_or(i64::MAX, |end| end.timestamp_micros())
}

pub(super) fn issued(key_id: KeyId, key: KeyState, secret: &Secret) -> Issued {
    Issued { key_id, key, secret: ShownSecret::of(secret) }
}
