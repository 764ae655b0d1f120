//! `GET /v1/audit` and `GET /v1/tenants/{tenant}/audit`: who did what, to which key, from where, when, with what outcome. With
//! `Accept: application/x-ndjson` or `text/csv` everything that matches is streamed.

mod export;

use std::collections::HashSet;
use std::net::IpAddr;

use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::instant;
use nexus_domain::verification::Code;
use nexus_infrastructure::gate::PLATFORM_TENANT;
use nexus_infrastructure::personal_data::PersonalData;
use nexus_projections::audit_trail::{self, AuditFilter, AuditItem};
use nexus_projections::key_list;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use self::export::{Format, export};
use crate::app::App;
use crate::keys::up_to_date;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;
use crate::tenants::{existing, tenant_id};

/// Pages that one request looks through for an address: addresses are encrypted, so that no index can help.
const PAGES_SCANNED: u32 = 25;

/// An entry of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditObject {
    /// Its place in the log.
    #[schema(example = 41)]
    pub position: u64,
    /// The event's id, the same as on the message bus.
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    pub event_id: Option<String>,
    /// When.
    pub time: DateTime<Utc>,
    /// Whose.
    #[schema(value_type = Option<String>, example = "3714240b-2e06-4c35-8856-ccc1c096323e")]
    pub tenant_id: Option<TenantId>,
    /// Who: the id of a key or of a member, `system`, a node, or `anonymous` where somebody failed to sign in.
    #[schema(example = "key_019abc0011227000800000000000bbbb")]
    pub actor: Option<String>,
    /// The name of that key where it is a management credential. Told on pages, to whoever sees all tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Operations")]
    pub actor_name: Option<String>,
    /// What, such as `key.revoked`.
    #[schema(example = "key.revoked")]
    pub action: String,
    /// To which key.
    #[schema(value_type = Option<String>, example = "key_019abc0011227000800000000000aaaa")]
    pub key_id: Option<KeyId>,
    /// From where; `null` where it is unknown or was erased.
    #[schema(example = "203.0.113.7")]
    pub ip: Option<String>,
    /// `success`, or the code of the refusal.
    #[schema(example = "success")]
    pub outcome: String,
    /// The request that caused it.
    #[schema(example = "01a202bb-0a57-7cd9-b5c6-a71ac6755173")]
    pub request_id: Option<String>,
    /// The particulars.
    #[schema(value_type = Object, example = json!({"reason": "compromised", "note": null}))]
    pub details: Box<RawValue>,
}

/// A page of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// The entries, newest first.
    pub data: Vec<AuditObject>,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// What to look for. Everything that is named must match.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which is read strictly elsewhere")]
struct AuditParameters {
    /// Who
    actor: Option<String>,
    /// What: `agent.created`, `agent.released`, `agent.renamed`, `agent.restricted`, `client.changed`, `client.registered`, `client.revoked`, `client.secret_rotated`, `credential.refused`, `grant.code_redeemed`, `grant.consent_granted`, `grant.refresh_reuse_detected`, `grant.revoked`, `grant.token_refreshed`, `integration.connected`, `integration.created`, `integration.disabled`, `integration.enabled`, `integration.renamed`, `key.changed`, `key.expired`, `key.issued`, `key.revoked`, `key.rotated`, `key.used`, `member.added`, `member.erased`, `member.password_set`, `member.removed`, `session.ended`, `session.sign_in_failed`, `session.signed_in`, `tenant.created`, `tenant.renamed`, `tenant.resumed`, `tenant.suspended`, `token.issued` or `token.revoked`
    action: Option<String>,
    /// To which key
    key: Option<String>,
    /// From which address
    ip: Option<String>,
    /// `success`, the code of a refusal, such as `EXPIRED`, or why a sign-in failed, such as `wrong_password`
    outcome: Option<String>,
    /// Not before this instant (RFC 3339, such as `2026-12-31T00:00:00Z`), or this date from 00:00 UTC on
    from: Option<String>,
    /// Before this instant, or before 00:00 UTC of this date
    to: Option<String>,
    /// A text that occurs in the action, the actor, the key's id or the particulars. `A` to `Z` are found as `a` to `z` and the
    /// other way round; other letters as they are written. The particulars of uses that were all accepted are left out
    q: Option<String>,
    /// 1 to 200 rows, 50 where left out
    limit: Option<u32>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(search).service(search_tenant);
}

/// Searches the audit trail of all tenants that the caller sees.
#[utoipa::path(
    operation_id = "search_audit",
    tag = "audit",
    params(
        ("tenant" = Option<String>, Query, description = "Whose"),
        AuditParameters,
    ),
    responses((status = 200, description = "A page; with `Accept: application/x-ndjson` or `text/csv` a stream of everything that matches", body = AuditPage), (status = 400, body = problem::Document), (status = 403, body = problem::Document)),
)]
#[get("/v1/audit")]
pub(crate) async fn search(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.require("audit:read")?;
    let mut query = QueryFields::parse(&request)?;
    let asked = query.parsed("tenant", "write a tenant's id", str::parse::<TenantId>);
    let tenant = match (asked, &caller.principal.tenants) {
        (Some(tenant), _) => {
            caller.see(tenant)?;
            Some(tenant)
        }
        (None, None) => None,
        (None, Some(tenants)) => {
            let mut tenants = tenants.iter();
            match (tenants.next(), tenants.next()) {
                (Some(only), None) => Some(*only),
                _ => {
                    return Err(Problem::invalid_field(
                        "query.tenant",
                        "missing",
                        "name one of the tenants that the credential sees",
                    ));
                }
            }
        }
    };
    answer(&app, &request, &caller, query, tenant).await
}

/// Searches the audit trail of a tenant.
#[utoipa::path(
    operation_id = "search_tenant_audit",
    tag = "audit",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        AuditParameters,
    ),
    responses((status = 200, description = "A page; with `Accept: application/x-ndjson` or `text/csv` a stream of everything that matches", body = AuditPage), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[get("/v1/tenants/{tenant}/audit")]
pub(crate) async fn search_tenant(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    tenant: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require("audit:read")?;
    let tenant = tenant_id(&tenant)?;
    caller.see(tenant)?;
    existing(&app, tenant).await?;
    let query = QueryFields::parse(&request)?;
    answer(&app, &request, &caller, query, Some(tenant)).await
}

async fn answer(
    app: &web::Data<App>,
    request: &HttpRequest,
    caller: &Caller,
    mut query: QueryFields,
    tenant: Option<TenantId>,
) -> Result<HttpResponse, Problem> {
    let ip = query
        .parsed("ip", "write an IPv4 or IPv6 address", str::parse::<IpAddr>)
        .map(|ip| ip.to_canonical().to_string());
    let refusals = Code::ALL.iter().filter(|code| **code != Code::Valid).map(|code| code.as_str());
    let failures = audit_trail::FAILURES.iter().copied();
    let outcomes: Vec<&str> = std::iter::once(audit_trail::SUCCESS).chain(refusals).chain(failures).collect();
    let filter = AuditFilter {
        actor: query.one("actor"),
        action: chosen(&mut query, "action", audit_trail::ACTIONS),
        key: query.parsed("key", "write a key's id", str::parse::<KeyId>),
        tenant,
        outcome: chosen(&mut query, "outcome", &outcomes),
        without_reports: ip.is_some(),
        from: query.parsed("from", instant::FORM, instant::parse),
        to: query.parsed("to", instant::FORM, instant::parse),
        q: query.one("q"),
    };
    let limit = query.limit();
    let cursor = query.one("cursor");
    query.finish()?;
    if filter.from.zip(filter.to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::invalid_field("query.from", "not before `to`", "choose an earlier instant"));
    }
    up_to_date(app, audit_trail::NAME).await?;
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = if accept.contains("application/x-ndjson") {
        Some(Format::Ndjson)
    } else if accept.contains("text/csv") {
        Some(Format::Csv)
    } else {
        None
    };
    match format {
        Some(format) => export(app, filter, ip, format).await,
        None => {
            let mut page = page(app, &filter, ip.as_deref(), cursor, limit).await?;
            // The names are the platform's, and nobody else's business.
            if caller.principal.tenants.is_none() {
                name_actors(app, &mut page.data).await?;
            }
            Ok(HttpResponse::Ok().json(page))
        }
    }
}

/// A value that is one of a few. Another one would find nothing, which looks as if nothing had happened.
fn chosen(query: &mut QueryFields, name: &'static str, known: &[&str]) -> Option<String> {
    let fix = format!("choose one of {}", known.join(", "));
    query.parsed(name, &fix, |text| {
        let found = known.iter().find(|known| **known == text);
        found
            .map(|known| (*known).to_owned())
            .ok_or_else(|| format!("there is no {name} `{}`", text.chars().take(64).collect::<String>()))
    })
}

async fn page(
    app: &App,
    filter: &AuditFilter,
    ip: Option<&str>,
    mut cursor: Option<String>,
    limit: u32,
) -> Result<AuditPage, Problem> {
    let trail = app.projections.audit_trail();
    let mut data = Vec::new();
    for _ in 0..PAGES_SCANNED {
        let wanted = limit.saturating_sub(u32::try_from(data.len()).unwrap_or(limit));
        let found = trail.list(filter, cursor.as_deref(), wanted).await?;
        for item in found.data {
            let object = open(item, app.gate.personal_data()).await?;
            if ip.is_none_or(|ip| object.ip.as_deref() == Some(ip)) {
                data.push(object);
            }
        }
        cursor = found.next_cursor;
        if cursor.is_none() || data.len() >= limit as usize {
            break;
        }
    }
    Ok(AuditPage { data, next_cursor: cursor })
}

/// Puts names beside the actors that are management credentials.
async fn name_actors(app: &App, entries: &mut [AuditObject]) -> Result<(), Problem> {
    let key = |entry: &AuditObject| entry.actor.as_deref()?.parse::<KeyId>().ok();
    let actors: HashSet<KeyId> = entries.iter().filter_map(key).collect();
    up_to_date(app, key_list::NAME).await?;
    let names = app.projections.key_list().names(PLATFORM_TENANT, &actors).await?;
    for entry in entries {
        entry.actor_name = key(entry).and_then(|actor| names.get(&actor).cloned());
    }
    Ok(())
}

/// An entry with its address decrypted.
async fn open(item: AuditItem, personal_data: &PersonalData) -> Result<AuditObject, Problem> {
    let ip = match &item.ip {
        Some(sealed) => personal_data.open(sealed).await.map_err(Problem::internal)?,
        None => None,
    };
    Ok(AuditObject {
        position: item.position,
        event_id: item.event_id,
        time: item.time,
        tenant_id: item.tenant_id,
        actor: item.actor,
        actor_name: None,
        action: item.action,
        key_id: item.key_id,
        ip,
        outcome: item.outcome,
        request_id: item.request_id,
        details: item.details,
    })
}
