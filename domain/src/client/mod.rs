//! An OAuth client: a program that gets access tokens, for itself or for people who agreed to it.

mod change;
mod event;
mod jwks;
mod redirect;
mod refusal;
mod register;
mod revoke;
mod rotate;
mod shown;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use self::change::ChangeClient;
pub use self::event::{
    ClientAuthentication, ClientChange, ClientChanged, ClientEvent, ClientJwk, ClientRegistered,
    ClientRevoked, ClientSecretRotated, ClientType,
};
pub use self::jwks::{InvalidJwk, check_jwk};
pub use self::redirect::{InvalidRedirect, LONGEST_REDIRECT, check_redirect};
pub use self::refusal::ClientRefusal;
pub use self::register::{MOST_REDIRECTS, RegisterClient};
pub use self::revoke::RevokeClient;
pub use self::rotate::RotateClientSecret;
use crate::credential::Digest;
use crate::ids::TenantId;
use crate::key::{RevocationReason, SecretVersion};
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// A client's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client(Option<ClientState>);

/// What is known of a client that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientState {
    /// Who registered it.
    pub tenant_id: TenantId,
    /// The dialect of its owner.
    pub dialect: String,
    /// Its name, which people read when they are asked for their consent.
    pub name: String,
    /// For itself, or for people.
    pub client_type: ClientType,
    /// Its public id, which it sends with every request.
    pub client_id: String,
    /// The environment of its tokens.
    pub environment: String,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// Whether codes need a challenge (RFC 7636). Clients that cannot prove who they are always need one.
    pub requires_pkce: bool,
    /// Whether it must push its authorization requests (RFC 9126).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Whether it gets tokens that are bound to a key alone (RFC 9449).
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// Where codes may be sent, byte for byte.
    pub redirect_uris: Vec<String>,
    /// What its tokens may allow at most.
    pub scopes: ScopeSet,
    /// From where its tokens may be used; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what its tokens are restricted.
    pub restrictions: Restrictions,
    /// The keys that its assertions are checked with.
    pub jwks: Vec<ClientJwk>,
    /// Its secrets, oldest first; none where it has no secret.
    pub secrets: Vec<SecretVersion>,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
    /// When and why it was revoked.
    pub revoked: Option<(DateTime<Utc>, RevocationReason)>,
}

impl ClientState {
    /// Whether codes may be sent there: to what was registered, byte for byte (RFC 9700 section 2.1).
    #[must_use]
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered == uri)
    }

    /// Whether a secret with this digest proves at `now` that it is this client.
    #[must_use]
    pub fn has_secret(&self, digest: &Digest, now: DateTime<Utc>) -> bool {
        let valid = |secret: &&SecretVersion| secret.superseded_until.is_none_or(|until| now < until);
        // Digests of random secrets: how long a comparison takes tells nothing that helps to find one.
        self.secrets.iter().filter(valid).any(|secret| secret.digest == *digest)
    }
}

impl Client {
    /// The state, where the client exists.
    #[must_use]
    pub const fn state(&self) -> Option<&ClientState> {
        self.0.as_ref()
    }

    /// The state, where the client exists and belongs to `tenant`. A foreign client and an absent one are the same to whoever
    /// asks.
    fn of(&self, tenant: TenantId) -> Result<&ClientState, ClientRefusal> {
        self.0.as_ref().filter(|client| client.tenant_id == tenant).ok_or(ClientRefusal::NotFound)
    }
}

/// What can be asked of a client.
#[derive(Debug, Clone)]
pub enum ClientCommand {
    /// Create it.
    Register(Box<RegisterClient>),
    /// Replace some of its properties.
    Change(ChangeClient),
    /// Replace its secret.
    Rotate(RotateClientSecret),
    /// Revoke it.
    Revoke(RevokeClient),
}

impl Client {
    /// Decides on a command.
    ///
    /// # Errors
    /// The refusal of the decision; see each command.
    pub fn decide(&self, command: ClientCommand) -> Result<Option<ClientEvent>, ClientRefusal> {
        match command {
            ClientCommand::Register(command) => command.decide(self).map(Some),
            ClientCommand::Change(command) => command.decide(self),
            ClientCommand::Rotate(command) => command.decide(self).map(Some),
            ClientCommand::Revoke(command) => command.decide(self),
        }
    }
}

impl Aggregate for Client {
    const TYPE: &'static str = "client";
    type Command = ClientCommand;
    type Event = ClientEvent;
    type Error = ClientRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ClientCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), ClientRefusal> {
        if let Some(event) = self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ClientEvent) {
        match event {
            // A second birth in an imported log must not wipe out a revocation.
            ClientEvent::ClientRegistered(registered) => {
                self.0.get_or_insert_with(|| (*registered).into());
            }
            ClientEvent::ClientChanged(changed) => {
                if let Some(client) = &mut self.0 {
                    changed.changes.into_iter().for_each(|change| client.apply_change(change));
                }
            }
            ClientEvent::ClientSecretRotated(rotated) => {
                if let Some(client) = &mut self.0 {
                    client.apply_rotation(rotated);
                }
            }
            ClientEvent::ClientRevoked(revoked) => {
                if let Some(client) = &mut self.0 {
                    client.revoked = Some((revoked.revoked_at, revoked.reason));
                }
            }
        }
    }
}

impl From<ClientRegistered> for ClientState {
    fn from(registered: ClientRegistered) -> Self {
        let first = registered.digest.map(|digest| SecretVersion {
            number: 1,
            hint: registered.hint.unwrap_or_default(),
            digest,
            created_at: registered.registered_at,
            superseded_until: None,
        });
        Self {
            tenant_id: registered.tenant_id,
            dialect: registered.dialect,
            name: registered.name,
            client_type: registered.client_type,
            client_id: registered.client_id,
            environment: registered.environment,
            authentication: registered.authentication,
            requires_pkce: registered.requires_pkce,
            require_pushed_authorization_requests: registered.require_pushed_authorization_requests,
            dpop_bound_access_tokens: registered.dpop_bound_access_tokens,
            redirect_uris: registered.redirect_uris,
            scopes: registered.scopes,
            ip_allowlist: registered.ip_allowlist,
            restrictions: registered.restrictions,
            jwks: registered.jwks,
            secrets: first.into_iter().collect(),
            registered_at: registered.registered_at,
            revoked: None,
        }
    }
}

impl ClientState {
    fn apply_change(&mut self, change: ClientChange) {
        match change {
            ClientChange::Name(name) => self.name = name,
            ClientChange::RedirectUris(uris) => self.redirect_uris = uris,
            ClientChange::Scopes(scopes) => self.scopes = scopes,
            ClientChange::IpAllowlist(networks) => self.ip_allowlist = networks,
            ClientChange::Restrictions(restrictions) => self.restrictions = restrictions,
        }
    }

    fn apply_rotation(&mut self, rotated: ClientSecretRotated) {
        for secret in &mut self.secrets {
            // An earlier grace may end sooner and is never made longer.
            let until = secret
                .superseded_until
                .map_or(rotated.previous_valid_until, |earlier| earlier.min(rotated.previous_valid_until));
            secret.superseded_until = Some(until);
        }
        self.secrets.push(SecretVersion {
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
