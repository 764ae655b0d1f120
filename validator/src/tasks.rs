//! Background tasks of a process, all of which must run until it stops. Whichever ends before is noticed at once: a node that
//! cannot renew its right to answer is safe and of no use, and looks well until somebody asks it.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A task ended that must not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task `{task}` ended: {reason}")]
pub struct TaskEnded {
    /// Its name.
    pub task: &'static str,
    /// The panic's own words, where it was one.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Running,
    /// They are told to stop, so they may end.
    Stopping,
    Failed(TaskEnded),
}

/// Tasks, and how they are. Whoever drops them watches them no more, and they may end.
#[derive(Debug)]
pub struct Tasks {
    state: watch::Sender<State>,
    watched: Vec<JoinHandle<()>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { state: watch::Sender::new(State::Running), watched: Vec::new() }
    }
}

impl Tasks {
    /// Starts a task, on the runtime that this is called from. Its end is an error in the log, unless it was told to stop.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let state = self.state.clone();
        let task = tokio::spawn(task);
        self.watched.push(tokio::spawn(async move {
            let reason = match task.await {
                Ok(()) if *state.borrow() == State::Stopping => return,
                Ok(()) => "nobody told it to".to_owned(),
                Err(error) => error.to_string(),
            };
            tracing::error!(task = name, reason, "a background task ended badly");
            state.send_if_modified(|state| {
                let first = *state == State::Running;
                if first {
                    *state = State::Failed(TaskEnded { task: name, reason });
                }
                first
            });
        }));
    }

    /// Waits until a task has ended before [`Tasks::may_end`], and tells which one was the first.
    pub async fn failed(&self) -> TaskEnded {
        let mut state = self.state.subscribe();
        loop {
            if let State::Failed(ended) = &*state.borrow_and_update() {
                return ended.clone();
            }
            if state.changed().await.is_err() {
                // Not while this is borrowed.
                std::future::pending::<()>().await;
            }
        }
    }

    /// From here on tasks may end: they are about to be told so.
    pub fn may_end(&self) {
        self.state.send_if_modified(|state| {
            let running = *state == State::Running;
            if running {
                *state = State::Stopping;
            }
            running
        });
    }

    /// Waits until all have ended.
    pub async fn ended(mut self) {
        for watched in std::mem::take(&mut self.watched) {
            // It has told the log what there is to tell.
            let _ = watched.await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.may_end();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_noticed_while_the_others_run() {
        let mut tasks = Tasks::default();
        tasks.spawn("quiet", std::future::pending());
        tasks.spawn("loud", async { panic!("of no use any more") });
        let ended = tasks.failed().await;
        assert_eq!(ended.task, "loud");
        assert!(ended.reason.contains("of no use any more"), "{ended}");
        tasks.may_end();
        assert_eq!(tasks.failed().await, ended, "it stays so");
    }

    #[tokio::test]
    async fn an_end_that_nobody_asked_for_is_a_failure() {
        let mut tasks = Tasks::default();
        tasks.spawn("short", async {});
        assert_eq!(tasks.failed().await.task, "short");
        tasks.ended().await;
    }

    #[tokio::test]
    async fn whoever_is_told_to_stop_may_end() {
        let mut tasks = Tasks::default();
        let stop = watch::Sender::new(false);
        let mut told = stop.subscribe();
        tasks.spawn("obedient", async move {
            let _told = told.wait_for(|stop| *stop).await;
        });
        assert_eq!(tasks.failed().now_or_never(), None);
        tasks.may_end();
        stop.send_replace(true);
        let state = tasks.state.subscribe();
        tasks.ended().await;
        assert_eq!(*state.borrow(), State::Stopping);
    }

    #[tokio::test]
    async fn whoever_is_watched_no_more_may_end() {
        let mut tasks = Tasks::default();
        let stop = watch::Sender::new(());
        let mut told = stop.subscribe();
        tasks.spawn("orphan", async move {
            let _gone = told.changed().await;
        });
        let state = tasks.state.subscribe();
        let watched = std::mem::take(&mut tasks.watched);
        drop((tasks, stop));
        for watched in watched {
            watched.await.unwrap();
        }
        assert_eq!(*state.borrow(), State::Stopping, "and not a failure");
    }
}
