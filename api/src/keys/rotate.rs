//! `POST /v1/tenants/{tenant}/keys/{key}/rotate`

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::key::SecretVersion;

use crate::app::App;
use crate::keys::body::{self, RotateKeyBody};
use crate::keys::{KeyObject, KeyWithSecret, RotatedKey, addressed};
use crate::nodes::barrier::Effect;
use crate::nodes::settle::settle_with_secret;
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::receipt::Receipt;

/// Gives a key a new secret, shown in this answer alone. The old one stays valid for the grace period, and never beyond the
/// key's own expiry. Without grace, every validating node refuses the old secret when this answers: each has confirmed it, or
/// cannot answer any more.
#[utoipa::path(
    operation_id = "rotate_key",
    tag = "keys",
    params(("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id")),
    request_body(content = RotateKeyBody, description = "May be left out"),
    responses((status = 200, body = RotatedKey), (status = 400, body = problem::Document), (status = 404, body = problem::Document), (status = 409, description = "`rotation_unsupported`, with what to do instead", body = problem::Document)),
)]
#[post("/v1/tenants/{tenant}/keys/{key}/rotate")]
pub(crate) async fn rotate(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<(String, String)>,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("keys:write")?;
    let (tenant, key) = addressed(&caller, &path)?;
    let rotate = body::rotate(&bytes)?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.rotate_key(&call, tenant, key, rotate).await?;
        let effect = effect(&done.answer.key.versions, call.now);
        let settled = settle_with_secret(&app, done.position, effect).await?;
        let object = KeyObject::load_or_fresh(&app, key, &done.answer.key, settled.position).await;
        let rotated = KeyWithSecret::of(object, &done.answer.secret);
        let receipt = (effect == Effect::Reduces).then(|| Receipt::from(&settled));
        Ok(Reply::observed(StatusCode::OK, RotatedKey { rotated, receipt }).settled(&settled))
    };
    once(&app, &call, app.gate.allow_key(&call, tenant, key), work).await
}

/// How soon a grace period may end without being waited for: by then every node has long heard of it, or answers nothing.
const FAR_ENOUGH: TimeDelta = TimeDelta::seconds(5);

/// A rotation takes the secret away that it replaces where its grace is none, or ends before every node must have heard of it; one
/// that is repeated, where the grace has ended since.
fn effect(versions: &[SecretVersion], now: DateTime<Utc>) -> Effect {
    let replaced = versions.iter().rev().nth(1).and_then(|version| version.superseded_until);
    if replaced.is_some_and(|end| end <= now + FAR_ENOUGH) { Effect::Reduces } else { Effect::Adds }
}

#[cfg(test)]
mod tests {
    use nexus_domain::credential::Digest;

    use super::*;

    #[test]
    fn a_rotation_takes_away_what_its_grace_does_not_leave() {
        let now = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
        let version = |number: u32, grace: Option<i64>| SecretVersion {
            number,
            hint: String::new(),
            digest: Digest::of(&number.to_string()),
            created_at: now,
            superseded_until: grace.map(|seconds| now + TimeDelta::seconds(seconds)),
        };
        let of = |graces: &[i64]| {
            let replaced = (1..).zip(graces).map(|(number, grace)| version(number, Some(*grace)));
            effect(&replaced.chain([version(9, None)]).collect::<Vec<_>>(), now)
        };
        assert_eq!(of(&[3600]), Effect::Adds);
        assert_eq!(of(&[0]), Effect::Reduces);
        assert_eq!(of(&[4]), Effect::Reduces, "a node may hear of it after its end");
        assert_eq!(of(&[-60]), Effect::Reduces, "a repetition, after the end of the process that began it");
        assert_eq!(of(&[-60, 3600]), Effect::Adds, "what an earlier rotation took away was waited for then");
    }
}
