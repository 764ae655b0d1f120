//! What it costs over HTTP that a credential is a JWT: introspection and verification of access tokens that were seen before,
//! against verification of opaque keys by the same server.

use std::cell::RefCell;

use crate::http::{Load, Route, issue_keys};
use crate::issue::{Platform, forms};
use crate::process::Server;
use crate::report::{Row, count};
use crate::rounds::{Rounds, median};
use crate::sizes::Sizes;
use crate::{Failure, http, output};

/// Access tokens that are asked about.
const TOKENS: usize = 100;

pub(crate) async fn measure(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    output::progress(&format!("introspect: {} workers", sizes.workers));
    let platform = Platform::start("introspect", sizes.workers).await?;
    let client = platform.client().await?;
    let mut tokens = Vec::new();
    for _ in 0..TOKENS {
        tokens.push(client.token().await?);
    }
    let mut connection = http::Connection::open(platform.server.address).await?;
    let keys = issue_keys(&mut connection, &platform.token).await?;
    drop(connection);
    let verify = |credentials: &[String]| {
        let requests = (0..).zip(credentials);
        let requests = requests.map(|(number, one)| Route::Verify.request(&platform.token, one, number));
        Load::new(requests.collect())
    };
    let asked: Vec<String> = tokens.iter().map(|token| client.form(&format!("token={token}"))).collect();
    let introspection = Load::new(forms("/oauth/introspect", asked.iter().map(String::as_str)));
    let (of_tokens, of_keys) = (verify(&tokens), verify(&keys));
    let server = &platform.server;
    let mut rows = Vec::new();
    for (what, load) in [
        ("POST /oauth/introspect of a JWT that was seen", &introspection),
        ("POST /v1/verify of a JWT that was seen", &of_tokens),
    ] {
        rows.push(compared(server, what, load, &of_keys, sizes).await?);
    }
    platform.remove().await?;
    Ok(rows)
}

/// Rates turned round, so that a ratio is one of time, as the target is.
async fn compared(
    server: &Server,
    what: &str,
    load: &Load,
    of_keys: &Load,
    sizes: &Sizes,
) -> Result<Row, Failure> {
    let [usual, _] = sizes.at_once;
    let spent = RefCell::new((Vec::new(), Vec::new()));
    let rounds = Rounds::play(
        sizes.rounds,
        || async {
            let (time, each) = one(server, load, usual, sizes).await?;
            spent.borrow_mut().0.push(each);
            Ok(time)
        },
        || async {
            let (time, each) = one(server, of_keys, usual, sizes).await?;
            spent.borrow_mut().1.push(each);
            Ok(time)
        },
    )
    .await?;
    let (ours, baseline) = spent.take();
    let (ours, baseline) = (median(&ours) * 1e6, median(&baseline) * 1e6);
    Ok(Row {
        what: format!("introspect: {what}, against POST /v1/verify of an opaque key: {usual} connections"),
        ours: format!("{}/s, {ours:.1} µs of processor each", count(1.0 / rounds.ours())),
        baseline: format!("{}/s, {baseline:.1} µs", count(1.0 / rounds.baseline())),
        ratio: Some(rounds.ratio()),
        target: "≤ 1.2",
        growth: format!("processor alone: {:.2}", ours / baseline),
    })
}

/// Seconds an answer, and processor seconds of the server for one.
async fn one(server: &Server, load: &Load, connections: u32, sizes: &Sizes) -> Result<(f64, f64), Failure> {
    let before = server.busy()?;
    let served = load.run(server.address, connections, sizes.span).await?;
    // Usage that has yet to go into the log belongs to this turn.
    server.calm_down().await?;
    Ok((1.0 / served.rate, (server.busy()? - before) / served.total as f64))
}
