//! Hosts: what runs on one stops with it, and stands still with it. A host that stands still is one that was sent SIGSTOP, or
//! whose machine is suspended: its tasks are not polled, its clock goes on, and everything that came due meanwhile happens at once
//! when it goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::turns::Turns;

/// How far a clock may be off, in millionths.
const DRIFT: u64 = 1_000;

/// A host: an API node's, or a validating node's.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    origin: Instant,
    drift: i64,
    /// What the clock showed when the simulation began.
    began: Duration,
    stops_in_pauses: bool,
    pub(crate) turns: Turns,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts the processes that ran on it.
    run: u64,
    up: bool,
    /// Nobody was told that the last process ended.
    silent: bool,
    paused: Option<Instant>,
    stood_still: Duration,
    waiting: Vec<Waker>,
    tasks: Vec<AbortHandle>,
}

impl Host {
    /// A host on which nothing runs. `drift` in millionths stands for the usual chance.
    pub(crate) fn new(name: String, chance: Chance, drift: Option<i64>, stops_in_pauses: bool) -> Self {
        // At the ends as often as in between: there the margins show.
        let usual = match chance.of("end").between(0, 3) {
            0 => 0,
            1 => 2 * DRIFT,
            _ => chance.of("drift").between(0, 2 * DRIFT),
        };
        let drift = drift.unwrap_or(i64::try_from(usual).unwrap() - i64::try_from(DRIFT).unwrap());
        let began = chance.of("began").millis(1, 1_000_000_000);
        let (origin, turns, state) = (Instant::now(), Turns::default(), Mutex::default());
        Self { name, origin, drift, began, stops_in_pauses, turns, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A process begins; answers its number.
    pub(crate) fn start(&self) -> u64 {
        let mut state = self.state();
        state.run += 1;
        (state.up, state.silent) = (true, false);
        state.run
    }

    /// The process ends without a word; in a power failure its kernel says none either.
    pub(crate) fn crash(&self, power: bool) {
        let mut state = self.state();
        (state.up, state.silent) = (false, power);
        let waiting = std::mem::take(&mut state.waiting);
        if let Some(since) = state.paused.take() {
            state.stood_still += since.elapsed();
        }
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        tasks.iter().for_each(AbortHandle::abort);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn pause(&self) {
        self.state().paused.get_or_insert_with(Instant::now);
    }

    pub(crate) fn resume(&self) {
        let mut state = self.state();
        let Some(since) = state.paused.take() else { return };
        state.stood_still += since.elapsed();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether a process runs on it.
    pub(crate) fn is_up(&self) -> bool {
        self.state().up
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.state().silent
    }

    pub(crate) fn runs(&self) -> bool {
        let state = self.state();
        state.up && state.paused.is_none()
    }

    pub(crate) fn run(&self) -> u64 {
        self.state().run
    }

    fn stood_still(&self) -> Duration {
        let state = self.state();
        state.stood_still + state.paused.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The time for which it did not stand still.
    pub(crate) fn running_time(&self) -> Duration {
        self.origin.elapsed() - self.stood_still()
    }

    /// What its clock shows.
    pub(crate) fn reading(&self) -> Duration {
        let mut passed = self.origin.elapsed();
        if self.stops_in_pauses {
            passed -= self.stood_still();
        }
        let nanos = i128::try_from(passed.as_nanos()).unwrap();
        let nanos = nanos + nanos * i128::from(self.drift) / 1_000_000;
        self.began + Duration::from_nanos(u64::try_from(nanos).unwrap())
    }

    /// Runs as part of the present process.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + 'static) {
        let run = self.run();
        let gate = Gate { host: Arc::clone(self), run, work: Box::pin(work) };
        let task = tokio::task::spawn_local(gate).abort_handle();
        let mut state = self.state();
        state.tasks.retain(|task| !task.is_finished());
        state.tasks.push(task);
    }
}

/// Polled while its process runs and the host does not stand still.
struct Gate {
    host: Arc<Host>,
    run: u64,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

impl Future for Gate {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.host.state();
        if !state.up || state.run != self.run {
            return Poll::Ready(());
        }
        if state.paused.is_some() {
            state.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.work.as_mut().poll(context)
    }
}

/// A host's clock, for both programs.
#[derive(Debug, Clone)]
pub(crate) struct HostClock(pub(crate) Arc<Host>);

/// Some day. Nothing that is simulated expires.
const DAY: i64 = 1_780_000_000_000_000;

impl HostClock {
    fn micros(&self) -> i64 {
        DAY + i64::try_from(self.0.origin.elapsed().as_micros()).unwrap()
    }
}

impl nexus_validator::clock::Clock for HostClock {
    fn boottime(&self) -> Duration {
        self.0.reading()
    }

    fn unix_micros(&self) -> i64 {
        self.micros()
    }
}

impl nexus_infrastructure::clock::Clock for HostClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.micros()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.0.reading()
    }
}
