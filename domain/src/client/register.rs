//! Register a client.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::jwks::check_jwk;
use super::redirect::check_redirect;
use super::{
    Client, ClientAuthentication, ClientEvent, ClientJwk, ClientRefusal, ClientRegistered, ClientType,
};
use crate::credential::Digest;
use crate::dialect::{Dialect, KeyType, OauthGrant};
use crate::ids::TenantId;
use crate::key::{KeyRefusal, canonical_networks, check_name, check_restrictions, check_scopes, join};
use crate::scope::ScopeSet;
use crate::verification::Restrictions;

/// The most redirect URIs of a client.
pub const MOST_REDIRECTS: usize = 20;
/// The most keys of a client.
const MOST_KEYS: usize = 10;

/// Registers a client. Its secret was minted at the edge; its digest and hint come along.
#[derive(Debug, Clone)]
pub struct RegisterClient {
    /// The owner.
    pub tenant_id: TenantId,
    /// Whether the owner is suspended.
    pub tenant_suspended: bool,
    /// The dialect of the owner.
    pub dialect: Arc<Dialect>,
    /// A name, which people read when they are asked for their consent.
    pub name: String,
    /// For itself, or for people.
    pub client_type: ClientType,
    /// Its public id.
    pub client_id: String,
    /// Name or alias of the environment; absent: the dialect's first.
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
    /// What its tokens may allow; absent: all that the dialect has, apart from scopes that contain every other.
    pub scopes: Option<ScopeSet>,
    /// From where its tokens may be used; empty: from anywhere.
    pub ip_allowlist: Vec<IpNet>,
    /// To what its tokens are restricted.
    pub restrictions: Restrictions,
    /// The keys that its assertions are checked with.
    pub jwks: Vec<ClientJwk>,
    /// The first characters of the secret.
    pub hint: String,
    /// SHA-256 of the secret; of no use where it proves who it is in another way.
    pub digest: Digest,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl RegisterClient {
    pub(super) fn decide(self, client: &Client) -> Result<ClientEvent, ClientRefusal> {
        if client.state().is_some() {
            return Err(ClientRefusal::AlreadyRegistered);
        }
        if self.tenant_suspended {
            return Err(ClientRefusal::TenantSuspended);
        }
        check_type(&self.dialect, self.client_type)?;
        check_name(&self.name).map_err(ClientRefusal::InvalidName)?;
        self.check_authentication()?;
        check_redirects(self.client_type, &self.redirect_uris)?;
        let environment = self.environment_name()?;
        let scopes = self.scopes()?;
        check_restrictions(&self.dialect, &self.restrictions).map_err(ClientRefusal::Terms)?;
        let has_secret = self.authentication == ClientAuthentication::ClientSecret;
        Ok(ClientEvent::ClientRegistered(Box::new(ClientRegistered {
            tenant_id: self.tenant_id,
            dialect: self.dialect.name.clone(),
            name: self.name,
            client_type: self.client_type,
            client_id: self.client_id,
            environment,
            authentication: self.authentication,
            requires_pkce: self.requires_pkce,
            require_pushed_authorization_requests: self.require_pushed_authorization_requests,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            redirect_uris: self.redirect_uris,
            scopes,
            ip_allowlist: canonical_networks(&self.ip_allowlist),
            restrictions: self.restrictions,
            jwks: self.jwks,
            hint: has_secret.then_some(self.hint),
            digest: has_secret.then_some(self.digest),
            registered_at: self.now,
        })))
    }

    fn check_authentication(&self) -> Result<(), ClientRefusal> {
        let (public, asserts) = (
            self.authentication == ClientAuthentication::None,
            self.authentication == ClientAuthentication::PrivateKeyJwt,
        );
        if public && self.client_type == ClientType::Server {
            return Err(ClientRefusal::PublicServer);
        }
        if public && !self.requires_pkce {
            return Err(ClientRefusal::PkceRequired);
        }
        if asserts == self.jwks.is_empty() || self.jwks.len() > MOST_KEYS {
            return Err(ClientRefusal::KeysMismatch);
        }
        for (at, jwk) in self.jwks.iter().enumerate() {
            check_jwk(jwk).map_err(|why| ClientRefusal::InvalidKey { at, why })?;
        }
        Ok(())
    }

    fn environment_name(&self) -> Result<String, ClientRefusal> {
        let dialect = &self.dialect;
        let environment = match &self.environment {
            Some(asked) => dialect.environment(asked),
            None => dialect.default_environment(),
        };
        environment.map(|environment| environment.name.clone()).ok_or_else(|| {
            ClientRefusal::Terms(KeyRefusal::UnknownEnvironment {
                asked: self.environment.iter().flat_map(|asked| asked.chars()).take(32).collect(),
                known: join(dialect.environments.iter().map(|e| e.name.as_str())),
            })
        })
    }

    fn scopes(&self) -> Result<ScopeSet, ClientRefusal> {
        let rules = &self.dialect.scopes;
        let Some(asked) = &self.scopes else {
            return Ok(rules.known.keys().filter(|scope| !rules.all.contains(*scope)).cloned().collect());
        };
        check_client_scopes(&self.dialect, asked)?;
        Ok(asked.clone())
    }
}

/// Whether codes may be sent there.
pub(super) fn check_redirects(client_type: ClientType, uris: &[String]) -> Result<(), ClientRefusal> {
    match (client_type, uris.len()) {
        (ClientType::Server, 1..) => return Err(ClientRefusal::RedirectOfServer),
        (ClientType::App, 0) => return Err(ClientRefusal::NoRedirect),
        (_, too_many) if too_many > MOST_REDIRECTS => return Err(ClientRefusal::TooManyRedirects),
        (ClientType::Server | ClientType::App, _) => {}
    }
    for (at, uri) in uris.iter().enumerate() {
        check_redirect(uri).map_err(|why| ClientRefusal::InvalidRedirect { at, why })?;
    }
    Ok(())
}

/// Whether tokens may be made for these scopes.
pub(super) fn check_client_scopes(dialect: &Dialect, asked: &ScopeSet) -> Result<(), ClientRefusal> {
    if asked.is_empty() && dialect.scopes.exist() {
        return Err(ClientRefusal::NoScopes);
    }
    check_scopes(dialect, KeyType::Secret, asked).map_err(ClientRefusal::Terms)
}

/// Whether the dialect has clients of this type.
fn check_type(dialect: &Dialect, client_type: ClientType) -> Result<(), ClientRefusal> {
    let grant = match client_type {
        ClientType::Server => OauthGrant::ClientCredentials,
        ClientType::App => OauthGrant::AuthorizationCode,
    };
    let Some(oauth) = &dialect.oauth else {
        return Err(ClientRefusal::Unsupported {
            asked: client_type.as_str(),
            instead: "create a key instead",
        });
    };
    if oauth.grants.contains(&grant) {
        return Ok(());
    }
    let instead = match client_type {
        ClientType::Server => "register an app",
        ClientType::App => "register a server",
    };
    Err(ClientRefusal::Unsupported { asked: client_type.as_str(), instead })
}
