//! `GET /v1/events?after=POSITION`: the log for consumers that fell behind, or have no broker.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, get, web};
use nexus_infrastructure::bus::CloudEvent;
use serde_json::Value;

use crate::app::App;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;

/// The longest wait for a next event.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Registers the route.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(follow);
}

/// The events behind a position, as CloudEvents, in the log's order. With `wait` the answer is held until there is one.
#[utoipa::path(
    operation_id = "follow_events",
    tag = "audit",
    params(
        ("after" = Option<u64>, Query, description = "The last position that is known; 0, which is the default, for the beginning"),
        ("wait" = Option<u64>, Query, description = "Seconds to wait for a next event, 0 to 30; 0 where left out"),
        ("limit" = Option<u32>, Query, description = "1 to 200 events, 50 where left out"),
    ),
    responses((status = 200, description = "`data`: the events; `next_after`: where to go on", body = Object, example = json!({
        "data": [{
            "specversion": "1.0", "id": "01890a5d-ac96-774b-bcce-b302099a8057", "source": "https://auth.example/key",
            "type": "nexus.key.revoked.v1", "subject": "key_019abc0011227000800000000000aaaa",
            "time": "2026-02-01T08:16:00Z", "datacontenttype": "application/json", "position": "41",
            "tenantid": "3714240b-2e06-4c35-8856-ccc1c096323e",
            "actor": "key_019abc0011227000800000000000bbbb", "requestid": "01a202bb-0a57-7cd9-b5c6-a71ac6755173",
            "data": {
                "tenant_id": "3714240b-2e06-4c35-8856-ccc1c096323e", "reason": "compromised", "note": null,
                "revoked_at": "2026-02-01T08:16:00Z",
            },
        }],
        "next_after": 41,
    })), (status = 403, body = problem::Document)),
)]
#[get("/v1/events")]
pub(crate) async fn follow(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.require("audit:read")?;
    caller.unconfined()?;
    let mut query = QueryFields::parse(&request)?;
    let after = query.parsed("after", "write a position", str::parse::<u64>).unwrap_or(0);
    let wait = query.parsed("wait", "write 0 to 30", |text| match text.parse::<u64>() {
        Ok(seconds) if seconds <= LONGEST_WAIT.as_secs() => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("not a number from 0 to 30"),
    });
    let limit = query.limit();
    query.finish()?;
    let mut events = app.gate.journal().read(after, limit).await?;
    if events.is_empty()
        && let Some(wait) = wait
    {
        let mut head = app.gate.journal().watch();
        // Nothing came: that is an answer too.
        let _nothing = tokio::time::timeout(wait, head.wait_for(|head| *head > after)).await;
        events = app.gate.journal().read(after, limit).await?;
    }
    let (mut data, mut next_after) = (Vec::<Value>::with_capacity(events.len()), after);
    for event in &events {
        match CloudEvent::read_from_log(event, &app.public_url) {
            Ok(body) => data.push(body),
            Err(unreadable) if data.is_empty() => return Err(unreadable.into()),
            // What stands before it is good; whoever asks on from there is told.
            Err(_) => break,
        }
        next_after = event.position;
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({"data": data, "next_after": next_after})))
}
