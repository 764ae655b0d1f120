//! Verification over HTTP with usage recorded, against a bare actix-web handler that returns the same bytes. Both servers
//! are processes of their own with the same number of workers, and get the same requests from the same client.

mod bare;
mod load;

use std::cell::RefCell;

use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::bare::{COMMAND as BARE_SERVER, serve as serve_bare};

use self::bare::Bare;
pub(crate) use self::load::Load;
pub(crate) use self::load::{Connection, request};
use crate::process::Server;
use crate::report::{Row, count};
use crate::rounds::{Rounds, median};
use crate::sizes::Sizes;
use crate::{Failure, keys, output};

const TENANTS: u32 = 5;
/// As many as a tenant may have at once.
const KEYS: u32 = 20;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Verify,
    ForwardAuth,
}

impl Route {
    const fn path(self) -> &'static str {
        match self {
            Self::Verify => "/v1/verify",
            Self::ForwardAuth => "/v1/forward-auth/nexus",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Verify => "POST /v1/verify",
            Self::ForwardAuth => "GET /v1/forward-auth/nexus",
        }
    }

    pub(crate) fn request(self, token: &str, secret: &str, number: usize) -> Vec<u8> {
        let path = format!("/v1/users/{number:03}");
        match self {
            Self::Verify => {
                let body = json!({
                    "credential": secret, "method": "GET", "path": path, "ip": keys::ADDRESS,
                    "required_scopes": [keys::SCOPE],
                });
                let bearer = format!("Bearer {token}");
                request("POST", self.path(), &[("authorization", &bearer)], &body.to_string())
            }
            Self::ForwardAuth => {
                let bearer = format!("Bearer {secret}");
                let headers = [
                    ("authorization", bearer.as_str()),
                    ("x-original-method", "GET"),
                    ("x-original-uri", &path),
                    ("x-forwarded-for", keys::ADDRESS),
                ];
                request("GET", &format!("{}?scope={}", self.path(), keys::SCOPE), &headers, "")
            }
        }
    }
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    ApiNode,
    ValidatingNode,
}

pub(crate) async fn measure(sizes: &Sizes, asked: Asked, route: Route) -> Result<Vec<Row>, Failure> {
    output::progress(&format!("{}: {} workers on either side", route.title(), sizes.workers));
    let api = Server::nexus(None, sizes.workers)?;
    let token = serde_json::from_str::<Ready>(&api.ready)?.admin_token;
    let mut connection = Connection::open(api.address).await?;
    let secrets = issue_keys(&mut connection, &token).await?;
    let folder = tempfile::Builder::new().prefix("nexus-bench-").tempdir()?;
    // The API node has to take the usage of the validating node, and so must stay.
    let (nexus, _api) = match asked {
        Asked::ApiNode => (api, None),
        Asked::ValidatingNode => {
            let node = Server::validator(api.address, &token, folder.path(), sizes.workers)?;
            (node, Some(api))
        }
    };
    let mut connection = Connection::open(nexus.address).await?;
    let requests: Vec<Vec<u8>> =
        (0..).zip(&secrets).map(|(number, secret)| route.request(&token, secret, number)).collect();
    let first = requests.first().ok_or("there is no request")?;
    let answer = connection.exchange(first).await?;
    if answer.status != 200 || route == Route::Verify && !answer.body.starts_with(br#"{"valid":true"#) {
        return Err(format!("refused: {}", String::from_utf8_lossy(answer.body)).into());
    }
    let bytes = (answer.head.len(), answer.body.len());
    let bare = Bare::repeating(&answer, route.path(), route == Route::Verify, sizes.workers).start()?;
    let mut repeated = Connection::open(bare.address).await?;
    let answer = repeated.exchange(first).await?;
    if bytes != (answer.head.len(), answer.body.len()) {
        return Err(format!("the baseline's answer is of another size: {answer:?} and {bytes:?}").into());
    }
    drop((connection, repeated));

    let pair = Pair { nexus, bare, load: Load::new(requests), spent: RefCell::default() };
    let [usual, many] = sizes.at_once;
    let rounds = pair.play(sizes.rounds, usual, sizes).await?;
    let spent = pair.spent.take();
    let crowded = pair.play(1, many, sizes).await?;
    let micros = |spent: &[f64]| median(spent) * 1e6;
    let (ours, baseline) = (micros(&spent.ours), micros(&spent.baseline));
    Ok(vec![Row {
        what: format!("{}{}: {usual} connections", route.title(), asked.title()),
        ours: format!("{}/s, {ours:.1} µs of processor each", count(rounds.ours())),
        baseline: format!("{}/s, {baseline:.1} µs", count(rounds.baseline())),
        ratio: Some(rounds.ratio()),
        target: "≥ 0.8",
        growth: format!(
            "{usual}→{many} connections: {}→{}/s, ratio {:.2}→{:.2}",
            count(rounds.ours()),
            count(crowded.ours()),
            rounds.ratio().median,
            crowded.ratio().median
        ),
    }])
}

impl Asked {
    const fn title(self) -> &'static str {
        match self {
            Self::ApiNode => "",
            Self::ValidatingNode => " on a validating node",
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Ready {
    pub(crate) admin_token: String,
}

/// Both servers, and the client.
struct Pair {
    nexus: Server,
    bare: Server,
    load: Load,
    spent: RefCell<Spent>,
}

/// Processor seconds for one request, round by round. Unlike the rate, they do not change with what else the machine does.
#[derive(Debug, Default)]
struct Spent {
    ours: Vec<f64>,
    baseline: Vec<f64>,
}

impl Pair {
    async fn play(&self, rounds: usize, connections: u32, sizes: &Sizes) -> Result<Rounds, Failure> {
        Rounds::play(
            rounds,
            || async {
                let (rate, spent) = self.one(&self.nexus, connections, sizes).await?;
                self.spent.borrow_mut().ours.push(spent);
                Ok(rate)
            },
            || async {
                let (rate, spent) = self.one(&self.bare, connections, sizes).await?;
                self.spent.borrow_mut().baseline.push(spent);
                Ok(rate)
            },
        )
        .await
    }

    /// Requests a second, and processor seconds for one.
    async fn one(&self, server: &Server, connections: u32, sizes: &Sizes) -> Result<(f64, f64), Failure> {
        let before = server.busy()?;
        let served = self.load.run(server.address, connections, sizes.span).await?;
        // Usage that has yet to go into the log belongs to this turn, and must not disturb the other side's.
        server.calm_down().await?;
        Ok((served.rate, (server.busy()? - before) / served.total as f64))
    }
}

/// Makes tenants with keys through the interface, and gives the keys' secrets.
pub(crate) async fn issue_keys(connection: &mut Connection, token: &str) -> Result<Vec<String>, Failure> {
    let bearer = format!("Bearer {token}");
    let mut secrets = Vec::new();
    for tenant in 0..TENANTS {
        let body = json!({"name": format!("Measured {tenant}"), "dialect": keys::DIALECT});
        let answer = post(connection, &bearer, "/v1/tenants", &body).await?;
        let id = answer.pointer("/id").or_else(|| answer.pointer("/tenant/id")).and_then(Value::as_str);
        let path = format!("/v1/tenants/{}/keys", id.ok_or("a tenant has no id")?);
        for key in 0..KEYS {
            let body = json!({"name": format!("Backend {key}"), "environment": "live", "scopes": [keys::SCOPE, "write:users"]});
            let answer = post(connection, &bearer, &path, &body).await?;
            let secret = answer.pointer("/secret").and_then(Value::as_str).ok_or("a key has no secret")?;
            secrets.push(secret.to_owned());
        }
    }
    Ok(secrets)
}

/// Makes something through the interface, and gives the answer.
pub(crate) async fn post(
    connection: &mut Connection,
    bearer: &str,
    path: &str,
    body: &Value,
) -> Result<Value, Failure> {
    let bytes = request("POST", path, &[("authorization", bearer)], &body.to_string());
    let answer = connection.exchange(&bytes).await?;
    if answer.status != 201 {
        let text = String::from_utf8_lossy(answer.body);
        return Err(format!("{path} answered {}: {text}", answer.status).into());
    }
    Ok(serde_json::from_slice(answer.body)?)
}

/// Waits for a server's answer to the first question that anybody would ask it.
pub(crate) async fn first_answer(address: std::net::SocketAddr) -> Result<(), Failure> {
    let mut connection = Connection::open(address).await?;
    let answer = connection.exchange(&request("GET", "/healthz", &[], "")).await?;
    if answer.status == 200 { Ok(()) } else { Err(format!("answered {}", answer.status).into()) }
}
