//! What the handlers share, and the table of routes.

use std::sync::Arc;
use std::time::Duration;

use actix_service::IntoServiceFactory as _;
use actix_web::middleware::from_fn;
use actix_web::web;
use metrics_exporter_prometheus::PrometheusHandle;
use nexus_infrastructure::gate::Gate;
use nexus_infrastructure::rate_budgets::RateBudgets;
use nexus_infrastructure::registry::Registry;
use nexus_infrastructure::signing::Signer;
use nexus_projections::Projections;
use nexus_validator::bus::seal::Sealer;

use crate::authentication_limits::AuthenticationLimits;
use crate::nodes::plane::Plane;
use crate::nodes::ports::Log;
use crate::nodes::streams::Streams;
use crate::problem::Problem;
use crate::request::trace;
use crate::verification::{Behind, Front, Verifier, forward_auth};
use crate::{
    agents, audit, clients, docs, events, health, integrations, jwt_secrets, key_set, keys, members, methods,
    nodes, oauth, openapi, pages, projections, session, tenants, tokens,
};

/// The most bytes of a request body.
pub const LONGEST_BODY: usize = 64 * 1024;

/// How long an answer waits until the node's own table and lists show what was done.
pub const VISIBLE_WITHIN: Duration = Duration::from_secs(3);

/// The addresses of a validating node, but for those of forward auth. Problem details name a page about their kind.
const VALIDATING: &[&str] =
    &["/v1/verify", "/healthz", "/readyz", "/metrics", "/problems", "/problems/{code}"];

/// What the handlers of an API node share.
#[derive(Clone)]
pub struct App {
    /// The way to change anything.
    pub gate: Arc<Gate>,
    /// What signs tokens.
    pub signer: Arc<Signer>,
    /// The read models.
    pub projections: Projections,
    /// The validating nodes, and the barrier that waits for them.
    pub plane: Arc<Plane>,
    /// The API nodes, and what each tells of its nodes.
    pub registry: Registry,
    /// The keys of the second road to nodes, where there is a message broker.
    pub bus: Option<Arc<Sealer>>,
    /// The streams that nodes have.
    pub streams: Arc<Streams>,
    /// What nodes get of the log.
    pub log: Arc<dyn Log>,
    /// Who holds which share of a rate limit.
    pub rate_budgets: RateBudgets,
    /// How often somebody may try to authenticate.
    pub authentication_limits: AuthenticationLimits,
    /// Whether validating nodes must show a certificate besides their credential.
    pub nodes_are_certified: bool,
    /// What the process decides on credentials with.
    pub verifier: Arc<Verifier>,
    /// Where the outside reaches this server.
    pub public_url: String,
    /// Metrics as text.
    pub metrics: PrometheusHandle,
}

/// Everything that a worker of an API node serves.
pub fn service(app: &web::Data<App>) -> Front<impl Behind + use<>> {
    let app = web::Data::clone(app);
    let (verifier, metrics) = (Arc::clone(&app.verifier), app.metrics.clone());
    front(verifier, metrics, |config| {
        config
            .app_data(app)
            // Routes are tried in this order, most of them by a regular expression: what is asked most comes first.
            .configure(oauth::routes)
            .configure(tenants::routes)
            .configure(keys::routes)
            .configure(clients::routes)
            .configure(tokens::routes)
            .configure(members::routes)
            .configure(integrations::routes)
            .configure(agents::routes)
            .configure(jwt_secrets::routes)
            .configure(key_set::routes)
            .configure(audit::routes)
            .configure(events::routes)
            .configure(nodes::routes)
            .configure(projections::routes)
            .configure(health::routes)
            .configure(openapi::routes)
            .configure(docs::routes)
            .configure(pages::routes)
            .configure(session::routes)
            .configure(forward_auth::routes)
            .configure(|config| methods::routes(config, |_| true));
    })
}

/// Everything that a worker of a validating node serves: verification, and what its keepers watch it by.
pub fn validating_service(
    verifier: &Arc<Verifier>,
    metrics: &PrometheusHandle,
) -> Front<impl Behind + use<>> {
    front(Arc::clone(verifier), metrics.clone(), |config| {
        config
            .configure(health::validating_routes)
            .configure(docs::problem_routes)
            .configure(forward_auth::routes)
            .configure(|config| methods::routes(config, |path| VALIDATING.contains(&path)));
    })
}

/// Verification in front, and these routes behind it.
fn front<R: FnOnce(&mut web::ServiceConfig)>(
    verifier: Arc<Verifier>,
    metrics: PrometheusHandle,
    routes: R,
) -> Front<impl Behind + use<R>> {
    let verifier = web::Data::from(verifier);
    let behind = actix_web::App::new()
        // What the layer around the routes needs stands here, since it does not see what is theirs.
        .app_data(web::Data::clone(&verifier))
        .app_data(web::Data::new(metrics))
        .service(
            web::scope("")
                .wrap(from_fn(trace))
                .app_data(web::PayloadConfig::new(LONGEST_BODY))
                .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found().into()))
                .configure(routes)
                .default_service(web::to(nothing_here)),
        )
        // What is no path at all, such as `OPTIONS *`.
        .default_service(web::to(nothing_here).wrap(from_fn(trace)));
    Front::new(verifier, behind.into_factory())
}

async fn nothing_here() -> Result<actix_web::HttpResponse, Problem> {
    Err(Problem::not_found())
}

#[cfg(test)]
mod tests;
