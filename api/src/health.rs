//! Liveness, readiness and metrics.

use actix_web::{HttpResponse, get, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use crate::app::App;
use crate::problem::{self, Problem};
use crate::verification::Verifier;

/// Registers the routes of an API node.
pub fn routes(config: &mut web::ServiceConfig) {
    // What grows where something is wrong is there before, so that who watches it tells none from not counted.
    for count in ["nexus_usage_refused_total", "nexus_node_streams_refused_total"] {
        ::metrics::counter!(count).increment(0);
    }
    config.service(healthz).service(readyz).service(metrics);
}

/// Registers the routes of a node that only validates.
pub fn validating_routes(config: &mut web::ServiceConfig) {
    config.service(healthz).service(readyz_validating).service(metrics);
}

/// The process lives.
#[utoipa::path(tag = "operation", security(()), responses((status = 200, description = "The process lives")))]
#[get("/healthz")]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// The process can serve: the store answers. Why it cannot is told in the body.
#[utoipa::path(tag = "operation", security(()), responses((status = 200, description = "The process can serve"), (status = 503, body = problem::Document)))]
#[get("/readyz")]
pub(crate) async fn readyz(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let head = app.gate.journal().head().await?;
    can_tell(
        &app.verifier,
        "the credential table does not follow the log; the log of the process tells why",
    )?;
    let statuses = app.projections.status().await?;
    if let Some(halted) = statuses.iter().find(|status| status.error.is_some()) {
        let error = halted.error.as_deref().unwrap_or_default();
        return Err(Problem::new(
            &problem::UNAVAILABLE,
            format!("the projection {} stands still: {error}", halted.name),
        ));
    }
    Ok(HttpResponse::Ok().json(json!({
        "status": "ok",
        "position": head,
        "applied": app.verifier.validator.applied(),
        "credentials": app.verifier.validator.len(),
        "usage_alarm": app.verifier.usage.alarm(),
    })))
}

/// The node can decide. That usage cannot be written is told and does not stop it: an alarm is for people.
#[get("/readyz")]
async fn readyz_validating(verifier: web::Data<Verifier>) -> Result<HttpResponse, Problem> {
    can_tell(
        &verifier,
        "this node has no right to answer from memory: no API node of `control.urls` gives it one; the log of the process tells \
         why",
    )?;
    Ok(HttpResponse::Ok().json(json!({
        "status": "ok",
        "applied": verifier.validator.applied(),
        "credentials": verifier.validator.len(),
        "usage_alarm": verifier.usage.alarm(),
    })))
}

fn can_tell(verifier: &Verifier, otherwise: &str) -> Result<(), Problem> {
    if verifier.can_tell() { Ok(()) } else { Err(Problem::new(&problem::UNAVAILABLE, otherwise)) }
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(tag = "operation", security(()), responses((status = 200, description = "Metrics", content_type = "text/plain")))]
#[get("/metrics")]
pub(crate) async fn metrics(
    verifier: web::Data<Verifier>,
    metrics: web::Data<PrometheusHandle>,
) -> HttpResponse {
    ::metrics::gauge!("nexus_credentials").set(count(verifier.validator.len() as u64));
    ::metrics::gauge!("nexus_applied_position").set(count(verifier.validator.applied()));
    ::metrics::gauge!("nexus_node_lease_held").set(f64::from(u8::from(verifier.can_tell())));
    ::metrics::gauge!("nexus_usage_dropped").set(count(verifier.usage.dropped()));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics.render())
}

/// Gauges are floating-point numbers; counts are exact in them up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float by definition")]
const fn count(value: u64) -> f64 {
    value as f64
}
