//! All projections rebuilt from a log, against reading and decoding it.

use std::cell::RefCell;
use std::hint::black_box;

use cqrs_es::Aggregate;
use nexus_domain::key::{Key, KeyEvent};
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeys};
use nexus_domain::tenant::{Tenant, TenantEvent};
use nexus_domain::usage::{Usage, UsageEvent};
use nexus_infrastructure::journal::{Journal, RecordedEvent};
use nexus_projections::Projections;
use serde::de::DeserializeOwned;

use crate::log::{self, Mixed};
use crate::report::{Row, count, size};
use crate::rounds::Rounds;
use crate::sizes::Sizes;
use crate::store::Store;
use crate::timer::Stopwatch;
use crate::{Failure, output};

pub(crate) async fn measure(sizes: &Sizes, postgres: bool) -> Result<Vec<Row>, Failure> {
    let [few, many] = sizes.events;
    // Each alone only here: it takes as long as all together.
    let (small, alone) = at_size(sizes, postgres, few, true).await?;
    let (large, _) = at_size(sizes, postgres, many, false).await?;
    let store = if postgres { "PostgreSQL" } else { "SQLite" };
    Ok(vec![Row {
        what: format!("rebuild: all projections from {} events on {store}", size(many)),
        ours: format!("{}/s", count(large.ours())),
        baseline: format!("{}/s", count(large.baseline())),
        ratio: Some(large.ratio()),
        target: "≥ 0.4",
        growth: format!(
            "{}→{} events: {}→{}/s, ratio {:.2}→{:.2}; alone at {0}: {alone}",
            size(few),
            size(many),
            count(small.ours()),
            count(large.ours()),
            small.ratio().median,
            large.ratio().median
        ),
    }])
}

/// The rates of all together against the baseline, and of each alone in words.
async fn at_size(
    sizes: &Sizes,
    postgres: bool,
    events: u32,
    each: bool,
) -> Result<(Rounds, String), Failure> {
    let store =
        if postgres { Store::postgres(&format!("rebuild_{events}")).await? } else { Store::sqlite().await? };
    let journal = store.journal().await?;
    output::progress(&format!("rebuild: writing a log of {}", size(events)));
    let written = log::write(&journal, Mixed::new(events)?).await? as f64;
    let projections = Projections::attach(journal.clone());
    let names: Vec<&'static str> =
        nexus_projections::all().iter().map(|projection| projection.name()).collect();
    output::progress("rebuild: all projections against the baseline");
    let rounds = Rounds::play(
        sizes.long_rounds,
        || async { Ok(written / rebuild(&projections, &names).await?) },
        || async { Ok(written / decode(&journal, if postgres { 10_000 } else { 5000 }).await?) },
    )
    .await?;
    let alone = RefCell::new(Vec::new());
    for name in names.iter().filter(|_| each) {
        output::progress(&format!("rebuild: {name} alone"));
        let rate = written / rebuild(&projections, &[name]).await?;
        alone.borrow_mut().push(format!("{name} {}", count(rate)));
    }
    projections.stop().await;
    journal.close().await;
    store.remove().await?;
    Ok((rounds, alone.into_inner().join(", ")))
}

/// Seconds until all are rebuilt and in use.
async fn rebuild(projections: &Projections, names: &[&str]) -> Result<f64, Failure> {
    let watch = Stopwatch::start();
    projections.rebuild_several(names).await?.wait().await?;
    Ok(watch.seconds())
}

/// Seconds to read the log and turn every event into the type it was.
async fn decode(journal: &Journal, batch: u32) -> Result<f64, Failure> {
    let watch = Stopwatch::start();
    let mut after = 0;
    loop {
        let events = journal.read(after, batch).await?;
        let Some(last) = events.last() else { break };
        after = last.position;
        for event in events {
            match event.aggregate_type.as_str() {
                Key::TYPE => one::<KeyEvent>(event)?,
                Tenant::TYPE => one::<TenantEvent>(event)?,
                Usage::TYPE => one::<UsageEvent>(event)?,
                SigningKeys::TYPE => one::<SigningKeyEvent>(event)?,
                other => return Err(format!("an event of the unknown type {other}").into()),
            }
        }
    }
    Ok(watch.seconds())
}

fn one<E: DeserializeOwned>(event: RecordedEvent) -> Result<(), Failure> {
    black_box(event.payload.parse::<E>()?);
    Ok(())
}
