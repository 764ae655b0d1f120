//! Grants: what people agree that clients may do for them.

use chrono::TimeDelta;
use cqrs_es::Aggregate;
use nexus_domain::client::ClientState;
use nexus_domain::credential::Digest;
use nexus_domain::grant::{
    Challenge, Grant, GrantCommand, GrantConsent, GrantEnd, GrantRefusal, GrantState, RevokeGrant,
    WithdrawGrant,
};
use nexus_domain::ids::{GrantId, MemberId, TenantId};
use nexus_domain::member::Member;
use nexus_domain::scope::ScopeSet;
use nexus_domain::session::SessionRefusal;
use nexus_domain::token::{Revoker, TokenRefusal};

use super::clients::KnownClient;
use super::keys::require;
use super::tokens::{bearing, borne, unchanged};
use super::{Call, Done, Gate, GateError, Refusal, Reservations, ShownSecret, Target};
use crate::journal::{Expected, StreamAppend};

/// What somebody agrees to.
#[derive(Debug, Clone)]
pub struct Consent {
    /// Whose data it opens.
    pub tenant: TenantId,
    /// Who agrees.
    pub subject: MemberId,
    /// The epoch of the session in which they do: a password that is set meanwhile is first.
    pub epoch: u32,
    /// What they agree to, known to be the client's.
    pub scopes: ScopeSet,
    /// Where the code goes, known to be the client's.
    pub redirect_uri: String,
    /// The challenge that the code is bound to.
    pub challenge: Option<Challenge>,
    /// SHA-256 of the key that the code is bound to (RFC 9449 section 10).
    pub dpop_jkt: Option<Digest>,
}

/// The scope that whoever agrees needs: an app gets what a key could do, and so do those who may make one.
pub const CONSENT: &str = "keys:write";

impl Gate {
    /// Puts on record that somebody agreed, and makes the code for the client.
    ///
    /// # Errors
    /// [`GateError`]; needs [`CONSENT`].
    pub async fn consent(
        &self,
        call: &Call<'_>,
        client: &KnownClient,
        consent: Consent,
    ) -> Result<ShownSecret, GateError> {
        require(call, CONSENT)?;
        let dialect = self.dialect(&client.state.dialect)?;
        let unauthorized = || GateError::Refused(Refusal::Token(TokenRefusal::UnauthorizedClient));
        let oauth = dialect.oauth.as_ref().filter(|oauth| !oauth.code_prefix.is_empty());
        let oauth = oauth.ok_or_else(unauthorized)?;
        let owner = self.owner(consent.tenant).await?;
        if owner.state.suspended {
            return Err(GateError::Refused(Refusal::Token(TokenRefusal::TenantSuspended)));
        }
        let (member, sequence) = self.load_member(consent.subject).await?;
        if member.present().is_none_or(|member| member.epoch != consent.epoch) {
            return Err(GateError::Refused(Refusal::Session(SessionRefusal::NotFound)));
        }
        let id = GrantId::new(self.entropy.uuid_v7(call.now));
        let code = self.mint(&bearing(&oauth.code_prefix, id));
        let command = GrantConsent {
            tenant_id: consent.tenant,
            dialect: client.state.dialect.clone(),
            key_id: client.key_id,
            client_id: client.state.client_id.clone(),
            subject: consent.subject.to_string(),
            scopes: consent.scopes,
            redirect_uri: consent.redirect_uri,
            digest: code.digest(),
            challenge: consent.challenge,
            dpop_jkt: consent.dpop_jkt,
            lifetime: dialect
                .access_tokens
                .as_ref()
                .map_or(TimeDelta::zero(), |tokens| tokens.refresh_lifetime),
            now: call.now,
        };
        let events = Grant::default()
            .decide(GrantCommand::Consent(Box::new(command)))
            .map_err(|refusal| GateError::Refused(Refusal::Grant(refusal)))?;
        // Whether the client or a tenant is stopped meanwhile is looked at when the code is redeemed.
        let stream = StreamAppend {
            aggregate_type: Grant::TYPE.to_owned(),
            aggregate_id: id.to_string(),
            expected: Expected::Exactly(0),
            events: self.envelopes::<Grant>(call, consent.tenant, &events).await?,
        };
        // Whoever is removed or gets another password at the same instant has not agreed.
        let stands = unchanged::<Member>(&consent.subject, sequence);
        match self.append_all(call, vec![stream, stands]).await? {
            Some(_) => Ok(ShownSecret::of(&code)),
            None => Err(GateError::Contended),
        }
    }

    /// Ends a grant, and all its tokens with it. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn revoke_grant(
        &self,
        call: &Call<'_>,
        id: GrantId,
        by: Revoker,
        refresh: Option<Digest>,
    ) -> Result<Done<GrantState>, GateError> {
        let not_found = || GateError::Refused(Refusal::Grant(GrantRefusal::NotFound));
        let tenant = self.grant(id).await?.ok_or_else(not_found)?.tenant_id;
        let command = GrantCommand::Revoke(RevokeGrant { by, refresh, now: call.now });
        let target = Target { tenant, aggregate_id: &id.to_string(), owner: None };
        let reserve = |_: &Grant, _: &[_]| Reservations::default();
        let answer = |grant: &Grant| grant.state().cloned();
        let done = self.execute(&self.grants, call, target, |_| command.clone(), reserve, answer).await?;
        Ok(Done { answer: done.answer.ok_or_else(not_found)?, position: done.position })
    }

    /// Ends a grant because of what happened to whoever agreed to it. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn withdraw_grant(
        &self,
        call: &Call<'_>,
        id: GrantId,
        subject: MemberId,
        reason: GrantEnd,
    ) -> Result<Option<u64>, GateError> {
        let not_found = || GateError::Refused(Refusal::Grant(GrantRefusal::NotFound));
        let tenant = self.grant(id).await?.ok_or_else(not_found)?.tenant_id;
        let withdraw = WithdrawGrant { subject: subject.to_string(), reason, now: call.now };
        let target = Target { tenant, aggregate_id: &id.to_string(), owner: None };
        let reserve = |_: &Grant, _: &[_]| Reservations::default();
        // One of several steps of a request: its idempotency key belongs to the one that they follow from.
        let call = Call { idempotency: None, ..call.clone() };
        let command = |_: Option<&_>| GrantCommand::Withdraw(withdraw.clone());
        Ok(self.execute(&self.grants, &call, target, command, reserve, |_| ()).await?.position)
    }

    /// What is known of a grant.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn grant(&self, id: GrantId) -> Result<Option<GrantState>, GateError> {
        let (grant, _) = self.grants.load(&id.to_string()).await.map_err(GateError::Unavailable)?;
        Ok(grant.state().cloned())
    }

    /// The grant that a refresh token of a client bears, whether or not the token is one of its.
    ///
    /// # Errors
    /// [`GateError::DialectNotServed`]
    pub fn grant_borne(
        &self,
        client: &ClientState,
        refresh_token: &str,
    ) -> Result<Option<GrantId>, GateError> {
        let dialect = self.dialect(&client.dialect)?;
        Ok(dialect.oauth.as_ref().and_then(|oauth| borne(&oauth.refresh_prefix, refresh_token)))
    }
}
