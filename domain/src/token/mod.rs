//! An access token as the log knows it: that it was issued, to whom and for what, and that it was revoked. The token itself,
//! a signed JWT, is stored nowhere.

mod claims;
mod event;
mod issue;
mod refusal;
mod revoke;
mod shown;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::claims::{ACCESS_TOKEN, AccessClaims, Confirmation};
pub use self::event::{TokenEvent, TokenIssued, TokenRevoked};
pub use self::issue::{Behalf, IssueToken};
pub use self::refusal::TokenRefusal;
pub use self::revoke::{RevokeToken, Revoker};
use crate::credential::Digest;
use crate::ids::{GrantId, KeyId, TenantId};
use crate::key::RevocationReason;
use crate::scope::ScopeSet;

/// A token's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token(Option<TokenState>);

/// What is known of a token that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenState {
    /// Whose data it opens.
    pub tenant_id: TenantId,
    /// The dialect of that tenant.
    pub dialect: String,
    /// The client that it was issued to.
    pub key_id: KeyId,
    /// Its public id.
    pub client_id: String,
    /// The grant that it was issued for; absent: the client's own credentials.
    pub grant_id: Option<GrantId>,
    /// Who agreed to it, or the client itself.
    pub subject: String,
    /// The environment.
    pub environment: String,
    /// What it allows.
    pub scopes: ScopeSet,
    /// SHA-256 of the key that it is bound to (RFC 9449); absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Digest>,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When and why it was revoked.
    pub revoked: Option<(DateTime<Utc>, RevocationReason)>,
}

/// For how long behind its end a revoked token is remembered: longer than any clock tolerates one.
pub const REMEMBERED: TimeDelta = TimeDelta::minutes(2);

/// Until when it must be remembered that a token is revoked: a minute behind its end it is still accepted by a clock that is late
/// (see [`crate::jwt::SKEW`]).
#[must_use]
pub fn remembered_until(expires_at: DateTime<Utc>) -> DateTime<Utc> {
    expires_at + REMEMBERED
}

impl Token {
    /// The state, where the token exists.
    #[must_use]
    pub const fn state(&self) -> Option<&TokenState> {
        self.0.as_ref()
    }
}

/// What can be asked of a token.
#[derive(Debug, Clone)]
pub enum TokenCommand {
    /// Put on record that it is issued.
    Issue(Box<IssueToken>),
    /// Revoke it.
    Revoke(RevokeToken),
}

impl Token {
    /// Decides on a command.
    ///
    /// # Errors
    /// [`TokenRefusal`]
    pub fn decide(&self, command: TokenCommand) -> Result<Option<TokenEvent>, TokenRefusal> {
        match command {
            TokenCommand::Issue(command) => command.decide(self).map(Some),
            TokenCommand::Revoke(command) => command.decide(self),
        }
    }
}

impl Aggregate for Token {
    const TYPE: &'static str = "token";
    type Command = TokenCommand;
    type Event = TokenEvent;
    type Error = TokenRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: TokenCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), TokenRefusal> {
        if let Some(event) = self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TokenEvent) {
        match event {
            TokenEvent::TokenIssued(issued) => {
                self.0.get_or_insert_with(|| issued.into());
            }
            TokenEvent::TokenRevoked(revoked) => {
                if let Some(token) = &mut self.0 {
                    token.revoked = Some((revoked.revoked_at, revoked.reason));
                }
            }
        }
    }
}

impl From<TokenIssued> for TokenState {
    fn from(issued: TokenIssued) -> Self {
        let TokenIssued {
            tenant_id,
            dialect,
            key_id,
            client_id,
            grant_id,
            subject,
            environment,
            scopes,
            jkt,
            issued_at,
            expires_at,
        } = issued;
        Self {
            tenant_id,
            dialect,
            key_id,
            client_id,
            grant_id,
            subject,
            environment,
            scopes,
            jkt,
            issued_at,
            expires_at,
            revoked: None,
        }
    }
}

#[cfg(test)]
mod tests;
