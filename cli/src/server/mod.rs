//! The commands that serve: `nexus dev`, `nexus serve`, and those that work on the store directly.

mod admin;
mod database;
mod dev;
mod failure;
mod node;
mod process;
mod serve;
mod tls;

pub(crate) use self::admin::credential as admin_credential;
pub(crate) use self::database::{migrate, status};
pub(crate) use self::dev::{DevOptions, run as dev};
pub(crate) use self::failure::StartFailure;
pub(crate) use self::serve::run as serve;

use std::future::Future;

/// Runs a command of this module on a runtime of its own.
pub(crate) fn block_on(work: impl Future<Output = Result<(), StartFailure>>) -> Result<(), StartFailure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartFailure::new(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// Waits for Ctrl-C or SIGTERM.
async fn until_told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        tracing::warn!("SIGTERM cannot be caught; stop with Ctrl-C");
        let _stopped = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping: running requests are finished, what they left is written");
}
