//! Tenants over REST.

mod change;
mod create;
mod list;
mod show;
mod suspension;

use actix_web::web;
use chrono::{DateTime, Utc};
use nexus_domain::ids::TenantId;
use nexus_infrastructure::gate::IdentifiedTenant;
use nexus_projections::tenant_list::{self, TenantItem};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::change::__path_change;
pub use self::change::RenameTenantBody;
pub(crate) use self::create::__path_create;
pub use self::create::CreateTenantBody;
pub(crate) use self::list::__path_list;
pub use self::list::TenantPage;
pub(crate) use self::show::__path_show;
pub use self::suspension::SuspendTenantBody;
pub(crate) use self::suspension::{__path_resume, __path_suspend};
use crate::app::App;
use crate::keys::up_to_date;
use crate::problem::Problem;
use crate::receipt::Receipt;

/// A tenant as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantObject {
    /// Its id.
    #[schema(value_type = String, example = "3714240b-2e06-4c35-8856-ccc1c096323e")]
    pub id: TenantId,
    /// Its name.
    #[schema(example = "Acme")]
    pub name: String,
    /// The dialect of its keys.
    #[schema(example = "nexus")]
    pub dialect: String,
    /// `active` or `suspended`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A tenant that was suspended.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuspendedTenant {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: TenantObject,
    /// How far the suspension has come.
    pub receipt: Receipt,
}

impl TenantObject {
    /// `active` or `suspended`.
    #[must_use]
    pub const fn status(suspended: bool) -> &'static str {
        if suspended { "suspended" } else { "active" }
    }
}

impl From<IdentifiedTenant> for TenantObject {
    fn from(identified: IdentifiedTenant) -> Self {
        let tenant = identified.tenant;
        Self {
            id: identified.tenant_id,
            name: tenant.name,
            dialect: tenant.dialect,
            status: Self::status(tenant.suspended),
            created_at: tenant.created_at,
        }
    }
}

impl From<TenantItem> for TenantObject {
    fn from(item: TenantItem) -> Self {
        let status = Self::status(item.suspended);
        Self { id: item.id, name: item.name, dialect: item.dialect, status, created_at: item.created_at }
    }
}

/// A tenant that exists, as everything answered before has left it.
///
/// # Errors
/// `not_found`, `unavailable`
pub async fn existing(app: &App, tenant: TenantId) -> Result<TenantObject, Problem> {
    up_to_date(app, tenant_list::NAME).await?;
    let item = app.projections.tenant_list().get(tenant).await?;
    item.map(TenantObject::from).ok_or_else(Problem::not_found)
}

/// An id in a path; anything else is not there.
///
/// # Errors
/// `not_found`
pub fn tenant_id(text: &str) -> Result<TenantId, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(create::create)
        .service(list::list)
        .service(show::show)
        .service(change::change)
        .service(suspension::suspend)
        .service(suspension::resume);
}
