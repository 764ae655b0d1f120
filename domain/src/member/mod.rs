//! A member: a person with a role in a tenant, known by an e-mail address.

mod email;
mod event;
mod password;
mod refusal;
mod role;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::email::{Email, InvalidEmail, LONGEST_EMAIL};
pub use self::event::{MemberAdded, MemberErased, MemberEvent, MemberRemoved, PasswordSet};
pub use self::password::{InvalidPassword, LONGEST_PASSWORD, Password, SHORTEST_PASSWORD};
pub use self::refusal::MemberRefusal;
pub use self::role::{Role, UnknownRole};
use crate::ids::{PasswordId, TenantId};
use crate::validity::{DialectEntry, Shown};

/// A member's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member(Option<MemberState>);

/// What is known of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberState {
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// The e-mail address, encrypted with the member's key.
    pub email: String,
    /// What the member may do.
    pub role: Role,
    /// Where the hash of the password is kept; absent: there is no password to sign in with.
    pub password_id: Option<PasswordId>,
    /// Since when the password is the present one.
    pub password_set_at: Option<DateTime<Utc>>,
    /// Rises with whatever ends all sessions that were begun before.
    pub epoch: u32,
    /// Since when.
    pub added_at: DateTime<Utc>,
    /// Until when, where it is over. Nothing brings a member back.
    pub removed_at: Option<DateTime<Utc>>,
    /// Since when nobody can read who it was.
    #[serde(default)]
    pub erased_at: Option<DateTime<Utc>>,
}

/// What can be asked of a member.
#[derive(Debug, Clone)]
pub enum MemberCommand {
    /// Make one.
    Add(AddMember),
    /// Give it another password.
    SetPassword(SetPassword),
    /// End it.
    Remove(RemoveMember),
    /// Have it forgotten who it was.
    Erase(EraseMember),
}

/// Makes somebody a member.
#[derive(Debug, Clone)]
pub struct AddMember {
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// The e-mail address, encrypted with the member's key.
    pub email: String,
    /// What the member may do.
    pub role: Role,
    /// The hash of the first password, which was checked at the edge; absent: none yet.
    pub password_id: Option<PasswordId>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Gives a member another password, which was checked at the edge, where alone it is known.
#[derive(Debug, Clone)]
pub struct SetPassword {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// Its hash.
    pub password_id: PasswordId,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Ends a membership.
#[derive(Debug, Clone)]
pub struct RemoveMember {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Has it forgotten who a former member was.
#[derive(Debug, Clone)]
pub struct EraseMember {
    /// The member's tenant.
    pub tenant_id: TenantId,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl Member {
    /// The state, where the member exists or did.
    #[must_use]
    pub const fn state(&self) -> Option<&MemberState> {
        self.0.as_ref()
    }

    /// The state of a member that was not removed.
    #[must_use]
    pub fn present(&self) -> Option<&MemberState> {
        self.0.as_ref().filter(|member| member.removed_at.is_none())
    }

    /// Decides on a command. Removing or erasing a member twice is no error and no second event.
    ///
    /// # Errors
    /// [`MemberRefusal`]
    pub fn decide(&self, command: MemberCommand) -> Result<Vec<MemberEvent>, MemberRefusal> {
        match command {
            MemberCommand::Add(AddMember { tenant_id, email, role, password_id, now }) => {
                if self.0.is_some() {
                    return Err(MemberRefusal::AlreadyAdded);
                }
                let added = MemberAdded { tenant_id, email, role, added_at: now };
                let password =
                    password_id.map(|password_id| PasswordSet { tenant_id, password_id, set_at: now });
                let events = std::iter::once(MemberEvent::MemberAdded(added));
                Ok(events.chain(password.map(MemberEvent::PasswordSet)).collect())
            }
            MemberCommand::SetPassword(SetPassword { tenant_id, password_id, now }) => {
                self.of(tenant_id)?;
                self.present().ok_or(MemberRefusal::NotFound)?;
                Ok(vec![MemberEvent::PasswordSet(PasswordSet { tenant_id, password_id, set_at: now })])
            }
            MemberCommand::Remove(RemoveMember { tenant_id, now }) => {
                let member = self.of(tenant_id)?;
                let removed = MemberEvent::MemberRemoved(MemberRemoved { tenant_id, removed_at: now });
                Ok(if member.removed_at.is_none() { vec![removed] } else { Vec::new() })
            }
            MemberCommand::Erase(EraseMember { tenant_id, now }) => {
                let member = self.of(tenant_id)?;
                if member.removed_at.is_none() {
                    return Err(MemberRefusal::StillPresent);
                }
                let erased = MemberEvent::MemberErased(MemberErased { tenant_id, erased_at: now });
                Ok(if member.erased_at.is_none() { vec![erased] } else { Vec::new() })
            }
        }
    }

    /// A foreign member and an absent one are the same to whoever asks.
    fn of(&self, tenant: TenantId) -> Result<&MemberState, MemberRefusal> {
        self.0.as_ref().filter(|member| member.tenant_id == tenant).ok_or(MemberRefusal::NotFound)
    }
}

impl Aggregate for Member {
    const TYPE: &'static str = "member";
    type Command = MemberCommand;
    type Event = MemberEvent;
    type Error = MemberRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: MemberCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), MemberRefusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: MemberEvent) {
        match event {
            MemberEvent::MemberAdded(added) => {
                self.0 = Some(MemberState {
                    tenant_id: added.tenant_id,
                    email: added.email,
                    role: added.role,
                    password_id: None,
                    password_set_at: None,
                    epoch: 0,
                    added_at: added.added_at,
                    removed_at: None,
                    erased_at: None,
                });
            }
            MemberEvent::PasswordSet(set) => {
                if let Some(member) = &mut self.0 {
                    member.password_id = Some(set.password_id);
                    member.password_set_at = Some(set.set_at);
                    member.epoch += 1;
                }
            }
            MemberEvent::MemberRemoved(removed) => {
                if let Some(member) = &mut self.0 {
                    member.removed_at = Some(removed.removed_at);
                }
            }
            MemberEvent::MemberErased(erased) => {
                if let Some(member) = &mut self.0 {
                    member.erased_at = Some(erased.erased_at);
                }
            }
        }
    }
}

impl Shown for Member {
    /// Validating nodes decide about credentials and know nothing of people.
    fn shown(&self, _: &str) -> Option<DialectEntry> {
        None
    }
}

#[cfg(test)]
mod tests;
