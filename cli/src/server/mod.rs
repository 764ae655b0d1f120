//! The commands that serve: `nexus dev`, `nexus serve`, and those that work on the store directly.

mod admin;
mod database;
mod demo_admin;
mod dev;
mod failure;
mod node;
mod process;
mod serve;
mod tls;
mod validator;

pub(crate) use self::admin::credential as admin_credential;
pub(crate) use self::database::{migrate, status};
pub(crate) use self::dev::{DevOptions, run as dev};
pub(crate) use self::failure::StartFailure;
pub(crate) use self::serve::run as serve;
pub(crate) use self::validator::run as validator;

use std::future::Future;

use nexus_validator::tasks::TaskEnded;
use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Ctrl-C and SIGTERM, caught from the start on: the default action would cut the process off in the middle, also one that
/// has just said that it is ready.
struct StopSignals {
    interrupted: Signal,
    terminated: Signal,
}

impl StopSignals {
    fn catch() -> Result<Self, StartFailure> {
        let catch =
            |kind| signal(kind).map_err(|error| StartFailure::new(format!("cannot catch signals: {error}")));
        Ok(Self { interrupted: catch(SignalKind::interrupt())?, terminated: catch(SignalKind::terminate())? })
    }

    /// Waits for the first of them.
    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
        tracing::info!("stopping: running requests are finished, what they left is written");
    }

    /// Waits for the first of them, or for what makes a server of no use.
    async fn received_unless(&mut self, failed: impl Future<Output = TaskEnded>) -> Result<(), TaskEnded> {
        tokio::select! {
            () = self.received() => Ok(()),
            ended = failed => {
                tracing::error!(error = %ended, "stopping, since a part of the server is missing");
                Err(ended)
            }
        }
    }

    /// Does what a start takes, unless one of them comes first. Given up half-way, it is resumed by the next start.
    async fn unless_received<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.received() => None,
        }
    }
}
