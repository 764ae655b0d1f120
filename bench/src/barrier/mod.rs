//! From the commit of a revocation to the last node's acknowledgement, against a bare fan-out with acknowledgements: an
//! actix-web server that sends the same bytes over as many WebSockets and waits until all have answered. Both servers are
//! processes of their own and tell by themselves how long it took (`Server-Timing`); nodes and bare clients run in this one.

mod bare;
mod clients;

use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::bare::{COMMAND as BARE_FAN_OUT, serve as serve_bare};

use self::clients::{BareClients, Nodes};
use crate::http::{Connection, request};
use crate::process::Server;
use crate::report::Row;
use crate::rounds::{Ratio, median};
use crate::sizes::Sizes;
use crate::{Failure, keys, output};

/// How often the two sides take turns.
const ROUNDS: usize = 5;

pub(crate) async fn measure(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let [few, many] = sizes.nodes;
    let fewer = with_nodes(sizes, few, sizes.revocations).await?;
    let more = with_nodes(sizes, many, (sizes.revocations / 4).max(10)).await?;
    let growth = format!(
        "{few}→{many} nodes: {:.1}→{:.1} ms at p50, {:.1}→{:.1} ms at p99; whole request {:.1}→{:.1} ms at p50",
        fewer.ours(Share::Half),
        more.ours(Share::Half),
        fewer.ours(Share::Most),
        more.ours(Share::Most),
        fewer.requests,
        more.requests
    );
    Ok(vec![
        fewer.row(few, Share::Half, "≤ 1.5", &growth),
        fewer.row(few, Share::Most, "≤ 2", &growth),
        more.row(many, Share::Most, "≤ 3", &growth),
    ])
}

/// Which of the times counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    Half,
    Most,
}

impl Share {
    /// Of times in milliseconds.
    fn of(self, times: &[f64]) -> f64 {
        match self {
            Self::Half => median(times),
            Self::Most => {
                let mut sorted = times.to_vec();
                sorted.sort_by(f64::total_cmp);
                let place = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
                sorted.get(place).copied().unwrap_or(f64::NAN)
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Half => "p50",
            Self::Most => "p99",
        }
    }
}

/// The times of both sides, round by round, in milliseconds.
struct Times {
    rounds: Vec<(Vec<f64>, Vec<f64>)>,
    /// The median of whole requests to Nexus, the commit among them.
    requests: f64,
}

impl Times {
    fn ours(&self, share: Share) -> f64 {
        median(&self.rounds.iter().map(|(ours, _)| share.of(ours)).collect::<Vec<_>>())
    }

    fn baseline(&self, share: Share) -> f64 {
        median(&self.rounds.iter().map(|(_, bare)| share.of(bare)).collect::<Vec<_>>())
    }

    fn row(&self, nodes: u32, share: Share, target: &'static str, growth: &str) -> Row {
        let ratios: Vec<f64> =
            self.rounds.iter().map(|(ours, bare)| share.of(ours) / share.of(bare)).collect();
        Row {
            what: format!("revocation to the last of {nodes} nodes, {}", share.name()),
            ours: format!("{:.2} ms", self.ours(share)),
            baseline: format!("{:.2} ms", self.baseline(share)),
            ratio: Some(Ratio {
                median: median(&ratios),
                least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
                most: ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            }),
            target,
            growth: growth.to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Ready {
    admin_token: String,
}

async fn with_nodes(sizes: &Sizes, count: u32, revocations: u32) -> Result<Times, Failure> {
    output::progress(&format!("barrier: {count} nodes"));
    let nexus = Server::nexus(None, sizes.workers)?;
    let token = serde_json::from_str::<Ready>(&nexus.ready)?.admin_token;
    let mut revoker = Revoker::new(&nexus, &token).await?;
    let nodes = Nodes::start(nexus.address, &token, count).await?;
    let bare = bare::start(sizes.workers)?;
    let clients = BareClients::start(bare.address, count).await?;
    let mut sender = Connection::open(bare.address).await?;
    let send = request("POST", "/fan-out", &[], clients::DELTA);
    // Whoever has just come in is not measured yet.
    for _ in 0..5 {
        revoker.revoke(count).await?;
        timing(&mut sender, &send).await?;
    }
    let mut rounds = Vec::new();
    let mut requests = Vec::new();
    for round in 0..ROUNDS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for turn in [round % 2 == 0, round % 2 != 0] {
            // Servers close connections that nobody uses while the other side has its turn.
            sender = Connection::open(bare.address).await?;
            revoker.connection = Connection::open(nexus.address).await?;
            for _ in 0..revocations {
                if turn {
                    let (held, whole) = revoker.revoke(count).await?;
                    ours.push(held);
                    requests.push(whole);
                } else {
                    theirs.push(timing(&mut sender, &send).await?);
                }
            }
        }
        rounds.push((ours, theirs));
    }
    drop(clients);
    nodes.stop().await;
    Ok(Times { rounds, requests: median(&requests) })
}

/// How long the server says that an exchange took, in milliseconds.
async fn timing(connection: &mut Connection, bytes: &[u8]) -> Result<f64, Failure> {
    let answer = connection.exchange(bytes).await?;
    let told = answer
        .headers()
        .find(|(name, _)| name.eq_ignore_ascii_case("server-timing"))
        .and_then(|(_, value)| value.split_once("dur=")?.1.split([';', ',']).next()?.trim().parse().ok());
    told.ok_or_else(|| format!("no time is told: {}", String::from_utf8_lossy(answer.head)).into())
}

/// Makes keys and revokes them.
struct Revoker {
    connection: Connection,
    bearer: String,
    tenant: String,
}

impl Revoker {
    async fn new(nexus: &Server, token: &str) -> Result<Self, Failure> {
        let mut connection = Connection::open(nexus.address).await?;
        let bearer = format!("Bearer {token}");
        let body = json!({"name": "Measured", "dialect": keys::DIALECT}).to_string();
        let bytes = request("POST", "/v1/tenants", &[("authorization", &bearer)], &body);
        let answer: Value = serde_json::from_slice(connection.exchange(&bytes).await?.body)?;
        let id = answer.pointer("/id").or_else(|| answer.pointer("/tenant/id")).and_then(Value::as_str);
        let tenant = id.ok_or("a tenant has no id")?.to_owned();
        Ok(Self { connection, bearer, tenant })
    }

    async fn issue(&mut self) -> Result<String, Failure> {
        let body = json!({"name": "Backend", "scopes": [keys::SCOPE, "write:users"]}).to_string();
        let path = format!("/v1/tenants/{}/keys", self.tenant);
        let bytes = request("POST", &path, &[("authorization", &self.bearer)], &body);
        let answer: Value = serde_json::from_slice(self.connection.exchange(&bytes).await?.body)?;
        let id = answer.pointer("/key/id").and_then(Value::as_str);
        Ok(id.ok_or_else(|| format!("a key has no id: {answer}"))?.to_owned())
    }

    /// Milliseconds from the commit to the last acknowledgement, and of the whole request.
    async fn revoke(&mut self, nodes: u32) -> Result<(f64, f64), Failure> {
        let key = self.issue().await?;
        let path = format!("/v1/tenants/{}/keys/{key}/revoke", self.tenant);
        let bytes = request("POST", &path, &[("authorization", &self.bearer)], "{}");
        let watch = crate::timer::Stopwatch::start();
        let held = timing(&mut self.connection, &bytes).await?;
        let whole = watch.seconds() * 1e3;
        let answer = self.connection.answer().ok_or("the answer was lost")?;
        let answer: Value = serde_json::from_slice(answer.body)?;
        // The API node's own table is one more.
        if answer.pointer("/receipt/confirmed") != Some(&json!(nodes + 1)) {
            return Err(format!("not all nodes confirmed: {answer}").into());
        }
        Ok((held, whole))
    }
}
