//! `POST /v1/nodes`

use std::collections::BTreeSet;
use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, Utc};
use nexus_domain::dialect::Dialects;
use nexus_domain::ids::KeyId;
use nexus_domain::key::Lifespan;
use nexus_infrastructure::dialects::MANAGEMENT;
use nexus_infrastructure::gate::{Issued, NodeCredential};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::barrier::Effect;
use super::settle::settle_with_secret;
use crate::app::App;
use crate::body::{Fields, require_json};
use crate::keys::{lifespan, networks};
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// A validating node to come.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Gateway Frankfurt", "dialects": ["nexus"], "expires_in": "20d", "ip_allowlist": ["203.0.113.0/24"]}))]
pub struct CreateNodeBody {
    /// A name for people, 1 to 100 characters.
    #[schema(example = "Gateway Frankfurt")]
    pub name: String,
    /// The dialects whose credentials the node may follow; where left out, all that there are and will be.
    #[schema(example = json!(["nexus"]))]
    pub dialects: Option<Vec<String>>,
    /// How long its credential lives, such as `90d`. Where neither this nor `expires_at` is given, as long as it may: until the
    /// credential ends that makes it, or for ever.
    pub expires_in: Option<String>,
    /// When its credential ends: an instant (RFC 3339), or a date for 00:00 UTC of that day.
    pub expires_at: Option<String>,
    /// Addresses and networks it may connect from; from anywhere where empty.
    #[serde(default)]
    pub ip_allowlist: Vec<String>,
}

/// The credential of a validating node, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeCredentialObject {
    /// Its id: a key of the platform's own tenant, which is where it is revoked.
    #[schema(value_type = String, example = "key_019abc0011227000800000000000aaaa")]
    pub credential_id: KeyId,
    /// Its name.
    #[schema(example = "Gateway Frankfurt")]
    pub name: String,
    /// The first characters of the secret.
    #[schema(example = "nxm_2EAV")]
    pub prefix: String,
    /// The dialects whose credentials the node may follow; `null`: all.
    #[schema(example = json!(["nexus"]))]
    pub dialects: Option<BTreeSet<String>>,
    /// From where it may connect; empty: from anywhere.
    #[schema(example = json!(["203.0.113.0/24"]))]
    pub ip_allowlist: Vec<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it ends; `null`: never.
    #[schema(example = "2026-12-31T00:00:00Z")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// The credential of a validating node, with the secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeWithCredential {
    /// What was made.
    pub node: NodeCredentialObject,
    /// What the node has as `control.credential`. Store it now: it cannot be retrieved later.
    #[schema(example = "nxm_…")]
    pub credential: String,
}

impl NodeWithCredential {
    fn of(issued: Issued) -> Self {
        let credential = issued.secret.expose().to_owned();
        let mut key = issued.key;
        let node = NodeCredentialObject {
            credential_id: issued.key_id,
            name: key.name,
            prefix: key.versions.pop().map(|version| version.hint).unwrap_or_default(),
            dialects: key.restrictions.remove("dialect"),
            ip_allowlist: key.ip_allowlist.iter().map(ToString::to_string).collect(),
            created_at: key.issued_at,
            expires_at: key.expires_at,
        };
        Self { node, credential }
    }
}

/// Creates the credential of a validating node: good for the node's stream, and for nothing else. It is shown in this answer and
/// never again, except to a repetition with the same idempotency key within 24 hours.
/// `POST /v1/tenants/00000000-0000-7000-8000-000000000001/keys/{key}/revoke` revokes it: the node is sent nothing more, and
/// answers nothing three seconds later.
#[utoipa::path(
    operation_id = "create_node",
    tag = "nodes",
    request_body = CreateNodeBody,
    responses((status = 201, body = NodeWithCredential), (status = 400, body = problem::Document), (status = 403, body = problem::Document), (status = 409, body = problem::Document), (status = 422, body = problem::Document)),
)]
#[post("/v1/nodes")]
pub(crate) async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    bytes: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.require("nodes:write")?;
    caller.unconfined()?;
    require_json(request.head())?;
    let credential = parse(&bytes, app.gate.dialects())?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        let done = app.gate.issue_node_credential(&call, credential).await?;
        settle_with_secret(&app, done.position, Effect::Adds).await?;
        Ok(Reply::following(StatusCode::CREATED, NodeWithCredential::of(done.answer)))
    };
    once(&app, &call, ready(Ok(())), work).await
}

fn parse(bytes: &[u8], known: &Dialects) -> Result<NodeCredential, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let credential = NodeCredential {
        name: fields.required_text("name"),
        dialects: dialects(&mut fields, known),
        ip_allowlist: networks(&mut fields).unwrap_or_default(),
        lifespan: lifespan(&mut fields).unwrap_or(Lifespan::Unlimited),
    };
    fields.finish()?;
    Ok(credential)
}

fn dialects(fields: &mut Fields, known: &Dialects) -> Option<BTreeSet<String>> {
    let names: Vec<&str> =
        known.iter().map(|dialect| dialect.name.as_str()).filter(|name| *name != MANAGEMENT).collect();
    let fix = format!("choose from {}", names.join(", "));
    let parse = |text: &str| if names.contains(&text) { Ok(text.to_owned()) } else { Err("no such dialect") };
    if fields.is_empty_list("dialects") {
        // A restriction to none would be one to all.
        fields.wrong("dialects", "empty", "name one or more, or leave it out for all");
    }
    let named = fields.list("dialects", &fix, parse)?;
    Some(named.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Result<NodeCredential, Problem> {
        parse(body.as_bytes(), &nexus_infrastructure::dialects::load(None).unwrap())
    }

    #[test]
    fn a_name_is_enough_and_no_dialects_are_all() {
        let credential = of(r#"{"name":"A"}"#).unwrap();
        assert_eq!((credential.dialects, credential.lifespan), (None, Lifespan::Unlimited));
        let named = of(r#"{"name":"A","dialects":["nexus","nexpay","nexus"]}"#).unwrap();
        assert_eq!(named.dialects.unwrap().into_iter().collect::<Vec<_>>(), ["nexpay", "nexus"]);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_what_to_do() {
        let body = r#"{"dialects":["nexus","nexsu","management",7],"expires_in":"soon","ip_allowlist":["10.0.0.1/8"],"scopes":[]}"#;
        let said = format!("{:?}", of(body).unwrap_err());
        for part in [
            r#""body.name", message: "missing""#,
            r#""body.dialects[1]", message: "no such dialect", fix: "choose from "#,
            r#""body.dialects[2]", message: "no such dialect""#,
            r#""body.dialects[3]", message: "not a text""#,
            r#""body.expires_in""#,
            r#""body.ip_allowlist[0]""#,
            r#""body.scopes", message: "unknown field""#,
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(said.contains("nexuscommerce") && !said.contains(", management"), "{said}");
        assert!(of(r#"{"name":"A","dialects":[]}"#).is_err(), "a list of none is not one of all");
        assert!(of(r#"{"name":"A","dialects":"nexus"}"#).is_err());
    }
}
