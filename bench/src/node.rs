//! A validating node as a process: its start with many keys, what memory it takes, and how it answers while keys are revoked.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::http::{Connection, Load, Ready, Route, issue_keys, request};
use crate::process::Server;
use crate::report::{Row, count, size};
use crate::rounds::Rounds;
use crate::sizes::Sizes;
use crate::timer::Stopwatch;
use crate::{Failure, keys, output};

/// Revocations a second.
const REVOCATIONS: u32 = 100;

/// From the start of the process to its first right to answer, and memory beyond what it takes without keys.
pub(crate) async fn start(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let [few, many] = sizes.keys;
    let none = with_keys(sizes, 0).await?;
    let small = with_keys(sizes, few).await?;
    let large = with_keys(sizes, many).await?;
    let each = |node: &Started, keys: u32| (node.resident - none.resident) / f64::from(keys);
    let growth = format!("{}→{} keys: {:.2}→{:.2} s", size(few), size(many), small.fetched, large.fetched);
    Ok(vec![
        Row {
            what: format!("node with {} keys: start to its first right to answer", size(many)),
            ours: format!("{:.2} s; {:.2} s from its disk cache", large.fetched, large.cached),
            baseline: format!("{:.2} s without keys", none.fetched),
            ratio: None,
            target: "–",
            growth,
        },
        Row {
            what: format!("node with {} keys: memory of the process beyond its base", size(many)),
            ours: format!("{:.0} bytes a key", each(&large, many)),
            baseline: format!("base {:.1} MiB", none.resident / 1024.0 / 1024.0),
            ratio: None,
            target: "≤ 200 bytes",
            growth: format!(
                "{}→{} keys: {:.0}→{:.0} bytes a key",
                size(few),
                size(many),
                each(&small, few),
                each(&large, many)
            ),
        },
    ])
}

struct Started {
    /// Seconds, with an empty folder.
    fetched: f64,
    /// Seconds, with what the run before left on disk.
    cached: f64,
    /// Bytes, when it has come to rest.
    resident: f64,
}

async fn with_keys(sizes: &Sizes, keys: u32) -> Result<Started, Failure> {
    let store = tempfile::Builder::new().prefix("nexus-bench-").tempdir()?;
    if keys > 0 {
        output::progress(&format!("node-start: writing {} keys", size(keys)));
        crate::start::fill(store.path(), keys).await?;
    }
    let api = Server::nexus(Some(store.path()), sizes.workers)?;
    let token = serde_json::from_str::<Ready>(&api.ready)?.admin_token;
    let data = tempfile::Builder::new().prefix("nexus-bench-").tempdir()?;
    output::progress(&format!("node-start: starting with {} keys", size(keys)));
    let (fetched, resident) = one_start(&api, &token, data.path(), sizes).await?;
    let (cached, _) = one_start(&api, &token, data.path(), sizes).await?;
    Ok(Started { fetched, cached, resident })
}

/// Seconds to the first right to answer, and bytes of memory afterwards.
async fn one_start(api: &Server, token: &str, data: &Path, sizes: &Sizes) -> Result<(f64, f64), Failure> {
    let watch = Stopwatch::start();
    let node = Server::validator(api.address, token, data, sizes.workers)?;
    let took = watch.seconds();
    node.calm_down().await?;
    Ok((took, node.resident()?))
}

/// Verification on a node while keys are revoked that it serves, against the same while as many are revoked on an API node that
/// it does not follow: the processors have the same to do otherwise.
pub(crate) async fn under_revocations(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let (followed, other) = (Api::start(sizes).await?, Api::start(sizes).await?);
    let data = tempfile::Builder::new().prefix("nexus-bench-").tempdir()?;
    let node = Server::validator(followed.server.address, &followed.token, data.path(), sizes.workers)?;
    let route = Route::ForwardAuth;
    let secrets = issue_keys(&mut Connection::open(followed.server.address).await?, &followed.token).await?;
    let requests = (0..).zip(&secrets).map(|(number, secret)| route.request(&followed.token, secret, number));
    let load = Load::new(requests.collect());
    let [connections, _] = sizes.at_once;
    let turn = |api: Option<&Api>| {
        let revoking = api.map(|api| (api.server.address, api.token.clone(), api.tenants.clone()));
        let (load, node) = (&load, &node);
        async move {
            let (stop, stopped) = watch::channel(false);
            let revoking = revoking.map(|(address, token, tenants)| {
                tokio::spawn(revoke_until(address, token, tenants, stopped))
            });
            let served = load.run(node.address, connections, sizes.span).await?;
            stop.send_replace(true);
            let revoked = match revoking {
                Some(revoking) => revoking.await??,
                None => 0.0,
            };
            node.calm_down().await?;
            Ok::<_, Failure>((served.rate, revoked))
        }
    };
    let (undisturbed, _) = turn(None).await?;
    let revoked = std::cell::Cell::new(f64::INFINITY);
    let rounds = Rounds::play(
        sizes.rounds,
        || async {
            let (rate, a_second) = turn(Some(&followed)).await?;
            revoked.set(revoked.get().min(a_second));
            Ok(rate)
        },
        || async { Ok(turn(Some(&other)).await?.0) },
    )
    .await?;
    Ok(vec![Row {
        what: format!("forward auth on a node while {:.0} of its keys a second are revoked", revoked.get()),
        ours: format!("{}/s", count(rounds.ours())),
        baseline: format!("{}/s while keys elsewhere are", count(rounds.baseline())),
        ratio: Some(rounds.ratio()),
        target: "≥ 0.95",
        growth: format!("{}/s while none are revoked on the machine", count(undisturbed)),
    }])
}

/// An API node with tenants whose keys can be revoked.
struct Api {
    server: Server,
    token: String,
    tenants: Vec<String>,
}

impl Api {
    async fn start(sizes: &Sizes) -> Result<Self, Failure> {
        let server = Server::nexus(None, sizes.workers)?;
        let token = serde_json::from_str::<Ready>(&server.ready)?.admin_token;
        let mut connection = Connection::open(server.address).await?;
        let mut tenants = Vec::new();
        for number in 0..8 {
            let body = json!({"name": format!("Revoked {number}"), "dialect": keys::DIALECT});
            let answer = ask(&mut connection, &token, "/v1/tenants", &body).await?;
            let id = answer.pointer("/id").or_else(|| answer.pointer("/tenant/id")).and_then(Value::as_str);
            tenants.push(id.ok_or("a tenant has no id")?.to_owned());
        }
        Ok(Self { server, token, tenants })
    }
}

/// Makes keys and revokes them, [`REVOCATIONS`] a second, and tells how many a second there were.
async fn revoke_until(
    address: std::net::SocketAddr,
    token: String,
    tenants: Vec<String>,
    stop: watch::Receiver<bool>,
) -> Result<f64, Failure> {
    let watch = Stopwatch::start();
    let mut connection = Connection::open(address).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / REVOCATIONS);
    let mut revoked = 0u32;
    for tenant in tenants.iter().cycle() {
        if *stop.borrow() {
            break;
        }
        ticks.tick().await;
        let body = json!({"name": "Backend", "scopes": [keys::SCOPE]});
        let issued = ask(&mut connection, &token, &format!("/v1/tenants/{tenant}/keys"), &body).await?;
        let key = issued.pointer("/key/id").and_then(Value::as_str).ok_or("a key has no id")?;
        let path = format!("/v1/tenants/{tenant}/keys/{key}/revoke");
        ask(&mut connection, &token, &path, &json!({})).await?;
        revoked += 1;
    }
    Ok(f64::from(revoked) / watch.seconds())
}

async fn ask(connection: &mut Connection, token: &str, path: &str, body: &Value) -> Result<Value, Failure> {
    let bearer = format!("Bearer {token}");
    let bytes = request("POST", path, &[("authorization", &bearer)], &body.to_string());
    let answer = connection.exchange(&bytes).await?;
    if !matches!(answer.status, 200 | 201) {
        return Err(format!("{path}: {}", String::from_utf8_lossy(answer.body)).into());
    }
    Ok(serde_json::from_slice(answer.body)?)
}
