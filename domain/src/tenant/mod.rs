//! A tenant: the customer who owns keys.

mod event;
mod refusal;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::event::{TenantCreated, TenantEvent, TenantRenamed, TenantResumed, TenantSuspended};
pub use self::refusal::TenantRefusal;
use crate::key::check_name;

/// A tenant's state, folded from its events. Before the first event it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant(Option<TenantState>);

/// What is known of a tenant that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantState {
    /// Its name.
    pub name: String,
    /// The dialect of its keys.
    pub dialect: String,
    /// Whether its keys are refused for now.
    pub suspended: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What can be asked of a tenant.
#[derive(Debug, Clone)]
pub enum TenantCommand {
    /// Create it.
    Create(CreateTenant),
    /// Give it another name.
    Rename(RenameTenant),
    /// Refuse all its keys until it is resumed.
    Suspend(SuspendTenant),
    /// Accept its keys again.
    Resume(ResumeTenant),
}

/// Creates a tenant.
#[derive(Debug, Clone)]
pub struct CreateTenant {
    /// A name for people.
    pub name: String,
    /// The dialect, known to exist.
    pub dialect: String,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Gives a tenant another name.
#[derive(Debug, Clone)]
pub struct RenameTenant {
    /// The name.
    pub name: String,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Suspends a tenant: all its keys are refused, none is changed.
#[derive(Debug, Clone)]
pub struct SuspendTenant {
    /// What people note about it; at most 100 characters.
    pub note: Option<String>,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

/// Ends a suspension.
#[derive(Debug, Clone)]
pub struct ResumeTenant {
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl Tenant {
    /// The state, where the tenant exists.
    #[must_use]
    pub const fn state(&self) -> Option<&TenantState> {
        self.0.as_ref()
    }

    /// Decides on a command. Suspending a suspended tenant, and the like, is no error and no event.
    ///
    /// # Errors
    /// [`TenantRefusal`]
    pub fn decide(&self, command: TenantCommand) -> Result<Option<TenantEvent>, TenantRefusal> {
        match command {
            TenantCommand::Create(command) => {
                if self.0.is_some() {
                    return Err(TenantRefusal::AlreadyCreated);
                }
                check_name(&command.name).map_err(TenantRefusal::InvalidName)?;
                Ok(Some(TenantEvent::TenantCreated(TenantCreated {
                    name: command.name,
                    dialect: command.dialect,
                    created_at: command.now,
                })))
            }
            TenantCommand::Rename(command) => {
                let tenant = self.existing()?;
                check_name(&command.name).map_err(TenantRefusal::InvalidName)?;
                let renamed = TenantRenamed { name: command.name, renamed_at: command.now };
                Ok((tenant.name != renamed.name).then_some(TenantEvent::TenantRenamed(renamed)))
            }
            TenantCommand::Suspend(command) => {
                let tenant = self.existing()?;
                if let Some(note) = &command.note {
                    check_name(note).map_err(TenantRefusal::InvalidNote)?;
                }
                let suspended = TenantSuspended { note: command.note, suspended_at: command.now };
                Ok((!tenant.suspended).then_some(TenantEvent::TenantSuspended(suspended)))
            }
            TenantCommand::Resume(command) => {
                let tenant = self.existing()?;
                let resumed = TenantResumed { resumed_at: command.now };
                Ok(tenant.suspended.then_some(TenantEvent::TenantResumed(resumed)))
            }
        }
    }

    fn existing(&self) -> Result<&TenantState, TenantRefusal> {
        self.0.as_ref().ok_or(TenantRefusal::NotFound)
    }
}

impl Aggregate for Tenant {
    const TYPE: &'static str = "tenant";
    type Command = TenantCommand;
    type Event = TenantEvent;
    type Error = TenantRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: TenantCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), TenantRefusal> {
        if let Some(event) = self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TenantEvent) {
        match event {
            TenantEvent::TenantCreated(created) => {
                self.0 = Some(TenantState {
                    name: created.name,
                    dialect: created.dialect,
                    suspended: false,
                    created_at: created.created_at,
                });
            }
            TenantEvent::TenantRenamed(renamed) => {
                if let Some(tenant) = &mut self.0 {
                    tenant.name = renamed.name;
                }
            }
            TenantEvent::TenantSuspended(_) => {
                if let Some(tenant) = &mut self.0 {
                    tenant.suspended = true;
                }
            }
            TenantEvent::TenantResumed(_) => {
                if let Some(tenant) = &mut self.0 {
                    tenant.suspended = false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
