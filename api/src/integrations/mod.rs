//! Integrations over REST.

mod change;
mod create;
mod list;
mod show;

use actix_web::web;
use chrono::{DateTime, Utc};
use nexus_domain::ids::{AgentId, IntegrationId, TenantId};
use nexus_domain::integration::IntegrationType;
use nexus_infrastructure::gate::IdentifiedIntegration;
use nexus_projections::integration_list::IntegrationItem;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::change::__path_change;
pub use self::change::ChangeIntegrationBody;
pub(crate) use self::create::__path_create;
pub use self::create::CreateIntegrationBody;
pub(crate) use self::list::__path_list;
pub use self::list::IntegrationPage;
pub(crate) use self::show::__path_show;
use crate::principal::Caller;
use crate::problem::Problem;
use crate::receipt::Receipt;
use crate::tenants::tenant_id;

/// An integration as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrationObject {
    /// Its id.
    #[schema(value_type = String, example = "int_019abc0011227000800000000000dddd")]
    pub id: IntegrationId,
    /// Its owner.
    #[schema(value_type = String, example = "3714240b-2e06-4c35-8856-ccc1c096323e")]
    pub tenant_id: TenantId,
    /// Its name.
    #[schema(example = "Website")]
    pub name: String,
    /// Through what it is used: `api`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "api")]
    pub integration_type: IntegrationType,
    /// The agent that it is connected to.
    #[schema(value_type = Option<String>, example = "agt_019abc0011227000800000000000cccc")]
    pub agent_id: Option<AgentId>,
    /// Whether its keys are accepted, as far as it is concerned.
    pub enabled: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// An integration that was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedIntegration {
    /// The integration.
    #[serde(flatten)]
    pub integration: IntegrationObject,
    /// How far the change has come.
    pub receipt: Receipt,
}

impl From<IdentifiedIntegration> for IntegrationObject {
    fn from(identified: IdentifiedIntegration) -> Self {
        let integration = identified.integration;
        Self {
            id: identified.integration_id,
            tenant_id: integration.tenant_id,
            name: integration.name,
            integration_type: integration.integration_type,
            agent_id: integration.agent_id,
            enabled: integration.enabled,
            created_at: integration.created_at,
        }
    }
}

impl From<IntegrationItem> for IntegrationObject {
    fn from(item: IntegrationItem) -> Self {
        let IntegrationItem { id, tenant_id, name, integration_type, agent_id, enabled, created_at } = item;
        Self { id, tenant_id, name, integration_type, agent_id, enabled, created_at }
    }
}

/// Tenant and integration of a path, visible to the caller as far as the ids tell.
fn addressed(caller: &Caller, path: &(String, String)) -> Result<(TenantId, IntegrationId), Problem> {
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    Ok((tenant, path.1.parse().map_err(|_| Problem::not_found())?))
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(create::create).service(list::list).service(show::show).service(change::change);
}
