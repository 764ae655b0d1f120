//! What the handlers share, and the table of routes.

use std::sync::Arc;
use std::time::Duration;

use actix_service::IntoServiceFactory as _;
use actix_web::middleware::from_fn;
use actix_web::web;
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use nexus_domain::verification::{Code, Refused};
use nexus_infrastructure::config::UsageDetail;
use nexus_infrastructure::gate::Gate;
use nexus_projections::Projections;
use nexus_validator::Validator;
use nexus_validator::lease::{Lease, Permit};
use nexus_validator::usage_journal::{UsageJournal, UsageRecord};

use crate::problem::Problem;
use crate::request::trace;
use crate::verification::hot::{HotDurations, Moment};
use crate::verification::{Behind, Front, forward_auth};
use crate::{audit, docs, events, health, keys, methods, openapi, projections, tenants};

/// The most bytes of a request body.
pub const LONGEST_BODY: usize = 64 * 1024;

/// How long an answer waits until the node's own table and lists show what was done.
pub const VISIBLE_WITHIN: Duration = Duration::from_secs(3);

/// What the handlers of a process share.
#[derive(Clone)]
pub struct App {
    /// The way to change anything.
    pub gate: Arc<Gate>,
    /// The read models.
    pub projections: Projections,
    /// The node's own table of credentials.
    pub validator: Arc<Validator>,
    /// Whether the table may be answered from.
    pub lease: Arc<Lease>,
    /// Where its decisions are recorded.
    pub usage: UsageJournal,
    /// What is recorded of each request.
    pub usage_detail: UsageDetail,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// Where the outside reaches this server.
    pub public_url: String,
    /// How long verification takes.
    pub hot_durations: HotDurations,
    /// Metrics as text.
    pub metrics: PrometheusHandle,
}

impl App {
    /// Leave to decide on a request of this moment: `UNAVAILABLE` where the table may be behind the log for too long.
    pub(crate) fn permit(&self, now: Moment) -> Result<Permit, Refused> {
        self.lease.holds(now.monotonic).ok_or_else(|| {
            Refused::new(
                Code::Unavailable,
                "this node cannot follow the log, so it cannot tell; try another one",
            )
        })
    }

    /// Records a decision, in as much detail as the configuration wants.
    pub fn record(&self, record: UsageRecord<'_>) {
        match self.usage_detail {
            UsageDetail::Requests => self.usage.record(&record),
            UsageDetail::Counts => self.usage.count(&record),
        }
    }
}

/// Everything that a worker serves.
pub fn service(app: &web::Data<App>) -> Front<impl Behind + use<>> {
    let routes = actix_web::App::new().app_data(web::Data::clone(app)).configure(routes);
    Front::new(web::Data::clone(app), routes.into_factory())
}

/// The routes behind [`Front`].
fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::scope("")
                .wrap(from_fn(trace))
                .app_data(web::PayloadConfig::new(LONGEST_BODY))
                .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found().into()))
                .configure(tenants::routes)
                .configure(keys::routes)
                .configure(audit::routes)
                .configure(events::routes)
                .configure(projections::routes)
                .configure(health::routes)
                .configure(openapi::routes)
                .configure(docs::routes)
                .configure(forward_auth::routes)
                .configure(methods::routes)
                .default_service(web::to(nothing_here)),
        )
        // What is no path at all, such as `OPTIONS *`.
        .default_service(web::to(nothing_here).wrap(from_fn(trace)));
}

async fn nothing_here() -> Result<actix_web::HttpResponse, Problem> {
    Err(Problem::not_found())
}
