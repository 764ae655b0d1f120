//! The handle on the projections of a process: starting, waiting, status, rebuilding, and the way to each read model.

use std::sync::Arc;
use std::time::Duration;

use nexus_infrastructure::journal::Journal;
use serde::Serialize;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::agent_list::AgentList;
use crate::audit_trail::AuditTrail;
use crate::builds::{self, State};
use crate::credential_lookup::CredentialLookup;
use crate::error::{FoldError, Lagging, QueryError, RebuildError};
use crate::feed::Feed;
use crate::integration_list::IntegrationList;
use crate::key_list::KeyList;
use crate::member_list::MemberList;
use crate::oauth::OauthLists;
use crate::projection::{Build, Projection};
use crate::reader::Reader;
use crate::shared::{Shared, Slot};
use crate::tenant_list::TenantList;
use crate::usage::Usage;
use crate::{keeper, rebuild, runner};

/// How often the progress of a rebuild is read.
const PROGRESS: Duration = Duration::from_millis(100);

/// The projections of a process. Cheap to clone.
#[derive(Clone)]
pub struct Projections {
    shared: Arc<Shared>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// How a projection stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: &'static str,
    /// The build that answers questions; absent while the first one is made.
    pub build: Option<i64>,
    /// The version of its tables and its fold.
    pub schema_version: u32,
    /// The position up to which it is exact.
    pub checkpoint: u64,
    /// The end of the log.
    pub head: u64,
    /// Events between the two.
    pub lag: u64,
    /// A rebuild that is on its way, in whichever process.
    pub rebuilding: Option<Progress>,
    /// Why it stands still, as far as this process knows.
    pub error: Option<String>,
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The build being filled.
    pub build: i64,
    /// The position up to which it is filled.
    pub checkpoint: u64,
    /// The end of the log.
    pub head: u64,
    /// Whether the build is live.
    pub done: bool,
}

/// A rebuild that was asked for. Dropping it does not end the rebuild.
pub struct Rebuild {
    progress: watch::Receiver<Progress>,
    outcome: JoinHandle<Result<(), RebuildError>>,
}

impl Rebuild {
    /// The progress, newest value at hand; closed at the end.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// [`RebuildError`]; what was folded stays for the next attempt.
    pub async fn wait(self) -> Result<(), RebuildError> {
        self.outcome.await.unwrap_or(Err(RebuildError::Stopped))
    }
}

/// All projections of Nexus.
#[must_use]
pub fn all() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(crate::credential_lookup::Fold),
        Arc::new(crate::tenant_list::Fold),
        Arc::new(crate::agent_list::Fold),
        Arc::new(crate::integration_list::Fold),
        Arc::new(crate::key_list::Fold),
        Arc::new(crate::member_list::Fold),
        Arc::new(crate::audit_trail::Fold),
        Arc::new(crate::usage::Fold),
        Arc::new(crate::oauth::Fold),
    ]
}

impl Projections {
    /// Starts following the log with [`all`] projections, on the runtime that this is called from. Missing tables are made
    /// and unfinished rebuilds resumed; until a projection has tables, questions are [`QueryError::NotBuilt`].
    #[must_use]
    pub fn start(journal: Journal) -> Self {
        Self::start_with(journal, all())
    }

    /// As [`Projections::start`], with projections of the caller's choice.
    #[must_use]
    pub fn start_with(journal: Journal, projections: Vec<Arc<dyn Projection>>) -> Self {
        let shared = shared(journal, projections, true);
        let mut tasks = JoinSet::new();
        for slot in &shared.slots {
            tasks.spawn(runner::follow(shared.clone(), slot.clone()));
        }
        tasks.spawn(keeper::keep(shared.clone()));
        Self { shared, tasks: Arc::new(Mutex::new(tasks)) }
    }

    /// A handle that asks and rebuilds, and follows nothing: for a command beside running nodes.
    #[must_use]
    pub fn attach(journal: Journal) -> Self {
        Self { shared: shared(journal, all(), false), tasks: Arc::default() }
    }

    /// Waits until a projection is exact for `position`, so that who has written can read it: take the position from the
    /// append, or the journal's head for everything that was answered before, then wait, then ask.
    ///
    /// # Errors
    /// [`Lagging`] after `patience`, or at once where there is no such projection.
    pub async fn await_position(&self, name: &str, position: u64, patience: Duration) -> Result<(), Lagging> {
        let Some(slot) = self.shared.slot(name) else {
            return Err(Lagging { name: name.to_owned(), wanted: position, checkpoint: 0 });
        };
        self.shared.await_position(slot, position, patience).await
    }

    /// Waits until every projection has tables to answer from.
    ///
    /// # Errors
    /// [`Lagging`] for the first that has none after `patience`.
    pub async fn await_built(&self, patience: Duration) -> Result<(), Lagging> {
        let waits = self.shared.slots.iter().map(|slot| self.shared.await_position(slot, 0, patience));
        futures::future::try_join_all(waits).await.map(|_| ())
    }

    /// How all projections stand, from the database.
    ///
    /// # Errors
    /// [`QueryError::Database`]
    pub async fn status(&self) -> Result<Vec<Status>, QueryError> {
        // The head last would make a projection that is level look late.
        let head = self.shared.journal.head().await?;
        let mut all = Vec::with_capacity(self.shared.slots.len());
        for slot in &self.shared.slots {
            let projection = &*slot.projection;
            let rows = builds::all(self.shared.database(), slot.name()).await?;
            let live = builds::own(&rows, projection, State::Live);
            let checkpoint = live.map_or(0, |live| live.checkpoint);
            let head = head.max(checkpoint);
            all.push(Status {
                name: slot.name(),
                build: live.map(|live| live.build.number()),
                schema_version: projection.schema_version(),
                checkpoint,
                head,
                lag: head - checkpoint,
                rebuilding: builds::own(&rows, projection, State::Building).map(|row| Progress {
                    build: row.build.number(),
                    checkpoint: row.checkpoint,
                    head: head.max(row.checkpoint),
                    done: false,
                }),
                error: slot.error(),
            });
        }
        Ok(all)
    }

    /// Rebuilds a projection beside its live tables, or joins the rebuild that is on its way, in whichever process.
    ///
    /// # Errors
    /// [`RebuildError::UnknownProjection`], or [`RebuildError::Log`] where the store fails at once.
    pub async fn rebuild(&self, name: &str) -> Result<Rebuild, RebuildError> {
        self.rebuild_several(&[name]).await
    }

    /// As [`Projections::rebuild`], for several that read the log together. The progress is that of the slowest.
    ///
    /// # Errors
    /// As [`Projections::rebuild`].
    pub async fn rebuild_several(&self, names: &[&str]) -> Result<Rebuild, RebuildError> {
        let mut targets = Vec::with_capacity(names.len());
        for name in names {
            let slot =
                self.shared.slot(name).ok_or_else(|| RebuildError::UnknownProjection((*name).to_owned()))?;
            let row =
                builds::open(self.shared.database(), &*slot.projection).await.map_err(FoldError::from)?;
            targets.push((slot.clone(), row.build));
        }
        let start = progress(&self.shared, &targets).await?;
        let (sender, progress) = watch::channel(start);
        let outcome = tokio::spawn(see_through(self.shared.clone(), targets, sender));
        Ok(Rebuild { progress, outcome })
    }

    /// Ends the tasks after the transaction that each is in. Nothing is lost: the checkpoints say where to go on.
    pub async fn stop(&self) {
        self.shared.stopping.send_replace(true);
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
    }

    /// The folded state of all keys and tenants.
    #[must_use]
    pub fn credential_lookup(&self) -> CredentialLookup {
        CredentialLookup::new(self.reader(crate::credential_lookup::NAME))
    }

    /// The list of tenants.
    #[must_use]
    pub fn tenant_list(&self) -> TenantList {
        TenantList::new(self.reader(crate::tenant_list::NAME))
    }

    /// The lists of tenants' agents.
    #[must_use]
    pub fn agent_list(&self) -> AgentList {
        AgentList::new(self.reader(crate::agent_list::NAME))
    }

    /// The lists of tenants' integrations.
    #[must_use]
    pub fn integration_list(&self) -> IntegrationList {
        IntegrationList::new(self.reader(crate::integration_list::NAME))
    }

    /// The list of keys.
    #[must_use]
    pub fn key_list(&self) -> KeyList {
        KeyList::new(self.reader(crate::key_list::NAME))
    }

    /// The lists of OAuth clients and tokens.
    #[must_use]
    pub fn oauth(&self) -> OauthLists {
        OauthLists::new(self.reader(crate::oauth::NAME))
    }

    /// The list of members.
    #[must_use]
    pub fn member_list(&self) -> MemberList {
        MemberList::new(self.reader(crate::member_list::NAME))
    }

    /// The audit trail.
    #[must_use]
    pub fn audit_trail(&self) -> AuditTrail {
        AuditTrail::new(self.reader(crate::audit_trail::NAME))
    }

    /// Usage by key and time, and the request log.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::new(self.reader(crate::usage::NAME))
    }

    fn reader(&self, name: &'static str) -> Reader {
        Reader::new(self.shared.clone(), name)
    }
}

fn shared(journal: Journal, projections: Vec<Arc<dyn Projection>>, running: bool) -> Arc<Shared> {
    let slots = projections.into_iter().map(|projection| Arc::new(Slot::new(projection))).collect();
    Arc::new(Shared { journal, feed: Feed::default(), slots, running, stopping: watch::Sender::new(false) })
}

/// Drives a rebuild, or watches whoever does, until the builds are live.
async fn see_through(
    shared: Arc<Shared>,
    targets: Vec<(Arc<Slot>, Build)>,
    sender: watch::Sender<Progress>,
) -> Result<(), RebuildError> {
    let slots: Vec<Arc<Slot>> = targets.iter().map(|(slot, _)| slot.clone()).collect();
    loop {
        let driven = async {
            rebuild::drive(&shared, &slots).await?;
            // Driven to the end, or by somebody else: then look again in a while.
            tokio::time::sleep(PROGRESS).await;
            Ok(())
        };
        let watched = async {
            loop {
                tokio::time::sleep(PROGRESS).await;
                if let Ok(now) = progress(&shared, &targets).await {
                    sender.send_replace(now);
                }
            }
        };
        let outcome: Result<(), RebuildError> = tokio::select! {
            outcome = driven => outcome,
            () = watched => Ok(()),
        };
        outcome?;
        let now = progress(&shared, &targets).await?;
        sender.send_replace(now);
        if now.done {
            return Ok(());
        }
        if shared.is_stopping() {
            return Err(RebuildError::Stopped);
        }
    }
}

async fn progress(shared: &Shared, targets: &[(Arc<Slot>, Build)]) -> Result<Progress, FoldError> {
    let head = shared.journal.head().await?;
    let mut slowest = Progress { build: 0, checkpoint: head, head, done: true };
    for (slot, build) in targets {
        let rows = builds::all(shared.database(), slot.name()).await?;
        // Not there any more: it was live, and a later one has replaced it.
        let Some(row) = rows.iter().find(|row| row.build == *build && row.state == State::Building) else {
            continue;
        };
        if slowest.done || row.checkpoint < slowest.checkpoint {
            let checkpoint = row.checkpoint.min(head);
            slowest = Progress { build: build.number(), checkpoint, head, done: false };
        }
    }
    Ok(slowest)
}
