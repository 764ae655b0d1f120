//! Operations on tenants.

use nexus_domain::ids::TenantId;
use nexus_domain::tenant::{
    CreateTenant, RenameTenant, ResumeTenant, SuspendTenant, TenantCommand, TenantRefusal, TenantState,
};
use serde::{Deserialize, Serialize};

use crate::dialects::MANAGEMENT;
use crate::gate::keys::require;
use crate::gate::{Call, Done, Gate, GateError, PLATFORM_TENANT, Refusal, Reservations, Target};

/// A tenant with its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdentifiedTenant {
    /// Its id.
    pub tenant_id: TenantId,
    /// Its state.
    pub tenant: TenantState,
}

impl Gate {
    /// Creates a tenant.
    ///
    /// # Errors
    /// [`GateError`]; needs `tenants:write`, and a principal that is not confined to tenants.
    pub async fn create_tenant(
        &self,
        call: &Call<'_>,
        name: String,
        dialect: &str,
    ) -> Result<Done<IdentifiedTenant>, GateError> {
        require(call, "tenants:write")?;
        if call.principal.tenants.is_some() {
            return Err(GateError::Forbidden("tenants:write, for all tenants"));
        }
        if dialect == MANAGEMENT || self.dialects.get(dialect).is_none() {
            let known: Vec<&str> =
                self.dialects.iter().map(|d| d.name.as_str()).filter(|name| *name != MANAGEMENT).collect();
            return Err(GateError::UnknownDialect {
                asked: dialect.chars().take(32).collect(),
                known: known.join(", "),
            });
        }
        let tenant = TenantId::new(self.entropy.uuid_v7(call.now));
        let command =
            TenantCommand::Create(CreateTenant { name, dialect: dialect.to_owned(), now: call.now });
        self.on_tenant(call, tenant, command).await
    }

    /// Gives a tenant another name.
    ///
    /// # Errors
    /// [`GateError`]; needs `tenants:write`.
    pub async fn rename_tenant(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        name: String,
    ) -> Result<Done<IdentifiedTenant>, GateError> {
        self.changeable(call, tenant)?;
        self.on_tenant(call, tenant, TenantCommand::Rename(RenameTenant { name, now: call.now })).await
    }

    /// Refuses all keys of a tenant until it is resumed.
    ///
    /// # Errors
    /// [`GateError`]; needs `tenants:write`. The platform's own tenant cannot be suspended.
    pub async fn suspend_tenant(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        note: Option<String>,
    ) -> Result<Done<IdentifiedTenant>, GateError> {
        self.changeable(call, tenant)?;
        self.on_tenant(call, tenant, TenantCommand::Suspend(SuspendTenant { note, now: call.now })).await
    }

    /// Accepts the keys of a tenant again.
    ///
    /// # Errors
    /// [`GateError`]; needs `tenants:write`.
    pub async fn resume_tenant(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
    ) -> Result<Done<IdentifiedTenant>, GateError> {
        self.changeable(call, tenant)?;
        self.on_tenant(call, tenant, TenantCommand::Resume(ResumeTenant { now: call.now })).await
    }

    /// Suspending the platform's own tenant would lock everybody out, its operators first.
    fn changeable(&self, call: &Call<'_>, tenant: TenantId) -> Result<(), GateError> {
        require(call, "tenants:write")?;
        if !call.principal.sees(tenant) {
            return Err(GateError::TenantNotFound);
        }
        if tenant == PLATFORM_TENANT {
            return Err(GateError::PlatformFixed);
        }
        Ok(())
    }

    async fn on_tenant(
        &self,
        call: &Call<'_>,
        tenant: TenantId,
        command: TenantCommand,
    ) -> Result<Done<IdentifiedTenant>, GateError> {
        let done = self
            .execute(
                &self.tenants,
                call,
                Target { tenant, aggregate_id: &tenant.to_string(), owner: None },
                |_| command.clone(),
                |_, _| Reservations::default(),
                |state| {
                    state
                        .state()
                        .cloned()
                        .map(|tenant_state| IdentifiedTenant { tenant_id: tenant, tenant: tenant_state })
                },
            )
            .await;
        match done {
            Err(GateError::Refused(Refusal::Tenant(TenantRefusal::NotFound))) => {
                Err(GateError::TenantNotFound)
            }
            Err(error) => Err(error),
            Ok(Done { answer: Some(answer), position }) => Ok(Done { answer, position }),
            Ok(Done { answer: None, .. }) => Err(GateError::TenantNotFound),
        }
    }
}
