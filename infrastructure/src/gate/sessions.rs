//! Signing in, and the sessions that come of it.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use nexus_domain::credential::Digest;
use nexus_domain::ids::{MemberId, SessionId, TenantId};
use nexus_domain::member::{Email, MemberState, Password};
use nexus_domain::session::{
    BeginSession, EndReason, EndSession, LONGEST, Session, SessionCommand, SessionEvent, SessionRefusal,
    SessionState, SignInFailure, SignInMethod,
};

use crate::gate::keys::require;
use crate::gate::{
    Call, Done, FailedAttempt, Gate, GateError, PLATFORM_TENANT, Principal, Refusal, Reservations, Target,
};
use crate::journal::{Append, AppendError, Expected, StreamAppend};
use crate::member_sessions::SessionRow;

/// The longest part of a user agent that is kept, in characters.
const LONGEST_USER_AGENT: usize = 256;

/// What somebody shows to sign in.
#[derive(Debug)]
pub struct SignIn<'a> {
    /// What was typed as the address.
    pub email: &'a str,
    /// The password.
    pub password: &'a Password,
    /// SHA-256 of the secret that the session gets.
    pub digest: Digest,
    /// What program it is, as it says itself.
    pub user_agent: Option<&'a str>,
}

/// What came of signing in.
#[derive(Debug, Clone)]
pub enum SignInOutcome {
    /// A session began.
    SignedIn(Box<MemberSession>),
    /// None did, and outwardly it is all the same why.
    Refused(FailedAttempt),
}

/// A session that lives, with its member.
#[derive(Debug, Clone)]
pub struct MemberSession {
    /// The session.
    pub session_id: SessionId,
    /// Its state.
    pub session: SessionState,
    /// The member's state.
    pub member: MemberState,
    /// What the member may do.
    pub principal: Principal,
}

/// A page of sessions that live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions.
    pub rows: Vec<SessionRow>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<(i64, SessionId)>,
}

impl Gate {
    /// Looks whether address and password are a member's, and begins a session. An unknown address takes the same work as a
    /// wrong password.
    ///
    /// # Errors
    /// [`GateError`]; [`GateError::Contended`] where the member is changed just now.
    pub async fn sign_in(&self, call: &Call<'_>, shown: SignIn<'_>) -> Result<SignInOutcome, GateError> {
        let (found, is_right) = self.recognise(shown.email, shown.password).await?;
        match found {
            Some((member_id, member, sequence)) if is_right => {
                let session = self.begin_session(call, member_id, member, sequence, &shown).await?;
                Ok(SignInOutcome::SignedIn(Box::new(session)))
            }
            Some((member_id, member, _)) => Ok(SignInOutcome::Refused(FailedAttempt {
                tenant_id: member.tenant_id,
                member_id: Some(member_id),
                reason: SignInFailure::WrongPassword,
            })),
            None => Ok(SignInOutcome::Refused(FailedAttempt {
                tenant_id: PLATFORM_TENANT,
                member_id: None,
                reason: SignInFailure::UnknownEmail,
            })),
        }
    }

    /// Whether address and password are a present member's.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn is_password(&self, email: &str, password: &Password) -> Result<bool, GateError> {
        let (found, is_right) = self.recognise(email, password).await?;
        Ok(found.is_some() && is_right)
    }

    /// The member who has an address, and whether the password is that member's. It takes the same work where there is none.
    async fn recognise(
        &self,
        email: &str,
        password: &Password,
    ) -> Result<(Option<(MemberId, MemberState, u64)>, bool), GateError> {
        // What cannot be an address is nobody's, and is looked for like any other.
        let email = email.parse::<Email>().or_else(|_| "nobody@invalid".parse());
        let email = email.map_err(|error| GateError::Internal(Box::new(error)))?;
        let found = self.member_by_email(&email).await?;
        let named = found.as_ref().and_then(|(id, member, _)| Some((*id, member.password_id?)));
        let expected = self.password_hash(named).await?;
        let is_right = self.passwords.verify(password, expected).await?;
        Ok((found, is_right))
    }

    /// Begins a session of a member who was recognised in this state. Somebody who changes the password meanwhile is first:
    /// then there is no session.
    async fn begin_session(
        &self,
        call: &Call<'_>,
        member_id: MemberId,
        member: MemberState,
        sequence: u64,
        shown: &SignIn<'_>,
    ) -> Result<MemberSession, GateError> {
        let principal = self.member_principal(member_id, &member);
        let call = Call { principal: &principal, idempotency: None, ..call.clone() };
        let session_id = SessionId::new(self.entropy.uuid_v7(call.now));
        let command = SessionCommand::Begin(BeginSession {
            tenant_id: member.tenant_id,
            member_id,
            epoch: member.epoch,
            method: SignInMethod::Password,
            digest: shown.digest,
            now: call.now,
        });
        let mut session = Session::default();
        let event = session
            .decide(command)
            .map_err(|refusal| GateError::Refused(Refusal::Session(refusal)))?
            .ok_or(GateError::Contended)?;
        self.keep_row(&call, session_id, member_id, member.tenant_id, shown.user_agent).await?;
        let append = Append {
            streams: vec![
                StreamAppend {
                    aggregate_type: Session::TYPE.to_owned(),
                    aggregate_id: session_id.to_string(),
                    expected: Expected::Exactly(0),
                    events: self
                        .envelopes::<Session>(&call, member.tenant_id, std::slice::from_ref(&event))
                        .await?,
                },
                StreamAppend {
                    aggregate_type: nexus_domain::member::Member::TYPE.to_owned(),
                    aggregate_id: member_id.to_string(),
                    expected: Expected::Exactly(sequence),
                    events: Vec::new(),
                },
            ],
            now: call.now.timestamp_micros(),
            ..Append::default()
        };
        match self.journal.append(append).await {
            Ok(_) => {}
            Err(AppendError::Conflict) => return Err(GateError::Contended),
            Err(error) => return Err(GateError::append(error)),
        }
        session.apply(event);
        let session = session.state().cloned().ok_or(GateError::Contended)?;
        Ok(MemberSession { session_id, session, member, principal })
    }

    async fn keep_row(
        &self,
        call: &Call<'_>,
        session_id: SessionId,
        member_id: MemberId,
        tenant_id: TenantId,
        user_agent: Option<&str>,
    ) -> Result<(), GateError> {
        let cipher = self.personal_data.cipher(&member_id.to_string()).await?;
        let seal = |text: String| cipher.seal(&text).map_err(|error| GateError::Internal(Box::new(error)));
        let bounded = user_agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect::<String>());
        let row = SessionRow {
            session_id,
            tenant_id,
            member_id,
            began_at: call.now,
            seen_at: call.now,
            ends_at: call.now + LONGEST,
            ip: call.ip.map(|ip| seal(ip.to_string())).transpose()?,
            user_agent: bounded.map(seal).transpose()?,
        };
        self.sessions_seen.add(&row).await.map_err(GateError::Unavailable)
    }

    /// The session that a secret of this digest opens now, on whichever node it was begun: neither ended nor over nor idle, and
    /// of a member who stands as when it began. That something was asked in it is noted.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn session(
        &self,
        session_id: SessionId,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<Option<MemberSession>, GateError> {
        let row = self.sessions_seen.get(session_id).await.map_err(GateError::Unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let (session, _) =
            self.sessions.load(&session_id.to_string()).await.map_err(GateError::Unavailable)?;
        let Some(session) = session.state().cloned() else { return Ok(None) };
        let (member, _) = self.load_member(session.member_id).await?;
        if !session.admits(digest, member.present(), row.seen_at, now) {
            return Ok(None);
        }
        let Some(member) = member.present().cloned() else { return Ok(None) };
        self.sessions_seen.seen(&row, now).await.map_err(GateError::Unavailable)?;
        let mut principal = self.member_principal(session.member_id, &member);
        principal.not_after = session.ends_at.timestamp_micros();
        Ok(Some(MemberSession { session_id, session, member, principal }))
    }

    /// A page of the sessions of a tenant that live, newest first, behind `before` (when it began, in unix microseconds, and its
    /// id). It may have fewer rows than the limit where sessions have just ended.
    ///
    /// # Errors
    /// [`GateError`]; needs `members:read`.
    pub async fn list_sessions(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        before: Option<(i64, SessionId)>,
        limit: u32,
    ) -> Result<SessionPage, GateError> {
        require(call, "members:read")?;
        self.existing_tenant(call, tenant).await?;
        let (began_at, id) =
            before.map_or_else(|| (i64::MAX, String::new()), |(at, id)| (at, id.to_string()));
        let rows = self.sessions_seen.list(tenant, (began_at, &id), call.now, limit + 1).await;
        let mut rows = rows.map_err(GateError::Unavailable)?;
        let is_whole = rows.len() <= limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map(|row| (row.began_at.timestamp_micros(), row.session_id));
        let mut page = SessionPage { rows: Vec::new(), next: last.filter(|_| !is_whole) };
        for row in rows {
            let (session, _) =
                self.sessions.load(&row.session_id.to_string()).await.map_err(GateError::Unavailable)?;
            let (member, _) = self.load_member(row.member_id).await?;
            if session.state().is_some_and(|state| state.lives(member.present(), row.seen_at, call.now)) {
                page.rows.push(row);
            }
        }
        Ok(page)
    }

    /// Ends a session, on all nodes at once. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]; needs `members:write` and all that the member's role may do, or to be the member.
    pub async fn end_session(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        session: SessionId,
        reason: EndReason,
    ) -> Result<Done<()>, GateError> {
        let not_found = || GateError::Refused(Refusal::Session(SessionRefusal::NotFound));
        let id = session.to_string();
        let (known, _) = self.sessions.load(&id).await.map_err(GateError::Unavailable)?;
        let known = known.state().filter(|known| known.tenant_id == tenant);
        match known {
            Some(known) => self.allow_member(call, tenant, known.member_id).await?,
            None => {
                require(call, "members:write")?;
                self.existing_tenant(call, tenant).await?;
                return Err(not_found());
            }
        }
        let command = SessionCommand::End(EndSession { tenant_id: tenant, reason, now: call.now });
        let target = Target { tenant, aggregate_id: &id, owner: None };
        let nothing = |_: &Session, _: &[SessionEvent]| Reservations::default();
        let done = self.execute(&self.sessions, call, target, |_| command.clone(), nothing, |_| ()).await?;
        if let Err(error) = self.sessions_seen.remove(session).await {
            tracing::warn!(%error, "the row of an ended session stays for now");
        }
        Ok(done)
    }

    /// Removes what is kept of sessions that are over.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn prune_sessions(&self, now: DateTime<Utc>) -> Result<u64, GateError> {
        self.sessions_seen.prune(now).await.map_err(GateError::Unavailable)
    }

    /// Removes the rows of a member's sessions, which the log has ended.
    pub(super) async fn forget_sessions(&self, member: MemberId, now: DateTime<Utc>) {
        // One that began meanwhile, with the new password, has a later time.
        if let Err(error) = self.sessions_seen.remove_of(member, now).await {
            tracing::warn!(%error, "the rows of ended sessions stay for now");
        }
    }
}
