//! `GET /v1/nodes`

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use nexus_domain::ids::KeyId;
use nexus_infrastructure::dialects::MANAGEMENT;
use nexus_infrastructure::registry::ApiNode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::holders::{HolderId, longest_lease};
use super::roster::Badge;
use super::status::{NodeStatus, Status};
use super::warden::BEAT_EVERY;
use crate::app::App;
use crate::principal::Caller;
use crate::problem::{self, Problem};
use crate::query::QueryFields;

/// A process that validates.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeObject {
    /// What it keeps over restarts, in its folder. Of an API node, its registration, which each start makes anew.
    #[schema(value_type = String, example = "019abc00-1122-7000-8000-00000000aaaa")]
    pub id: Uuid,
    /// The run of its process.
    #[schema(value_type = String, example = "019abc00-1122-7000-8000-00000000bbbb")]
    pub incarnation: Uuid,
    /// `validator`, or `api`: API nodes validate as well.
    #[schema(example = "validator")]
    pub kind: &'static str,
    /// The name of its credential when it connected; `null` of an API node.
    #[schema(example = "Gateway Frankfurt")]
    pub name: Option<String>,
    /// The id of its credential; `null` of an API node.
    #[schema(value_type = Option<String>, example = "key_019abc0011227000800000000000aaaa")]
    pub credential_id: Option<KeyId>,
    /// The address of the API node that it is or was connected to; of an API node, its own.
    #[schema(example = "http://127.0.0.1:8080")]
    pub api_node: String,
    /// The version of its program.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// The dialects that it answers for.
    #[schema(example = json!(["nexus"]))]
    pub dialects: Vec<String>,
    /// Everything up to this position of the log shows in its answers.
    #[schema(example = 41)]
    pub position: u64,
    /// How many positions it is behind the last change that its API node has for it; an API node, behind the end of the log as it
    /// last read that.
    #[schema(example = 0)]
    pub lag: u64,
    /// Its right to answer.
    pub lease: LeaseObject,
    /// When its stream began; `null`: it has none just now, and is listed as long as it may answer and for a minute more. Of an
    /// API node, when it started.
    pub connected_at: Option<DateTime<Utc>>,
}

/// A right to answer.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeaseObject {
    /// `held`, or `lapsed`: it answers nothing.
    #[schema(example = "held")]
    pub state: &'static str,
    /// The longest time until it ends unless it is renewed, which a node in order does more than once a second; `null` where it
    /// has ended.
    #[schema(example = 2_740)]
    pub expires_in_ms: Option<u64>,
}

/// All nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodePage {
    /// The nodes: API nodes, then those that only validate by name.
    pub data: Vec<NodeObject>,
    /// Always `null`: there is one page.
    pub next_cursor: Option<String>,
}

impl LeaseObject {
    fn of(left_ms: Option<u64>) -> Self {
        let expires_in_ms = left_ms.filter(|left| *left > 0);
        let state = if expires_in_ms.is_some() { "held" } else { "lapsed" };
        Self { state, expires_in_ms }
    }
}

/// Lists the nodes that may accept credentials: those that a revocation waits for, and for a minute those that lost the right
/// to. What other API nodes tell of theirs is up to three seconds old.
#[utoipa::path(
    operation_id = "list_nodes",
    tag = "nodes",
    responses((status = 200, body = NodePage), (status = 400, body = problem::Document), (status = 403, body = problem::Document)),
)]
#[get("/v1/nodes")]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.require("nodes:read")?;
    caller.unconfined()?;
    QueryFields::parse(&request)?.finish()?;
    let registered = app.registry.list().await?;
    let documents: BTreeMap<Uuid, String> = app.registry.statuses().await?.into_iter().collect();
    let own = *app.plane.epoch().borrow();
    let now = app.gate.clock().monotonic();
    let told: Vec<Told> = registered
        .into_iter()
        .map(|api_node| {
            let status = if api_node.id == own {
                Some(app.plane.status())
            } else {
                // What a newer version writes differently is left out, and the API node itself is not.
                documents.get(&api_node.id).and_then(|text| serde_json::from_str::<Status>(text).ok())
            };
            let since = app.plane.suspended().get(&api_node.id).copied();
            let suspended_for = since.map(|since| now.saturating_sub(since)).unwrap_or_default();
            Told { own: api_node.id == own, api_node, status, suspended_for }
        })
        .collect();
    let dialects = app.gate.dialects();
    let dialects: Vec<String> = products(dialects.iter().map(|dialect| dialect.name.clone()));
    let data = nodes(&told, &dialects, app.gate.clock().now());
    Ok(HttpResponse::Ok().json(NodePage { data, next_cursor: None }))
}

/// An API node with what it tells.
struct Told {
    own: bool,
    api_node: ApiNode,
    status: Option<Status>,
    /// How long it is known, at least, that it may grant nothing any more.
    suspended_for: Duration,
}

impl Told {
    /// How long ago it was told, as its signs of life since then show.
    fn age(&self) -> Duration {
        let told = self.status.as_ref().map_or(self.api_node.beat, |status| status.beat);
        let since = u32::try_from(self.api_node.beat.saturating_sub(told)).unwrap_or(u32::MAX);
        if self.own { Duration::ZERO } else { BEAT_EVERY.saturating_mul(since) }
    }

    /// The most that can be left of a right of which `told_ms` were left when it was told. `renewed`: as long as the API node
    /// lives, it is renewed.
    fn left_ms(&self, told_ms: Option<u64>, renewed: bool) -> Option<u64> {
        let told = told_ms?;
        let longest = longest_lease();
        let left = if self.own {
            Duration::from_millis(told)
        } else if !renewed {
            Duration::from_millis(told).saturating_sub(self.age())
        } else if self.api_node.suspended {
            longest.saturating_sub(self.suspended_for)
        } else {
            longest
        };
        Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn api_node(&self, dialects: &[String]) -> NodeObject {
        let ApiNode { id, address, version, started_at, .. } = &self.api_node;
        let status = self.status.as_ref();
        NodeObject {
            id: *id,
            incarnation: *id,
            kind: "api",
            name: None,
            credential_id: None,
            api_node: address.clone(),
            version: version.clone(),
            dialects: dialects.to_vec(),
            position: status.map_or(self.api_node.confirmed, |status| status.applied),
            lag: status.map_or(0, |status| status.lag),
            lease: LeaseObject::of(self.left_ms(status.and_then(|status| status.lease_ms), true)),
            connected_at: DateTime::from_timestamp_micros(*started_at),
        }
    }

    fn node(&self, node: &NodeStatus, now: DateTime<Utc>) -> NodeObject {
        let NodeStatus { attendant, lag, connected_ms, lease_ms } = node;
        let connected = connected_ms.filter(|_| !self.api_node.suspended);
        let since =
            connected.and_then(|age| TimeDelta::from_std(Duration::from_millis(age) + self.age()).ok());
        let (name, credential_id) = match &attendant.badge {
            Some(Badge { key_id, name }) => (Some(name.clone()), Some(*key_id)),
            None => (None, None),
        };
        NodeObject {
            id: attendant.node,
            incarnation: attendant.incarnation,
            kind: "validator",
            name,
            credential_id,
            api_node: self.api_node.address.clone(),
            version: attendant.program.clone(),
            dialects: products(attendant.dialects.iter().cloned()),
            position: attendant.applied,
            lag: *lag,
            lease: LeaseObject::of(self.left_ms(*lease_ms, connected_ms.is_some())),
            connected_at: since.and_then(|since| now.checked_sub_signed(since)).map(|at| at.trunc_subsecs(0)),
        }
    }
}

/// The platform's own dialect is everywhere.
fn products(names: impl Iterator<Item = String>) -> Vec<String> {
    names.filter(|name| name != MANAGEMENT).collect()
}

/// Every node once: one that went to another API node is still remembered by the first.
fn nodes(told: &[Told], dialects: &[String], now: DateTime<Utc>) -> Vec<NodeObject> {
    let mut validators: BTreeMap<HolderId, NodeObject> = BTreeMap::new();
    for (told, node) in told
        .iter()
        .flat_map(|told| told.status.iter().flat_map(|status| &status.nodes).map(move |node| (told, node)))
    {
        let id = node.attendant.holder();
        let object = told.node(node, now);
        match validators.entry(id) {
            Entry::Vacant(vacant) => drop(vacant.insert(object)),
            Entry::Occupied(mut known) if known.get().rank() < object.rank() => drop(known.insert(object)),
            Entry::Occupied(_) => {}
        }
    }
    let mut validators: Vec<NodeObject> = validators.into_values().collect();
    validators.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    told.iter().map(|told| told.api_node(dialects)).chain(validators).collect()
}

impl NodeObject {
    /// Of two accounts of a node, the higher one counts.
    fn rank(&self) -> (bool, Option<DateTime<Utc>>, Option<u64>, u64) {
        (self.connected_at.is_some(), self.connected_at, self.lease.expires_in_ms, self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::Attendant;
    use super::*;

    const NODE: Uuid = Uuid::from_u128(7);

    fn told(number: u128, own: bool, nodes: Vec<NodeStatus>) -> Told {
        let api_node = ApiNode {
            id: Uuid::from_u128(number),
            address: format!("http://api-{number}"),
            version: "1.0.0".to_owned(),
            started_at: 0,
            suspended: false,
            confirmed: 5,
            read: 0,
            nodes: 1,
            lapsed: 0,
            beat: 12,
        };
        let status = Status { beat: 10, applied: 9, lag: 1, lease_ms: Some(2_000), nodes };
        Told { own, api_node, status: Some(status), suspended_for: Duration::ZERO }
    }

    fn node(applied: u64, connected_ms: Option<u64>, lease_ms: Option<u64>) -> NodeStatus {
        let attendant = Attendant {
            node: NODE,
            incarnation: NODE,
            program: "1.0.0".to_owned(),
            dialects: vec!["management".to_owned(), "nexus".to_owned()],
            badge: None,
            applied,
        };
        NodeStatus { attendant, lag: 0, connected_ms, lease_ms }
    }

    fn listed(told: &[Told]) -> Vec<NodeObject> {
        nodes(told, &[], DateTime::from_timestamp(1_000, 0).unwrap())
    }

    #[test]
    fn a_node_that_moved_is_listed_once_where_it_is() {
        let all = listed(&[
            told(1, true, vec![node(9, None, Some(900))]),
            told(2, false, vec![node(8, Some(500), Some(2_500))]),
        ]);
        assert_eq!(all.iter().map(|node| node.kind).collect::<Vec<_>>(), ["api", "api", "validator"]);
        assert_eq!((all[2].api_node.as_str(), all[2].position), ("http://api-2", 8));
        assert_eq!(all[2].dialects, ["nexus"]);
        // Two beats after it was told.
        assert_eq!(all[2].connected_at, DateTime::from_timestamp(997, 0));
    }

    #[test]
    fn what_another_api_node_told_ages() {
        let lease = |own, connected, left| {
            listed(&[told(1, own, vec![node(9, connected, left)])])[1].lease.expires_in_ms
        };
        let longest = u64::try_from(longest_lease().as_millis()).unwrap();
        assert_eq!(lease(true, Some(1), Some(1_200)), Some(1_200));
        assert_eq!(lease(false, Some(1), Some(1_200)), Some(longest), "it may have been renewed just now");
        assert_eq!(lease(false, None, Some(2_500)), Some(500));
        assert_eq!(lease(false, None, Some(1_200)), None);
        assert_eq!(lease(false, Some(1), None), None);
    }

    #[test]
    fn the_nodes_of_an_api_node_that_is_gone_may_answer_a_lease_longer() {
        let mut gone = told(1, false, vec![node(9, Some(1), Some(1_200))]);
        gone.api_node.suspended = true;
        gone.suspended_for = Duration::from_secs(1);
        let all = listed(std::slice::from_ref(&gone));
        let left = u64::try_from((longest_lease() - Duration::from_secs(1)).as_millis()).unwrap();
        assert_eq!((all[1].lease.state, all[1].lease.expires_in_ms), ("held", Some(left)));
        assert_eq!(all[1].connected_at, None);
        gone.suspended_for = longest_lease();
        assert_eq!(listed(&[gone])[1].lease.state, "lapsed");
    }

    #[test]
    fn an_api_node_whose_document_cannot_be_read_is_listed() {
        let mut strange = told(1, false, Vec::new());
        strange.status = None;
        let all = listed(&[strange]);
        assert_eq!((all.len(), all[0].kind, all[0].position), (1, "api", 5));
        assert_eq!(all[0].lease.state, "lapsed");
    }
}
