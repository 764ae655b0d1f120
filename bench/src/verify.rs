//! A verdict from memory, against one SHA-256 and one look-up in a map of the standard library. Processor time is counted.

use std::collections::HashMap;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use nexus_domain::credential::Digest;
use nexus_domain::verification::Question;
use nexus_infrastructure::dialects;
use nexus_validator::Validator;
use nexus_validator::lease::{LENGTH, Lease};
use sha2::{Digest as _, Sha256};

use crate::keys::{self, Population};
use crate::report::{Row, size};
use crate::rounds::{Rounds, median};
use crate::sizes::Sizes;
use crate::timer::ThreadStopwatch;
use crate::{Failure, memory, output};

pub(crate) async fn measure(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let allocations = memory::in_a_process(1000)?.allocations;
    let [few, many] = sizes.keys;
    let (small, _) = at_size(sizes, few).await?;
    let (rounds, scaling) = at_size(sizes, many).await?;
    Ok(vec![Row {
        what: format!("verify: {} keys in random order, accepted", size(many)),
        ours: format!("{:.0} ns, {allocations} allocations", rounds.ours()),
        baseline: format!("{:.0} ns", rounds.baseline()),
        ratio: Some(rounds.ratio()),
        target: "≤ 1.5, 0 allocations",
        growth: format!(
            "{}→{} keys: {:.0}→{:.0} ns (baseline {:.0}→{:.0}); 2 threads do {:.2} times as many (baseline {:.2})",
            size(few),
            size(many),
            small.ours(),
            rounds.ours(),
            small.baseline(),
            rounds.baseline(),
            scaling.ours,
            scaling.baseline,
        ),
    }])
}

/// How many times as much two threads do that each have a processor.
struct Scaling {
    ours: f64,
    baseline: f64,
}

async fn at_size(sizes: &Sizes, keys: u32) -> Result<(Rounds, Scaling), Failure> {
    output::progress(&format!("verify: {} keys", size(keys)));
    let population = Population::new(keys)?;
    let table = Table::new(&population)?;
    let plain = Plain::new(&population);
    let texts = keys::presented(keys);
    let rounds =
        Rounds::play(sizes.rounds, || async { table.time(&texts) }, || async { plain.time(&texts) }).await?;
    let (front, back) = texts.split_at(texts.len() / 2);
    let mut factors = [Vec::new(), Vec::new()];
    for _ in 0..sizes.rounds {
        let [ours, baseline] = &mut factors;
        ours.push(table.time(&texts)? / together(|| table.time(front), || table.time(back))?);
        baseline.push(plain.time(&texts)? / together(|| plain.time(front), || plain.time(back))?);
    }
    let [ours, baseline] = factors.map(|factors| 2.0 * median(&factors));
    Ok((rounds, Scaling { ours, baseline }))
}

/// Runs both at once; the slower one's time for one look-up.
fn together(
    one: impl Fn() -> Result<f64, Failure> + Send,
    other: impl Fn() -> Result<f64, Failure>,
) -> Result<f64, Failure> {
    let start = Barrier::new(2);
    let start = &start;
    let (one, other) = std::thread::scope(|scope| {
        let beside = scope.spawn(move || {
            start.wait();
            one()
        });
        start.wait();
        let here = other();
        (beside.join(), here)
    });
    Ok(one.map_err(|_| "a thread ended badly")??.max(other?))
}

/// A table with a population's keys, and what is asked of it.
struct Table {
    validator: Validator,
    required: Vec<String>,
    ip: IpAddr,
}

impl Table {
    fn new(population: &Population) -> Result<Self, Failure> {
        let validator = Validator::new(Arc::new(dialects::load(None)?));
        validator.apply(population.entries(), 1);
        Ok(Self { validator, required: vec![keys::SCOPE.to_owned()], ip: keys::ADDRESS.parse()? })
    }

    /// Nanoseconds a verdict. All must accept.
    fn time(&self, texts: &[String]) -> Result<f64, Failure> {
        let question = Question {
            environment: Some("live"),
            method: Some("GET"),
            ip: Some(self.ip),
            required_scopes: &self.required,
            ..Question::default()
        };
        let lease = Lease::new();
        lease.extend(LENGTH);
        let (mut asked, mut accepted) = (0u32, 0u32);
        let watch = ThreadStopwatch::start();
        for secret in keys::each(texts) {
            let sight = lease.holds(black_box(Duration::ZERO)).ok_or("the lease does not hold")?.into();
            let decision =
                self.validator.verify_credential(&sight, None, secret, &question, keys::BEGINNING)?;
            asked += 1;
            accepted += u32::from(decision.outcome.is_ok());
            black_box(&decision);
        }
        let seconds = watch.seconds();
        if asked == 0 || accepted != asked {
            return Err(format!("{accepted} of {asked} were accepted").into());
        }
        Ok(seconds * 1e9 / f64::from(asked))
    }
}

/// The baseline: what anybody would write who need not answer anything but "whose is it?".
struct Plain(HashMap<[u8; 32], u32>);

impl Plain {
    fn new(population: &Population) -> Self {
        let digest = |key| (*Digest::of(keys::secret(key, 1).expose()).as_bytes(), key);
        Self((0..population.keys()).map(digest).collect())
    }

    /// Nanoseconds a look-up. All must find something.
    fn time(&self, texts: &[String]) -> Result<f64, Failure> {
        let (mut asked, mut found) = (0u32, 0u32);
        let watch = ThreadStopwatch::start();
        for secret in keys::each(texts) {
            let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
            asked += 1;
            found += u32::from(black_box(self.0.get(&digest)).is_some());
        }
        let seconds = watch.seconds();
        if asked == 0 || found != asked {
            return Err(format!("{found} of {asked} were found").into());
        }
        Ok(seconds * 1e9 / f64::from(asked))
    }
}
