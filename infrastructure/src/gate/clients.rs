//! Operations on OAuth clients.

use std::sync::Arc;

use ipnet::IpNet;
use nexus_domain::client::{
    ChangeClient, Client, ClientAuthentication, ClientCommand, ClientJwk, ClientRefusal, ClientState,
    ClientType, RegisterClient, RevokeClient, RotateClientSecret,
};
use nexus_domain::credential::{Digest, Secret};
use nexus_domain::dpop::ProofId;
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::scope::ScopeSet;
use nexus_domain::tenant::TenantState;
use nexus_domain::verification::Restrictions;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::{is_suspended, require};
use super::quota::client_slots;
use super::{Call, Done, Gate, GateError, Owner, Refusal, Revoke, Rotate, ShownSecret, Target};
use crate::journal::{Append, AppendError, Idempotency};

/// What a new client shall be.
#[derive(Debug, Clone)]
pub struct Register {
    /// A name, which people read when they are asked for their consent.
    pub name: String,
    /// For itself, or for people.
    pub client_type: ClientType,
    /// Name or alias of an environment; absent: the dialect's first.
    pub environment: Option<String>,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// Whether codes need a challenge.
    pub requires_pkce: bool,
    /// Whether it must push its authorization requests (RFC 9126).
    pub require_pushed_authorization_requests: bool,
    /// Whether it gets tokens that are bound to a key alone (RFC 9449).
    pub dpop_bound_access_tokens: bool,
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
    /// What its tokens may allow; absent: all but what contains every other.
    pub scopes: Option<ScopeSet>,
    /// From where its tokens may be used; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what its tokens are restricted.
    pub restrictions: Restrictions,
    /// The keys that its assertions are checked with.
    pub jwks: Vec<ClientJwk>,
}

/// What of a client shall change; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ClientTerms {
    /// Another name.
    pub name: Option<String>,
    /// Other redirect URIs.
    pub redirect_uris: Option<Vec<String>>,
    /// Other scopes.
    pub scopes: Option<ScopeSet>,
    /// Another allow list.
    pub ip_allowlist: Option<Vec<IpNet>>,
    /// Other restrictions.
    pub restrictions: Option<Restrictions>,
}

impl ClientTerms {
    /// Whether its tokens may do afterwards what they could before: another name or other places for codes alone.
    #[must_use]
    pub const fn takes_nothing(&self) -> bool {
        let Self { name: _, redirect_uris: _, scopes, ip_allowlist, restrictions } = self;
        scopes.is_none() && ip_allowlist.is_none() && restrictions.is_none()
    }
}

/// A client, with a secret that is shown this once where it has one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisteredClient {
    /// The client's id in routes and in the audit trail.
    pub key_id: KeyId,
    /// Its state after the operation.
    pub client: ClientState,
    /// The new secret.
    pub secret: Option<ShownSecret>,
}

/// A client as a request finds it.
#[derive(Debug, Clone)]
pub struct KnownClient {
    /// Its id in routes and in the audit trail.
    pub key_id: KeyId,
    /// Its state.
    pub state: ClientState,
    /// The sequence of its last event.
    pub(super) sequence: u64,
    /// SHA-256 of the secret by which it proved in this request who it is; absent: it did so in another way.
    pub(super) secret: Option<Digest>,
    /// How many changes of clients this process had followed before it was loaded.
    pub(super) as_of: u64,
}

impl KnownClient {
    /// The client, which showed this secret.
    #[must_use]
    pub fn shown(self, secret: Option<Digest>) -> Self {
        Self { secret, ..self }
    }
}

impl Gate {
    /// Registers a client and shows its secret.
    ///
    /// # Errors
    /// [`GateError`]; needs `clients:write`.
    pub async fn register_client(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        register: Register,
    ) -> Result<Done<RegisteredClient>, GateError> {
        require(call, "clients:write")?;
        let (owner, dialect) = self.visible_tenant(call, tenant).await?;
        let id = self.entropy.uuid_v7(call.now);
        let prefixes = dialect.oauth.as_ref();
        // Without OAuth the domain refuses, and this secret is never shown.
        let secret = self.mint(prefixes.map_or("", |oauth| oauth.secret_prefix.as_str()));
        let client_id =
            format!("{}{}", prefixes.map_or("", |oauth| oauth.client_id_prefix.as_str()), id.simple());
        let shows_secret = register.authentication == ClientAuthentication::ClientSecret;
        let command = |owner: Option<&TenantState>| {
            let register = register.clone();
            ClientCommand::Register(Box::new(RegisterClient {
                tenant_id: tenant,
                tenant_suspended: is_suspended(owner),
                dialect: Arc::clone(&dialect),
                name: register.name,
                client_type: register.client_type,
                client_id: client_id.clone(),
                environment: register.environment,
                authentication: register.authentication,
                requires_pkce: register.requires_pkce,
                require_pushed_authorization_requests: register.require_pushed_authorization_requests,
                dpop_bound_access_tokens: register.dpop_bound_access_tokens,
                redirect_uris: register.redirect_uris,
                scopes: register.scopes,
                ip_allowlist: register.ip_allowlist,
                restrictions: register.restrictions,
                jwks: register.jwks,
                hint: hint(&secret, prefixes.map_or(0, |oauth| oauth.secret_prefix.len())),
                digest: secret.digest(),
                now: call.now,
            }))
        };
        let shown = shows_secret.then(|| ShownSecret::of(&secret));
        self.on_client(call, tenant, KeyId::new(id), Some(owner), command, shown).await
    }

    /// Changes a client's properties.
    ///
    /// # Errors
    /// [`GateError`]; needs `clients:write`.
    pub async fn change_client(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        client: KeyId,
        terms: ClientTerms,
    ) -> Result<Done<RegisteredClient>, GateError> {
        require(call, "clients:write")?;
        let (_, dialect) = self.visible_tenant(call, tenant).await?;
        let command = ClientCommand::Change(ChangeClient {
            tenant_id: tenant,
            dialect,
            name: terms.name,
            redirect_uris: terms.redirect_uris,
            scopes: terms.scopes,
            ip_allowlist: terms.ip_allowlist,
            restrictions: terms.restrictions,
            now: call.now,
        });
        self.on_client(call, tenant, client, None, |_| command.clone(), None).await
    }

    /// Gives a client a new secret and shows it.
    ///
    /// # Errors
    /// [`GateError`]; needs `clients:write`.
    pub async fn rotate_client(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        client: KeyId,
        rotate: Rotate,
    ) -> Result<Done<RegisteredClient>, GateError> {
        require(call, "clients:write")?;
        let (owner, dialect) = self.visible_tenant(call, tenant).await?;
        let prefix = dialect.oauth.as_ref().map_or("", |oauth| oauth.secret_prefix.as_str());
        let secret = self.mint(prefix);
        let command = |owner: Option<&TenantState>| {
            ClientCommand::Rotate(RotateClientSecret {
                tenant_id: tenant,
                tenant_suspended: is_suspended(owner),
                dialect: Arc::clone(&dialect),
                grace: rotate.grace,
                hint: hint(&secret, prefix.len()),
                digest: secret.digest(),
                now: call.now,
            })
        };
        let shown = Some(ShownSecret::of(&secret));
        self.on_client(call, tenant, client, Some(owner), command, shown).await
    }

    /// Revokes a client, for ever, and with it all that was issued to it. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]; needs `clients:write`.
    pub async fn revoke_client(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        client: KeyId,
        revoke: Revoke,
    ) -> Result<Done<RegisteredClient>, GateError> {
        require(call, "clients:write")?;
        self.existing_tenant(call, tenant).await?;
        let command = ClientCommand::Revoke(RevokeClient {
            tenant_id: tenant,
            reason: revoke.reason,
            note: revoke.note,
            now: call.now,
        });
        self.on_client(call, tenant, client, None, |_| command.clone(), None).await
    }

    /// Whether the caller may change a tenant's clients, as it is now: what is asked before an answer is repeated.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn allow_clients(&self, call: &Call<'_>, tenant: TenantId) -> Result<(), GateError> {
        require(call, "clients:write")?;
        self.existing_tenant(call, tenant).await.map(drop)
    }

    /// The client of this public id, read from the log: what was answered on any node before is seen.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn client(&self, client_id: &str) -> Result<Option<KnownClient>, GateError> {
        let Some(key_id) = key_id(client_id) else { return Ok(None) };
        let known = self.client_of(key_id).await?;
        Ok(known.filter(|client| client.state.client_id == client_id))
    }

    /// The client of this id.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn client_of(&self, key_id: KeyId) -> Result<Option<KnownClient>, GateError> {
        let as_of = self.remembered.changes();
        let (client, sequence) =
            self.clients.load(&key_id.to_string()).await.map_err(GateError::Unavailable)?;
        Ok(client.state().cloned().map(|state| KnownClient { key_id, state, sequence, as_of, secret: None }))
    }

    /// The client of this public id as it got its last token for itself, without a look at the store. It may have changed since,
    /// and is good for two things alone: for [`Gate::issue_to_remembered`], and where this process has just followed the log to
    /// its end. Nobody is to be refused because of what it says.
    #[must_use]
    pub fn remembered_client(&self, client_id: &str) -> Option<KnownClient> {
        let client = self.remembered.get(key_id(client_id)?)?.client;
        (client.state.client_id == client_id).then_some(client)
    }

    /// Takes note of an assertion by which a client proved who it is, and says whether it came for the first time (RFC 7523
    /// section 3, `jti`). After `until`, in Unix microseconds, it is refused anyway.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn take_assertion(&self, client: KeyId, jti: &str, until: i64) -> Result<bool, GateError> {
        self.take_once(format!("assertion/{client}"), Digest::of(jti), until).await
    }

    /// Takes note of a proof of possession, and says whether it came for the first time (RFC 9449 section 11.1). After `until`, in
    /// Unix microseconds, it is refused anyway.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn take_proof(&self, id: ProofId, until: i64) -> Result<bool, GateError> {
        self.take_once("dpop".to_owned(), id.digest(), until).await
    }

    async fn take_once(&self, scope: String, id: Digest, until: i64) -> Result<bool, GateError> {
        let append = Append {
            idempotency: Some(Idempotency {
                scope,
                key: id.to_string(),
                fingerprint: Vec::new(),
                result: Vec::new(),
                expires_at: until,
            }),
            now: self.clock.now().timestamp_micros(),
            ..Append::default()
        };
        match self.journal.append(append).await {
            Ok(_) => Ok(true),
            Err(AppendError::IdempotencyTaken) => Ok(false),
            Err(error) => Err(GateError::append(error)),
        }
    }

    /// The name of a tenant, for those who are asked whether they trust it.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn tenant_name(&self, tenant: TenantId) -> Result<String, GateError> {
        Ok(self.owner(tenant).await?.state.name)
    }

    /// Whether a tenant is suspended.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn tenant_suspended(&self, tenant: TenantId) -> Result<bool, GateError> {
        Ok(self.owner(tenant).await?.state.suspended)
    }

    /// The name of a tenant's dialect.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn dialect_of(&self, tenant: TenantId) -> Result<String, GateError> {
        Ok(self.owner(tenant).await?.state.dialect)
    }

    async fn on_client(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        key_id: KeyId,
        owner: Option<Owner>,
        command: impl Fn(Option<&TenantState>) -> ClientCommand,
        secret: Option<ShownSecret>,
    ) -> Result<Done<RegisteredClient>, GateError> {
        let target = Target { tenant, aggregate_id: &key_id.to_string(), owner };
        let answer = |client: &Client| {
            let client = client.state().cloned()?;
            Some(RegisteredClient { key_id, client, secret: secret.clone() })
        };
        let reserve = |_: &Client, events: &[_]| client_slots(key_id, tenant, &self.dialects, events);
        let done = self.execute(&self.clients, call, target, command, reserve, answer).await?;
        // An absent client was refused by the decision.
        let answer = done.answer.ok_or(GateError::Refused(Refusal::Client(ClientRefusal::NotFound)))?;
        Ok(Done { answer, position: done.position })
    }
}

/// The id of a client with this public id. Its last digits are those of the aggregate, so that nothing has to be looked up that
/// could be behind.
fn key_id(client_id: &str) -> Option<KeyId> {
    let digits = client_id.get(client_id.len().checked_sub(32)?..)?;
    Uuid::try_parse(digits).ok().map(KeyId::new)
}

/// The prefix and four characters, as of keys.
fn hint(secret: &Secret, prefix: usize) -> String {
    secret.hint(prefix + 4)
}
