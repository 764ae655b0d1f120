//! Access tokens for clients' own credentials, `POST /oauth/token`: against this library's own rate of signing the same claims,
//! and against another server of the standard. Each token is an event in PostgreSQL before it is answered with.

mod clients;
mod provider;
mod signing;

use std::cell::RefCell;

use nexus_domain::token::AccessClaims;

use self::clients::load_of;
pub(crate) use self::clients::{Platform, forms};
use self::provider::Provider;
use self::signing::Signing;
use crate::http::{Connection, Load};
use crate::process::Server;
use crate::report::{Row, count};
use crate::rounds::{Rounds, median};
use crate::sizes::Sizes;
use crate::{Failure, output};

/// The route.
const TOKEN: &str = "/oauth/token";

/// Tokens a second against signatures a second.
pub(crate) async fn against_signing(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    output::progress(&format!("token-issue: {} workers, as many threads that sign", sizes.workers));
    let platform = Platform::start("issue", sizes.workers).await?;
    let clients = platform.many().await?;
    let client = clients.first().ok_or("no client")?;
    let signing = Signing::of(claims(&client.token().await?)?)?;
    let [usual, many] = sizes.at_once;
    let issuer = Issuer { server: &platform.server, load: load_of(&clients) };
    let spent = RefCell::new(Vec::new());
    let rounds = Rounds::play(
        sizes.rounds,
        || async {
            let (rate, each) = issuer.one(usual, sizes).await?;
            spent.borrow_mut().push(each);
            Ok(rate)
        },
        || signing.rate(sizes.workers, sizes.span),
    )
    .await?;
    let (crowded, _) = issuer.one(many, sizes).await?;
    platform.remove().await?;
    let micros = |rate: f64| f64::from(sizes.workers) * 1e6 / rate;
    let each = median(&spent.take()) * 1e6;
    Ok(vec![Row {
        what: format!("token-issue: client credentials, durable, {usual} connections, against signing alone"),
        ours: format!(
            "{}/s, {}/s per worker, {each:.1} µs of processor each",
            count(rounds.ours()),
            count(rounds.ours() / f64::from(sizes.workers))
        ),
        baseline: format!("{}/s, {:.1} µs", count(rounds.baseline()), micros(rounds.baseline())),
        ratio: Some(rounds.ratio()),
        target: "≥ 0.25",
        growth: format!("{usual}→{many} connections: {}→{}/s", count(rounds.ours()), count(crowded)),
    }])
}

/// Tokens a second against `oidc-provider`'s, which keeps them in its memory.
pub(crate) async fn against_provider(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let Some(provider) = Provider::start()? else { return Ok(Vec::new()) };
    let platform = Platform::start("provider", sizes.workers).await?;
    let clients = platform.many().await?;
    let client = clients.first().ok_or("no client")?;
    let ours = Issuer { server: &platform.server, load: load_of(&clients) };
    let other = provider.client();
    let theirs = Issuer { server: &provider.server, load: other.load("/token", &provider.grant()) };
    // Both sign what they answer with, by the same algorithm.
    let (one, another) = (algorithm(&client.token().await?)?, algorithm(&provider.token().await?)?);
    if one != another {
        return Err(format!("the servers sign differently: {one} and {another}").into());
    }
    let [usual, many] = sizes.at_once;
    let spent = RefCell::new((Vec::new(), Vec::new()));
    let rounds = Rounds::play(
        sizes.rounds,
        || async {
            let (rate, each) = ours.one(usual, sizes).await?;
            spent.borrow_mut().0.push(each);
            Ok(rate)
        },
        || async {
            let (rate, each) = theirs.one(usual, sizes).await?;
            spent.borrow_mut().1.push(each);
            Ok(rate)
        },
    )
    .await?;
    let (crowded, _) = ours.one(many, sizes).await?;
    let (crowded_other, _) = theirs.one(many, sizes).await?;
    platform.remove().await?;
    let (ours, theirs) = spent.take();
    Ok(vec![Row {
        what: format!(
            "token-issue: {one}, {usual} connections, against oidc-provider with its memory as a store"
        ),
        ours: format!("{}/s, {:.1} µs of processor each", count(rounds.ours()), median(&ours) * 1e6),
        baseline: format!("{}/s, {:.1} µs", count(rounds.baseline()), median(&theirs) * 1e6),
        ratio: Some(rounds.ratio()),
        target: "≥ 5",
        growth: format!(
            "{usual}→{many} connections: {}→{}/s against {}→{}/s",
            count(rounds.ours()),
            count(crowded),
            count(rounds.baseline()),
            count(crowded_other)
        ),
    }])
}

/// A server that issues tokens, and the load on it.
struct Issuer<'a> {
    server: &'a Server,
    load: Load,
}

impl Issuer<'_> {
    /// Tokens a second, and processor seconds of the server for one.
    async fn one(&self, connections: u32, sizes: &Sizes) -> Result<(f64, f64), Failure> {
        let before = self.server.busy()?;
        let served = self.load.run(self.server.address, connections, sizes.span).await?;
        // What goes into the read models afterwards belongs to this turn, and must not disturb the other side's.
        self.server.calm_down().await?;
        Ok((served.rate, (self.server.busy()? - before) / served.total as f64))
    }
}

/// A part of a token, decoded.
fn part<T: serde::de::DeserializeOwned>(token: &str, number: usize) -> Result<T, Failure> {
    let encoded = token.split('.').nth(number).ok_or("no JWT")?;
    Ok(serde_json::from_slice(&base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        encoded,
    )?)?)
}

fn claims(token: &str) -> Result<AccessClaims, Failure> {
    part(token, 1)
}

fn algorithm(token: &str) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    struct Header {
        alg: String,
    }
    Ok(part::<Header>(token, 0)?.alg)
}

/// Asks for a token once.
async fn ask(address: std::net::SocketAddr, request: &[u8]) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    struct Answer {
        access_token: String,
    }
    let mut connection = Connection::open(address).await?;
    let answer = connection.exchange(request).await?;
    if answer.status != 200 {
        return Err(format!("answered {}: {}", answer.status, String::from_utf8_lossy(answer.body)).into());
    }
    Ok(serde_json::from_slice::<Answer>(answer.body)?.access_token)
}
