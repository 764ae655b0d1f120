//! What a server process has besides its work: a log, metrics, signals, variables.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use nexus_infrastructure::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;

use crate::server::failure::StartFailure;
use crate::server::metrics;

/// Bounds of the histograms, in seconds: verification takes microseconds, a revocation up to three
/// seconds.
const BUCKETS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 3.0, 10.0];

/// Starts the log, on stderr, and the metrics.
pub(crate) fn observe(log: &LogConfig) -> Result<PrometheusHandle, StartFailure> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| {
        StartFailure::new(format!("`log.level` is not usable: {error}; write a level such as info"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| StartFailure::new(format!("cannot start the log: {error}")))?;
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| StartFailure::new(format!("cannot start the metrics: {error}")))?;
    metrics::describe();
    Ok(recorder)
}

/// The variables that configure the process. Those that are not text are not ours.
pub(crate) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
