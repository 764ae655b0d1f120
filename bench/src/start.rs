//! From the start of `nexus dev` to its first answer: with nothing in the store, and with many keys.

use std::path::Path;
use std::time::Duration;

use nexus_infrastructure::journal::{Journal, JournalOptions};
use nexus_projections::Projections;

use crate::http::first_answer;
use crate::keys::Population;
use crate::log;
use crate::process::Server;
use crate::report::{Row, size};
use crate::rounds::Rounds;
use crate::sizes::Sizes;
use crate::store;
use crate::timer::Stopwatch;
use crate::{Failure, output};

/// How long projections may take to be built for the first time.
const PATIENCE: Duration = Duration::from_secs(3600);

pub(crate) async fn measure(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let [few, many] = sizes.keys;
    let small = with_keys(sizes, few).await?;
    let large = with_keys(sizes, many).await?;
    Ok(vec![Row {
        what: format!("start: `nexus dev` to its first answer, {} keys against an empty store", size(many)),
        ours: format!("{:.2} s", large.ours()),
        baseline: format!("{:.2} s", large.baseline()),
        ratio: Some(large.ratio()),
        target: "–",
        growth: format!("{}→{} keys: {:.2}→{:.2} s", size(few), size(many), small.ours(), large.ours()),
    }])
}

async fn with_keys(sizes: &Sizes, keys: u32) -> Result<Rounds, Failure> {
    let folder = tempfile::Builder::new().prefix("nexus-bench-").tempdir()?;
    output::progress(&format!("start: writing {} keys", size(keys)));
    fill(folder.path(), keys).await?;
    // The first start makes the demo tenants; what is measured is any later one.
    start(Some(folder.path()), sizes).await?;
    output::progress("start: starting");
    let rounds = sizes.rounds.min(5);
    Rounds::play(rounds, || start(Some(folder.path()), sizes), || start(None, sizes)).await
}

/// Seconds from the start of the process to its first answer.
async fn start(data: Option<&Path>, sizes: &Sizes) -> Result<f64, Failure> {
    let watch = Stopwatch::start();
    let server = Server::nexus(data, sizes.workers)?;
    first_answer(server.address).await?;
    Ok(watch.seconds())
}

/// Writes the keys through the journal, and has the projections built from them.
pub(crate) async fn fill(folder: &Path, keys: u32) -> Result<(), Failure> {
    let database = store::open(&store::sqlite_url(folder)).await?;
    let journal = Journal::open(database.clone(), JournalOptions::default()).await?;
    log::write(&journal, log::keys_alone(&Population::new(keys)?)).await?;
    let projections = Projections::start(journal.clone());
    projections.await_built(PATIENCE).await?;
    projections.stop().await;
    journal.close().await;
    database.close().await;
    Ok(())
}
