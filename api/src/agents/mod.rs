//! Agents over REST.

mod change;
mod create;
mod list;
mod show;

use actix_web::web;
use chrono::{DateTime, Utc};
use nexus_domain::ids::{AgentId, TenantId};
use nexus_infrastructure::gate::IdentifiedAgent;
use nexus_projections::agent_list::AgentItem;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::change::__path_change;
pub use self::change::ChangeAgentBody;
pub(crate) use self::create::__path_create;
pub use self::create::CreateAgentBody;
pub(crate) use self::list::__path_list;
pub use self::list::AgentPage;
pub(crate) use self::show::__path_show;
use crate::principal::Caller;
use crate::problem::Problem;
use crate::receipt::Receipt;
use crate::tenants::tenant_id;

/// An agent as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentObject {
    /// Its id.
    #[schema(value_type = String, example = "agt_019abc0011227000800000000000cccc")]
    pub id: AgentId,
    /// Its owner.
    #[schema(value_type = String, example = "3714240b-2e06-4c35-8856-ccc1c096323e")]
    pub tenant_id: TenantId,
    /// Its name.
    #[schema(example = "Support")]
    pub name: String,
    /// `active`, or `restricted`: the keys of its integrations are refused.
    #[schema(example = "active")]
    pub status: &'static str,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// An agent that was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedAgent {
    /// The agent.
    #[serde(flatten)]
    pub agent: AgentObject,
    /// How far the change has come.
    pub receipt: Receipt,
}

const fn status(restricted: bool) -> &'static str {
    if restricted { "restricted" } else { "active" }
}

impl From<IdentifiedAgent> for AgentObject {
    fn from(IdentifiedAgent { agent_id, agent }: IdentifiedAgent) -> Self {
        Self {
            id: agent_id,
            tenant_id: agent.tenant_id,
            name: agent.name,
            status: status(agent.restricted),
            created_at: agent.created_at,
        }
    }
}

impl From<AgentItem> for AgentObject {
    fn from(item: AgentItem) -> Self {
        let AgentItem { id, tenant_id, name, restricted, created_at } = item;
        Self { id, tenant_id, name, status: status(restricted), created_at }
    }
}

/// Tenant and agent of a path, visible to the caller as far as the ids tell.
fn addressed(caller: &Caller, path: &(String, String)) -> Result<(TenantId, AgentId), Problem> {
    let tenant = tenant_id(&path.0)?;
    caller.see(tenant)?;
    Ok((tenant, path.1.parse().map_err(|_| Problem::not_found())?))
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(create::create).service(list::list).service(show::show).service(change::change);
}
