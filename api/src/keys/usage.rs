//! `GET /v1/tenants/{tenant}/keys/{key}/usage`

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::duration;
use nexus_domain::instant;
use nexus_domain::usage::Counts;
use nexus_projections::usage as usage_projection;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::keys::{KeyObject, addressed, up_to_date};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;

/// Usage of a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageObject {
    /// Decisions by outcome over the key's whole life.
    #[schema(example = json!({"VALID": 1200, "INSUFFICIENT_SCOPE": 3}))]
    pub totals: BTreeMap<String, u64>,
    /// Decisions by outcome and time; steps without any are left out.
    pub data: Vec<UsageStep>,
}

/// Usage of a key in a step of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageStep {
    /// Its beginning.
    #[schema(example = "2026-01-31T14:00:00Z")]
    pub from: DateTime<Utc>,
    /// Its end, exclusive.
    #[schema(example = "2026-01-31T15:00:00Z")]
    pub to: DateTime<Utc>,
    /// Decisions by outcome.
    #[schema(example = json!({"VALID": 40}))]
    pub counts: BTreeMap<String, u64>,
}

/// Counts a key's decisions by outcome. Usage comes in from the nodes within seconds.
#[utoipa::path(
    operation_id = "show_key_usage",
    tag = "keys",
    params(
        ("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id"),
        ("from" = Option<String>, Query, description = "Beginning: an instant (RFC 3339), or a date for 00:00 UTC of that day; 24 hours before `to` where left out"),
        ("to" = Option<String>, Query, description = "End, written likewise; now where left out"),
        ("step" = Option<String>, Query, description = "Such as `1m`, `1h`, which is the default, or `1d`"),
    ),
    responses((status = 200, body = UsageObject), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/keys/{key}/usage")]
pub(crate) async fn usage(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:read")?;
    let (tenant, key) = addressed(&caller, &path)?;
    let mut query = QueryFields::parse(&request)?;
    let to = query.parsed("to", instant::FORM, instant::parse).unwrap_or_else(|| app.gate.clock().now());
    let from = query.parsed("from", instant::FORM, instant::parse).unwrap_or(to - TimeDelta::days(1));
    let step = query.parsed("step", "write it like 1h", duration::parse).unwrap_or(TimeDelta::hours(1));
    query.finish()?;
    if from > to {
        return Err(Problem::invalid_field("query.from", "later than `to`", "choose an earlier instant"));
    }
    if step < TimeDelta::minutes(1) {
        return Err(Problem::invalid_field("query.step", "shorter than a minute", "choose at least 1m"));
    }
    let head = app.gate.journal().head().await?;
    // A key of another tenant is not there.
    KeyObject::load(&app, tenant, key, head).await?;
    up_to_date(&app, usage_projection::NAME).await?;
    let totals = app.projections.usage().key_totals(key).await?;
    let steps = app.projections.usage().by_key(key, from, to, step).await?;
    let data = steps
        .into_iter()
        .map(|found| UsageStep { from: found.start, to: found.start + step, counts: words(&found.counts) })
        .collect();
    Ok(HttpResponse::Ok().json(UsageObject { totals: words(&totals), data }))
}

fn words(counts: &Counts) -> BTreeMap<String, u64> {
    counts.iter().map(|(code, count)| (code.to_string(), *count)).collect()
}
