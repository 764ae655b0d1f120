//! A grant: what somebody agreed that a client may do for them, from the code that it began with over all refresh tokens to its
//! end (RFC 6749 section 4.1). One stream holds all of it, so that whoever redeems, refreshes or revokes decides on the same
//! state, and of many who do it at once one is first.

mod consent;
mod event;
mod pkce;
mod redeem;
mod refresh;
mod refusal;
mod revoke;
mod shown;
mod withdraw;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::consent::{CODE_LIFETIME, GrantConsent};
pub use self::event::{
    CodeRedeemed, ConsentGranted, GrantEnd, GrantEvent, GrantRevoked, RefreshReuseDetected, TokenRefreshed,
};
pub use self::pkce::{Challenge, InvalidChallenge};
pub use self::redeem::RedeemCode;
pub use self::refresh::RefreshToken;
pub use self::refusal::GrantRefusal;
pub use self::revoke::RevokeGrant;
pub use self::withdraw::WithdrawGrant;
use crate::credential::Digest;
use crate::ids::{KeyId, TenantId, TokenId};
use crate::scope::ScopeSet;
use crate::token::remembered_until;

/// A grant's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant(Option<GrantState>);

/// What is known of a grant that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantState {
    /// Whose data it opens.
    pub tenant_id: TenantId,
    /// The dialect of that tenant.
    pub dialect: String,
    /// The client.
    pub key_id: KeyId,
    /// Who agreed.
    pub subject: String,
    /// What they agreed to.
    pub scopes: ScopeSet,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// SHA-256 of the code.
    pub code: Digest,
    /// The challenge that the code is bound to.
    pub challenge: Option<Challenge>,
    /// SHA-256 of the key that the code is bound to.
    #[serde(default)]
    pub dpop_jkt: Option<Digest>,
    /// SHA-256 of the key that the refresh token is bound to.
    #[serde(default)]
    pub refresh_jkt: Option<Digest>,
    /// From when on the code is refused.
    pub code_expires_at: DateTime<Utc>,
    /// When the code was redeemed.
    pub redeemed_at: Option<DateTime<Utc>>,
    /// SHA-256 of the refresh token that can be used.
    pub refresh: Option<Digest>,
    /// SHA-256 of those that were used.
    pub spent: Vec<Digest>,
    /// From when on no refresh token is taken.
    pub expires_at: DateTime<Utc>,
    /// When the last of its access tokens ends.
    pub tokens_until: DateTime<Utc>,
    /// When they agreed.
    pub granted_at: DateTime<Utc>,
    /// When and why it ended.
    pub revoked: Option<(DateTime<Utc>, GrantEnd)>,
}

/// What a client gets for a code or a refresh token, as far as a decision knows it: made at the edge.
#[derive(Debug, Clone)]
pub struct Issuance {
    /// The access token's id.
    pub token_id: TokenId,
    /// When the access token ends.
    pub token_expires_at: DateTime<Utc>,
    /// SHA-256 of the refresh token; absent where the dialect has none.
    pub refresh: Option<Digest>,
    /// SHA-256 of the key that the client proved to hold (RFC 9449); absent: it proved none.
    pub jkt: Option<Digest>,
    /// Whether the refresh token is bound to that key: where nothing else proves who the client is.
    pub binds_refresh: bool,
}

impl Issuance {
    fn refresh_jkt(&self) -> Option<Digest> {
        self.jkt.filter(|_| self.binds_refresh)
    }
}

impl Grant {
    /// The state, where the grant exists.
    #[must_use]
    pub const fn state(&self) -> Option<&GrantState> {
        self.0.as_ref()
    }

    /// The state, where the grant exists and is this client's.
    fn of(&self, client: KeyId) -> Result<&GrantState, GrantRefusal> {
        self.0.as_ref().filter(|grant| grant.key_id == client).ok_or(GrantRefusal::NotFound)
    }
}

impl GrantState {
    /// The end of it, for this reason.
    fn end(&self, reason: GrantEnd, now: DateTime<Utc>) -> GrantEvent {
        GrantEvent::GrantRevoked(GrantRevoked {
            tenant_id: self.tenant_id,
            dialect: self.dialect.clone(),
            key_id: self.key_id,
            until: remembered_until(self.tokens_until),
            reason,
            revoked_at: now,
        })
    }
}

/// What can be asked of a grant.
#[derive(Debug, Clone)]
pub enum GrantCommand {
    /// Begin it.
    Consent(Box<GrantConsent>),
    /// Take tokens for its code.
    Redeem(RedeemCode),
    /// Take tokens for its refresh token.
    Refresh(RefreshToken),
    /// End it.
    Revoke(RevokeGrant),
    /// End it because of who agreed.
    Withdraw(WithdrawGrant),
}

impl Grant {
    /// Decides on a command. Where a code or a refresh token is used twice, the events end the grant instead of going on with
    /// it, and whoever asks gets nothing.
    ///
    /// # Errors
    /// [`GrantRefusal`]
    pub fn decide(&self, command: GrantCommand) -> Result<Vec<GrantEvent>, GrantRefusal> {
        match command {
            GrantCommand::Consent(command) => command.decide(self),
            GrantCommand::Redeem(command) => command.decide(self),
            GrantCommand::Refresh(command) => command.decide(self),
            GrantCommand::Revoke(command) => command.decide(self),
            GrantCommand::Withdraw(command) => command.decide(self),
        }
    }
}

impl Aggregate for Grant {
    const TYPE: &'static str = "grant";
    type Command = GrantCommand;
    type Event = GrantEvent;
    type Error = GrantRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: GrantCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), GrantRefusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: GrantEvent) {
        match (&mut self.0, event) {
            (state, GrantEvent::ConsentGranted(granted)) => {
                state.get_or_insert_with(|| (*granted).into());
            }
            (Some(grant), GrantEvent::CodeRedeemed(redeemed)) => {
                grant.redeemed_at = Some(redeemed.redeemed_at);
                grant.refresh = redeemed.digest;
                grant.refresh_jkt = redeemed.jkt;
                grant.tokens_until = grant.tokens_until.max(redeemed.token_expires_at);
            }
            (Some(grant), GrantEvent::TokenRefreshed(refreshed)) => {
                grant.spent.extend(grant.refresh.replace(refreshed.digest));
                grant.refresh_jkt = refreshed.jkt;
                grant.tokens_until = grant.tokens_until.max(refreshed.token_expires_at);
            }
            (Some(grant), GrantEvent::GrantRevoked(revoked)) => {
                grant.revoked.get_or_insert((revoked.revoked_at, revoked.reason));
            }
            (Some(_), GrantEvent::RefreshReuseDetected(_))
            | (
                None,
                GrantEvent::CodeRedeemed(_)
                | GrantEvent::TokenRefreshed(_)
                | GrantEvent::RefreshReuseDetected(_)
                | GrantEvent::GrantRevoked(_),
            ) => {}
        }
    }
}

impl From<ConsentGranted> for GrantState {
    fn from(granted: ConsentGranted) -> Self {
        Self {
            tenant_id: granted.tenant_id,
            dialect: granted.dialect,
            key_id: granted.key_id,
            subject: granted.subject,
            scopes: granted.scopes,
            redirect_uri: granted.redirect_uri,
            code: granted.digest,
            challenge: granted.challenge,
            dpop_jkt: granted.dpop_jkt,
            refresh_jkt: None,
            code_expires_at: granted.code_expires_at,
            redeemed_at: None,
            refresh: None,
            spent: Vec::new(),
            expires_at: granted.expires_at,
            tokens_until: granted.granted_at,
            granted_at: granted.granted_at,
            revoked: None,
        }
    }
}

#[cfg(test)]
mod tests;
