//! Operations on members.

use nexus_domain::ids::{MemberId, PasswordId, TenantId};
use nexus_domain::member::{
    AddMember, Email, EraseMember, Member, MemberCommand, MemberEvent, MemberRefusal, MemberState, Password,
    RemoveMember, Role, SetPassword,
};
use nexus_domain::scope::{EffectiveScopes, Scope, ScopeSet};
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::database::Value;
use crate::dialects::MANAGEMENT;
use crate::gate::keys::require;
use crate::gate::{
    Call, Done, Excess, Gate, GateError, PLATFORM_TENANT, Principal, Refusal, Reservations, Target,
};
use crate::journal::{Claim, ClaimAction};

/// What claims on e-mail addresses begin with.
pub(super) const EMAIL_CLAIM: &str = "member-email/";

/// Who shall be a member.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// By what address.
    pub email: Email,
    /// What the member may do.
    pub role: Role,
    /// The first password; absent: the member cannot sign in until one is set.
    pub password: Option<Password>,
}

/// A member with its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdentifiedMember {
    /// Its id.
    pub member_id: MemberId,
    /// Its state.
    pub member: MemberState,
}

impl Gate {
    /// Makes somebody a member of a tenant.
    ///
    /// # Errors
    /// [`GateError`]; needs `members:write` and all that the role may do, and for the platform's own tenant a principal that is
    /// not confined to tenants. [`GateError::EmailTaken`]
    pub async fn add_member(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        new: NewMember,
    ) -> Result<Done<IdentifiedMember>, GateError> {
        require(call, "members:write")?;
        self.existing_tenant(call, tenant).await?;
        self.check_role(call, tenant, new.role)?;
        let NewMember { email, role, password } = new;
        let member_id = MemberId::new(self.entropy.uuid_v7(call.now));
        let password_id = match &password {
            Some(password) => Some(self.keep_password(call, member_id, &email, password).await?),
            None => None,
        };
        let subject = member_id.to_string();
        let sealed = self.personal_data.seal(&subject, email.expose()).await?;
        let command = AddMember { tenant_id: tenant, email: sealed, role, password_id, now: call.now };
        let claim = Claim { name: self.email_claim(&email), holder: subject, action: ClaimAction::Take };
        let reserve =
            |_: &Member, _: &[MemberEvent]| Reservations { claims: vec![claim.clone()], slots: Vec::new() };
        let done = self.on_member(call, (tenant, member_id), MemberCommand::Add(command), reserve).await;
        // A repetition is answered with the member of the first time.
        if let Some(password_id) = password_id
            && is_unused(&done, password_id)
        {
            self.forget_password(password_id).await;
        }
        done
    }

    /// Gives a member another password, which ends all of the member's sessions.
    ///
    /// # Errors
    /// [`GateError`]; needs `members:write` and all that the member's role may do, or to be the member.
    pub async fn set_password(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        member: MemberId,
        password: &Password,
    ) -> Result<Done<IdentifiedMember>, GateError> {
        let known = self.reachable_member(call, tenant, member).await?;
        let known = known.filter(|known| known.removed_at.is_none()).ok_or(not_found())?;
        let email = self.email_of(&known).await?.ok_or(not_found())?;
        let password_id = self.keep_password(call, member, &email, password).await?;
        let command = SetPassword { tenant_id: tenant, password_id, now: call.now };
        let done = self
            .on_member(call, (tenant, member), MemberCommand::SetPassword(command), |_, _| {
                Reservations::default()
            })
            .await;
        if is_unused(&done, password_id) {
            self.forget_password(password_id).await;
        } else if done.is_ok() {
            if let Some(former) = known.password_id {
                self.forget_password(former).await;
            }
            self.forget_sessions(member, call.now).await;
        }
        done
    }

    /// Ends a membership for good, with all of the member's sessions. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]; needs `members:write` and all that the member's role may do.
    pub async fn remove_member(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        member: MemberId,
    ) -> Result<Done<IdentifiedMember>, GateError> {
        require(call, "members:write")?;
        let known = self.reachable_member(call, tenant, member).await?.ok_or(not_found())?;
        let email = self.email_of(&known).await?;
        let claims: Vec<Claim> = email
            .iter()
            .map(|email| Claim {
                name: self.email_claim(email),
                holder: member.to_string(),
                action: ClaimAction::Release,
            })
            .collect();
        let reserve = |_: &Member, events: &[MemberEvent]| Reservations {
            // Where it was done before, the address may be another member's by now.
            claims: if events.is_empty() { Vec::new() } else { claims.clone() },
            slots: Vec::new(),
        };
        let command = MemberCommand::Remove(RemoveMember { tenant_id: tenant, now: call.now });
        let done = self.on_member(call, (tenant, member), command, reserve).await?;
        self.forget_passwords(member).await;
        self.forget_sessions(member, call.now).await;
        Ok(done)
    }

    /// Destroys the key that a former member's e-mail address and the addresses of the member's requests are encrypted with, and
    /// puts that on record. Asking twice is no error.
    ///
    /// # Errors
    /// [`GateError`]; needs `members:write` and all that the member's role allowed. [`MemberRefusal::StillPresent`]
    pub async fn erase_member(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        member: MemberId,
    ) -> Result<Done<IdentifiedMember>, GateError> {
        require(call, "members:write")?;
        self.reachable_member(call, tenant, member).await?.ok_or(not_found())?;
        let command = MemberCommand::Erase(EraseMember { tenant_id: tenant, now: call.now });
        let nothing = |_: &Member, _: &[MemberEvent]| Reservations::default();
        let done = self.on_member(call, (tenant, member), command, nothing).await?;
        // Behind the event: whoever is told that it cannot be done has lost nothing. A repetition does what is left.
        self.personal_data.erase(&member.to_string()).await?;
        Ok(done)
    }

    /// The address of a member, in clear; nothing where the member was erased.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn email_of(&self, member: &MemberState) -> Result<Option<Email>, GateError> {
        let clear = self.personal_data.open(&member.email).await?.map(Zeroizing::new);
        Ok(clear.and_then(|clear| clear.parse().ok()))
    }

    /// The present member who has an address, as of now on every node: addresses are claimed with the events.
    pub(super) async fn member_by_email(
        &self,
        email: &Email,
    ) -> Result<Option<(MemberId, MemberState, u64)>, GateError> {
        let sql = "SELECT holder FROM claim WHERE name = $1";
        let args = [Value::from(self.email_claim(email))];
        let rows = self.journal.database().query(sql, &args).await.map_err(GateError::Unavailable)?;
        let holder = rows.first().map(|row| row.text(0)).transpose().map_err(GateError::Unavailable)?;
        let holder: Option<MemberId> = holder.and_then(|holder| holder.parse().ok());
        // Of nobody as well: whether somebody has the address is not to be told by the time that it takes to look.
        let nobody = MemberId::new(uuid::Uuid::nil());
        let (member, sequence) = self.load_member(holder.unwrap_or(nobody)).await?;
        let present = member.present().cloned();
        Ok(holder.zip(present).map(|(id, member)| (id, member, sequence)))
    }

    pub(super) async fn load_member(&self, member: MemberId) -> Result<(Member, u64), GateError> {
        self.members.load(&member.to_string()).await.map_err(GateError::Unavailable)
    }

    /// What a member is to the gate.
    #[must_use]
    pub fn member_principal(&self, member_id: MemberId, member: &MemberState) -> Principal {
        Principal {
            actor: member_id.to_string(),
            scopes: self.scopes_of(member.role.scopes()),
            tenants: (member.tenant_id != PLATFORM_TENANT).then(|| [member.tenant_id].into()),
            networks: Vec::new(),
            not_after: i64::MAX,
        }
    }

    /// Somebody of whom nothing is known yet.
    #[must_use]
    pub fn stranger(&self) -> Principal {
        Principal {
            actor: "anonymous".to_owned(),
            scopes: self.scopes_of(&[]),
            tenants: Some([].into()),
            networks: Vec::new(),
            not_after: i64::MAX,
        }
    }

    fn scopes_of(&self, names: &[&str]) -> EffectiveScopes {
        let granted: ScopeSet = names.iter().filter_map(|name| name.parse::<Scope>().ok()).collect();
        // Without the dialect there would be no management credentials either, and nobody to ask anything.
        self.dialects.get(MANAGEMENT).map_or_else(
            || nexus_domain::dialect::management().effective_scopes(&granted),
            |management| management.effective_scopes(&granted),
        )
    }

    /// Nobody makes a member, or takes over one, who may do what they may not do themselves.
    fn check_role(&self, call: &Call<'_>, tenant: TenantId, role: Role) -> Result<(), GateError> {
        if !call.principal.scopes.cover(&self.scopes_of(role.scopes())) {
            return Err(GateError::Escalation(Excess::Scopes));
        }
        if tenant == PLATFORM_TENANT && call.principal.tenants.is_some() {
            return Err(GateError::Escalation(Excess::Tenants));
        }
        Ok(())
    }

    /// Whether the caller may change this member, as it is now: what the operations above ask first.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn allow_member(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        member: MemberId,
    ) -> Result<(), GateError> {
        self.reachable_member(call, tenant, member).await.map(drop)
    }

    /// Whether the caller may make members of this role: what [`Gate::add_member`] asks first.
    ///
    /// # Errors
    /// [`GateError`]
    pub async fn allow_new_member(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        role: Role,
    ) -> Result<(), GateError> {
        require(call, "members:write")?;
        self.existing_tenant(call, tenant).await?;
        self.check_role(call, tenant, role)
    }

    async fn reachable_member(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        member: MemberId,
    ) -> Result<Option<MemberState>, GateError> {
        let own = call.principal.actor == member.to_string();
        if !own {
            require(call, "members:write")?;
        }
        self.existing_tenant(call, tenant).await?;
        let (loaded, _) = self.load_member(member).await?;
        let known = loaded.state().filter(|known| known.tenant_id == tenant).cloned();
        if let Some(known) = known.as_ref().filter(|_| !own) {
            self.check_role(call, tenant, known.role)?;
        }
        Ok(known)
    }

    async fn on_member(
        &self,
        call: &Call<'_>,
        (tenant, member): (TenantId, MemberId),
        command: MemberCommand,
        reserve: impl Fn(&Member, &[MemberEvent]) -> Reservations,
    ) -> Result<Done<IdentifiedMember>, GateError> {
        let target = Target { tenant, aggregate_id: &member.to_string(), owner: None };
        let answer = |state: &Member| {
            state.state().cloned().map(|state| IdentifiedMember { member_id: member, member: state })
        };
        let done = self.execute(&self.members, call, target, |_| command.clone(), reserve, answer).await?;
        // An absent member was refused by the decision.
        let answer = done.answer.ok_or(not_found())?;
        Ok(Done { answer, position: done.position })
    }

    /// The keyed hash of an address: the same in every process that has the master key, and to nobody else a way to ask
    /// whether an address is known.
    fn email_claim(&self, email: &Email) -> String {
        format!("{EMAIL_CLAIM}{}", self.keyed_hash("member e-mail", email.expose().as_bytes()))
    }

    /// HMAC-SHA-256 under a key of this purpose alone, in hexadecimal digits.
    #[must_use]
    pub fn keyed_hash(&self, purpose: &str, text: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.vault.derive(purpose).as_slice());
        hmac::sign(&key, text).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks and hashes a password and keeps the hash, which counts once an event names it.
    async fn keep_password(
        &self,
        call: &Call<'_>,
        member: MemberId,
        email: &Email,
        password: &Password,
    ) -> Result<PasswordId, GateError> {
        password.check(email).map_err(|invalid| {
            GateError::Refused(Refusal::Member(MemberRefusal::InvalidPassword(invalid)))
        })?;
        let password_id = PasswordId::new(self.entropy.uuid_v7(call.now));
        let hash = self.passwords.hash(password).await?;
        let context = password_context(member, password_id);
        let sealed = self
            .vault
            .seal(&context, hash.as_bytes())
            .map_err(|error| GateError::Internal(Box::new(error)))?;
        let sql = "INSERT INTO member_password (password_id, member_id, sealed) VALUES ($1, $2, $3)";
        let args = [password_id.to_string().into(), member.to_string().into(), sealed.into()];
        self.journal.database().execute(sql, &args).await.map_err(GateError::Unavailable)?;
        Ok(password_id)
    }

    /// The hash of a member's password; nothing where there is none. Of nobody it is looked for as well, since the time must
    /// not tell.
    pub(super) async fn password_hash(
        &self,
        member: Option<(MemberId, PasswordId)>,
    ) -> Result<Option<Zeroizing<String>>, GateError> {
        let sql = "SELECT sealed FROM member_password WHERE password_id = $1";
        let asked = member.map_or_else(String::new, |(_, password)| password.to_string());
        let rows =
            self.journal.database().query(sql, &[asked.into()]).await.map_err(GateError::Unavailable)?;
        let (Some(row), Some((member, password))) = (rows.first(), member) else {
            return Ok(None);
        };
        let sealed = row.blob(0).map_err(GateError::Unavailable)?;
        let clear = self
            .vault
            .open(&password_context(member, password), sealed)
            .map_err(|error| GateError::Internal(Box::new(error)))?;
        let text = std::str::from_utf8(&clear).map_err(|error| GateError::Internal(Box::new(error)))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    /// Removes a hash that counts no more. What is left where that fails is encrypted, and named by no event.
    async fn forget_password(&self, password: PasswordId) {
        let sql = "DELETE FROM member_password WHERE password_id = $1";
        if let Err(error) = self.journal.database().execute(sql, &[password.to_string().into()]).await {
            tracing::warn!(%error, "the hash of a former password stays for now");
        }
    }

    async fn forget_passwords(&self, member: MemberId) {
        let sql = "DELETE FROM member_password WHERE member_id = $1";
        if let Err(error) = self.journal.database().execute(sql, &[member.to_string().into()]).await {
            tracing::warn!(%error, "the hash of a former member's password stays for now");
        }
    }
}

/// Whether a hash that was kept did not become a member's. Where the store did not answer, it may have.
fn is_unused(done: &Result<Done<IdentifiedMember>, GateError>, password: PasswordId) -> bool {
    match done {
        Ok(done) => done.answer.member.password_id != Some(password),
        Err(GateError::Unavailable(_)) => false,
        Err(_) => true,
    }
}

/// Associated data: a hash opens for its own member alone.
fn password_context(member: MemberId, password: PasswordId) -> Vec<u8> {
    format!("member_password\0{member}\0{password}").into_bytes()
}

fn not_found() -> GateError {
    GateError::Refused(Refusal::Member(MemberRefusal::NotFound))
}
