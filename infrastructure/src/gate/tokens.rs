//! Issuing access tokens to clients, and revoking them. What a request gives is appended at once: no crash can leave a code
//! spent and nothing issued, or something issued and the code still good.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use nexus_domain::client::{Client, ClientAuthentication, ClientState};
use nexus_domain::credential::{Digest, Secret, is_well_formed};
use nexus_domain::dialect::{Dialect, Oauth};
use nexus_domain::grant::{
    Grant, GrantCommand, GrantEvent, GrantRefusal, GrantState, Issuance, RedeemCode, RefreshToken,
};
use nexus_domain::ids::{GrantId, KeyId, MemberId, TokenId};
use nexus_domain::key::RevocationReason;
use nexus_domain::member::Member;
use nexus_domain::scope::ScopeSet;
use nexus_domain::tenant::Tenant;
use nexus_domain::token::{
    Behalf, IssueToken, RevokeToken, Revoker, Token, TokenCommand, TokenRefusal, TokenState,
};
use uuid::Uuid;

use super::clients::KnownClient;
use super::{ATTEMPTS, Call, Done, Gate, GateError, Owner, Refusal, Reservations, ShownSecret, Target};
use crate::journal::{Append, AppendError, Expected, StreamAppend};

/// Makes the text of an access token. It is made before anything is appended: a token that cannot be signed must not cost a
/// code.
pub trait Sign: Sync {
    /// The signed token.
    ///
    /// # Errors
    /// [`GateError`]; nothing happens then.
    fn sign(&self, id: TokenId, token: &TokenState, client: &ClientState) -> Result<String, GateError>;
}

/// What a client gets.
#[derive(Debug)]
pub struct IssuedTokens {
    /// The access token.
    pub access_token: ShownSecret,
    /// Its id.
    pub token_id: TokenId,
    /// What is known of it.
    pub token: TokenState,
    /// The refresh token, where there is one.
    pub refresh_token: Option<ShownSecret>,
}

/// What came of a code or a refresh token.
#[derive(Debug)]
pub enum Redemption {
    /// Tokens.
    Issued(Box<IssuedTokens>),
    /// It had been used before, and the grant has ended with all its tokens; the position to settle.
    Ended {
        /// The position of the grant's end.
        position: u64,
    },
}

/// What a client shows for tokens.
#[derive(Debug, Clone)]
pub enum Proof<'a> {
    /// A code, with what it is bound to.
    Code {
        /// The code.
        code: &'a str,
        /// The redirect URI that it was sent to.
        redirect_uri: Option<&'a str>,
        /// The verifier (RFC 7636).
        verifier: Option<&'a str>,
    },
    /// A refresh token.
    Refresh {
        /// The refresh token.
        token: &'a str,
        /// What the access token shall allow; absent: all that was agreed to.
        scopes: Option<ScopeSet>,
    },
}

impl Gate {
    /// Issues an access token to a client for itself. The client has proved who it is, and that it holds the key with this
    /// thumbprint, where there is one.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn issue_to_client(
        &self,
        call: &Call<'_>,
        client: KnownClient,
        scopes: Option<ScopeSet>,
        jkt: Option<Digest>,
        sign: &dyn Sign,
    ) -> Result<IssuedTokens, GateError> {
        let mut client = client;
        for _ in 0..ATTEMPTS {
            let owner = self.owner(client.state.tenant_id).await?;
            if let Some(issued) = self.issue_once(call, &client, &owner, scopes.clone(), jkt, sign).await? {
                self.remembered.keep(&client, &owner);
                return Ok(issued);
            }
            client = self.still_there(&client).await?;
        }
        Err(GateError::Contended)
    }

    /// Issues tokens to a client for a code or a refresh token. The client has proved who it is, and that it holds the key with this
    /// thumbprint, where there is one. What was used before ends the grant instead.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn redeem(
        &self,
        call: &Call<'_>,
        client: KnownClient,
        proof: &Proof<'_>,
        jkt: Option<Digest>,
        sign: &dyn Sign,
    ) -> Result<Redemption, GateError> {
        let dialect = self.dialect(&client.state.dialect)?;
        let oauth = dialect.oauth.as_ref().ok_or_else(unknown)?;
        let grant_id = proof.grant_id(oauth).ok_or_else(unknown)?;
        let mut client = client;
        for _ in 0..ATTEMPTS {
            let (mut grant, sequence) =
                self.grants.load(&grant_id.to_string()).await.map_err(GateError::Unavailable)?;
            let tenant = grant.state().map(|grant| grant.tenant_id).ok_or_else(unknown)?;
            let token_id = TokenId::new(self.entropy.uuid_v7(call.now));
            let refresh = (!oauth.refresh_prefix.is_empty())
                .then(|| self.mint(&bearing(&oauth.refresh_prefix, grant_id)));
            let issuance = Issuance {
                token_id,
                token_expires_at: call.now + access_lifetime(&dialect),
                refresh: refresh.as_ref().map(Secret::digest),
                jkt,
                binds_refresh: client.state.authentication == ClientAuthentication::None,
            };
            let events = grant
                .decide(proof.command(client.key_id, issuance, call.now))
                .map_err(|refusal| GateError::Refused(Refusal::Grant(refusal)))?;
            events.iter().cloned().for_each(|event| grant.apply(event));
            let changed = StreamAppend {
                aggregate_type: Grant::TYPE.to_owned(),
                aggregate_id: grant_id.to_string(),
                expected: Expected::Exactly(sequence),
                events: self.envelopes::<Grant>(call, tenant, &events).await?,
            };
            if events.iter().any(|event| matches!(event, GrantEvent::GrantRevoked(_))) {
                match self.append_all(call, vec![changed]).await? {
                    Some(position) => return Ok(Redemption::Ended { position }),
                    None => continue,
                }
            }
            let scopes = proof.scopes(grant.state());
            let owner = self.owner(tenant).await?;
            let subject = subject_of(&grant).to_owned();
            let behalf = Behalf::Somebody { grant_id, tenant_id: tenant, subject, scopes };
            let (token, stream) = self.token_of(call, token_id, &client, &owner, behalf, jkt).await?;
            let access_token = ShownSecret::new(sign.sign(token_id, &token, &client.state)?);
            let mut streams =
                vec![changed, stream, unchanged::<Client>(&client.key_id, client.sequence), stands(&owner)];
            if client.state.tenant_id != tenant {
                let registrar = self.owner(client.state.tenant_id).await?;
                if registrar.state.suspended {
                    return Err(GateError::Refused(Refusal::Token(TokenRefusal::TenantSuspended)));
                }
                streams.push(stands(&registrar));
            }
            if let Ok(member_id) = subject_of(&grant).parse::<MemberId>() {
                // Whoever is removed gave all that they gave as a member.
                let (member, sequence) = self.load_member(member_id).await?;
                if member.present().is_none() {
                    return Err(GateError::Refused(Refusal::Grant(GrantRefusal::Revoked)));
                }
                streams.push(unchanged::<Member>(&member_id, sequence));
            }
            if self.append_all(call, streams).await?.is_some() {
                let refresh_token = refresh.as_ref().map(ShownSecret::of);
                let issued = IssuedTokens { access_token, token_id, token, refresh_token };
                return Ok(Redemption::Issued(Box::new(issued)));
            }
            client = self.still_there(&client).await?;
        }
        Err(GateError::Contended)
    }

    /// Revokes an access token. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn revoke_token(
        &self,
        call: &Call<'_>,
        id: TokenId,
        by: Revoker,
        reason: RevocationReason,
    ) -> Result<Done<TokenState>, GateError> {
        let not_found = || GateError::Refused(Refusal::Token(TokenRefusal::NotFound));
        let tenant = self.issued_token(id).await?.ok_or_else(not_found)?.tenant_id;
        let command = TokenCommand::Revoke(RevokeToken { by, reason, now: call.now });
        let target = Target { tenant, aggregate_id: &id.to_string(), owner: None };
        let reserve = |_: &Token, _: &[_]| Reservations::default();
        let answer = |token: &Token| token.state().cloned();
        let done = self.execute(&self.tokens, call, target, |_| command.clone(), reserve, answer).await?;
        Ok(Done { answer: done.answer.ok_or_else(not_found)?, position: done.position })
    }

    /// What is known of an access token.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn issued_token(&self, id: TokenId) -> Result<Option<TokenState>, GateError> {
        let (token, _) = self.tokens.load(&id.to_string()).await.map_err(GateError::Unavailable)?;
        Ok(token.state().cloned())
    }

    /// Decides on a token of a new id.
    pub(super) async fn token(
        &self,
        call: &Call<'_>,
        client: &KnownClient,
        owner: &Owner,
        behalf: Behalf,
        jkt: Option<Digest>,
    ) -> Result<(TokenId, TokenState, StreamAppend), GateError> {
        let id = TokenId::new(self.entropy.uuid_v7(call.now));
        let (token, stream) = self.token_of(call, id, client, owner, behalf, jkt).await?;
        Ok((id, token, stream))
    }

    async fn token_of(
        &self,
        call: &Call<'_>,
        id: TokenId,
        client: &KnownClient,
        owner: &Owner,
        behalf: Behalf,
        jkt: Option<Digest>,
    ) -> Result<(TokenState, StreamAppend), GateError> {
        let dialect = self.dialect(&client.state.dialect)?;
        let command = IssueToken {
            key_id: client.key_id,
            client: client.state.clone(),
            tenant_suspended: owner.state.suspended,
            on_behalf_of: behalf,
            lifetime: access_lifetime(&dialect),
            jkt,
            now: call.now,
        };
        let mut token = Token::default();
        let event = token
            .decide(TokenCommand::Issue(Box::new(command)))
            .map_err(|refusal| GateError::Refused(Refusal::Token(refusal)))?;
        let events: Vec<_> = event.into_iter().collect();
        events.iter().cloned().for_each(|event| token.apply(event));
        let state = token.state().cloned().ok_or_else(unknown)?;
        let stream = StreamAppend {
            aggregate_type: Token::TYPE.to_owned(),
            aggregate_id: id.to_string(),
            expected: Expected::Exactly(0),
            events: self.envelopes::<Token>(call, state.tenant_id, &events).await?,
        };
        Ok((state, stream))
    }

    /// Appends streams; the last position, or nothing where one of them has moved on.
    pub(super) async fn append_all(
        &self,
        call: &Call<'_>,
        streams: Vec<StreamAppend>,
    ) -> Result<Option<u64>, GateError> {
        let append = Append { streams, now: call.now.timestamp_micros(), ..Append::default() };
        match self.journal.append(append).await {
            Ok(appended) => Ok(Some(appended.last)),
            Err(AppendError::Conflict) => Ok(None),
            Err(error) => Err(GateError::append(error)),
        }
    }

    /// A client as it is now, which changed while it was answered. What it proved itself by must still count: a secret may have
    /// been replaced meanwhile, and whoever did that may have been answered.
    async fn still_there(&self, client: &KnownClient) -> Result<KnownClient, GateError> {
        let now = self.clock.now();
        let known = self.client_of(client.key_id).await?.map(|known| known.shown(client.secret));
        let known =
            known.filter(|known| known.secret.is_none_or(|secret| known.state.has_secret(&secret, now)));
        known.ok_or(GateError::Refused(Refusal::Token(TokenRefusal::ClientRevoked)))
    }

    pub(super) fn dialect(&self, name: &str) -> Result<std::sync::Arc<Dialect>, GateError> {
        self.dialects.get(name).cloned().ok_or_else(|| GateError::DialectNotServed(name.to_owned()))
    }
}

impl Proof<'_> {
    fn grant_id(&self, oauth: &Oauth) -> Option<GrantId> {
        match self {
            Self::Code { code, .. } => borne(&oauth.code_prefix, code),
            Self::Refresh { token, .. } => borne(&oauth.refresh_prefix, token),
        }
    }

    fn command(&self, key_id: KeyId, issuance: Issuance, now: DateTime<Utc>) -> GrantCommand {
        match self {
            Self::Code { code, redirect_uri, verifier } => GrantCommand::Redeem(RedeemCode {
                key_id,
                digest: Digest::of(code),
                redirect_uri: redirect_uri.map(str::to_owned),
                verifier: verifier.map(str::to_owned),
                issuance,
                now,
            }),
            Self::Refresh { token, scopes } => GrantCommand::Refresh(RefreshToken {
                key_id,
                digest: Digest::of(token),
                scopes: scopes.clone(),
                issuance,
                now,
            }),
        }
    }

    /// What the access token allows: the decision has held it against the grant.
    fn scopes(&self, grant: Option<&GrantState>) -> ScopeSet {
        match self {
            Self::Refresh { scopes: Some(scopes), .. } => scopes.clone(),
            Self::Refresh { scopes: None, .. } | Self::Code { .. } => {
                grant.map(|grant| grant.scopes.clone()).unwrap_or_default()
            }
        }
    }
}

/// The prefix of a code or refresh token of a grant. It bears the grant's id, so that any API node finds the grant in the log
/// itself, and nothing that could be behind has to be looked up.
pub(super) fn bearing(prefix: &str, grant: GrantId) -> String {
    format!("{prefix}{}_", grant.uuid().simple())
}

/// The grant whose id a well-formed code or refresh token bears.
pub(super) fn borne(prefix: &str, secret: &str) -> Option<GrantId> {
    let digits = secret.strip_prefix(prefix).filter(|_| !prefix.is_empty())?.get(..32)?;
    let grant = GrantId::new(Uuid::try_parse(digits).ok()?);
    is_well_formed(secret, &bearing(prefix, grant)).then_some(grant)
}

fn unknown() -> GateError {
    GateError::Refused(Refusal::Grant(GrantRefusal::NotFound))
}

/// The condition that an aggregate stands as the decision saw it.
pub(super) fn unchanged<A: Aggregate>(id: &impl ToString, sequence: u64) -> StreamAppend {
    StreamAppend {
        aggregate_type: A::TYPE.to_owned(),
        aggregate_id: id.to_string(),
        expected: Expected::Exactly(sequence),
        events: Vec::new(),
    }
}

/// Who agreed.
fn subject_of(grant: &Grant) -> &str {
    grant.state().map_or("", |grant| &grant.subject)
}

pub(super) fn stands(owner: &Owner) -> StreamAppend {
    unchanged::<Tenant>(&owner.tenant, owner.sequence)
}

/// A dialect with OAuth says how long its tokens live.
fn access_lifetime(dialect: &Dialect) -> TimeDelta {
    dialect.access_tokens.as_ref().map_or(TimeDelta::zero(), |tokens| tokens.lifetime)
}

#[cfg(test)]
mod tests {
    use nexus_domain::credential::RANDOM_BYTES;

    use super::*;

    #[test]
    fn a_code_bears_its_grant_and_nothing_else_does() {
        let grant = GrantId::new(Uuid::from_u128(0x0123_4567_89ab_cdef));
        let code = Secret::mint(&bearing("nx_code_", grant), &[7; RANDOM_BYTES]);
        assert_eq!(borne("nx_code_", code.expose()), Some(grant));
        assert_eq!(borne("nx_refresh_", code.expose()), None, "a code is no refresh token");
        assert_eq!(borne("", code.expose()), None);
        let mistyped = code.expose().replacen('0', "1", 1);
        for wrong in ["", "nx_code_", &code.expose()[..60], &mistyped, "nx_code_ä"] {
            assert_eq!(borne("nx_code_", wrong), None, "{wrong}");
        }
    }
}
