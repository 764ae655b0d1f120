//! One run of the simulation: who is there, what time it is, and what happened.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use nexus_domain::dialect::Dialects;
use tokio::time::Instant;
use uuid::Uuid;

use crate::api::Serving;
use crate::broken::Broken;
use crate::chance::Chance;
use crate::hosts::Host;
use crate::network::Network;
use crate::node::Running;
use crate::oracle::Oracle;
use crate::store::Store;

/// API nodes, which are the first hosts.
pub(crate) const APIS: usize = 2;
/// Validating nodes, which are the next ones.
pub(crate) const NODES: usize = 5;
/// The store's number among the hosts.
pub(crate) const STORE: usize = APIS + NODES;

/// Lines of the trace that are kept for whoever wants to know what went before.
const KEPT: usize = 400;

#[derive(Debug, Default)]
struct Trace {
    /// A sum over all that happened, which does not depend on the order within one instant: there is none.
    sum: u64,
    lines: VecDeque<String>,
}

/// Everything. Shared by `Arc`.
pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) broken: Option<Broken>,
    pub(crate) dialects: Arc<Dialects>,
    pub(crate) log: Uuid,
    pub(crate) hosts: Vec<Arc<Host>>,
    pub(crate) network: Network,
    pub(crate) store: Store,
    pub(crate) oracle: Oracle,
    apis: [Mutex<Option<Arc<Serving>>>; APIS],
    nodes: [Mutex<Option<Arc<Running>>>; NODES],
    origin: Instant,
    aloud: bool,
    trace: Mutex<Trace>,
}

impl World {
    /// A world in which nothing runs yet. `aloud`: it says what happens.
    pub(crate) fn new(seed: u64, broken: Option<Broken>, aloud: bool) -> Arc<Self> {
        let chance = Chance::new(seed);
        let host = |number: usize| {
            let node = number >= APIS;
            let name = if node { format!("node {}", number - APIS) } else { format!("api {number}") };
            let drift = (node && broken == Some(Broken::ClockDriftsTooFar)).then_some(-400_000);
            let stops = node && broken == Some(Broken::ClockStopsInPauses);
            Arc::new(Host::new(name, chance.of(("host", number)), drift, stops))
        };
        Arc::new(Self {
            chance,
            broken,
            dialects: Arc::new(nexus_infrastructure::dialects::load(None).unwrap()),
            log: chance.of("log").uuid(),
            hosts: (0..APIS + NODES).map(host).collect(),
            network: Network::default(),
            store: Store::new(chance.of("store")),
            oracle: Oracle::default(),
            apis: [const { Mutex::new(None) }; APIS],
            nodes: [const { Mutex::new(None) }; NODES],
            origin: Instant::now(),
            aloud,
            trace: Mutex::default(),
        })
    }

    pub(crate) fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// Milliseconds since the beginning: nothing happens in between.
    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap()
    }

    /// The API node on a host, while it serves.
    pub(crate) fn api(&self, host: usize) -> MutexGuard<'_, Option<Arc<Serving>>> {
        self.apis[host].lock().unwrap()
    }

    /// The validating node on a host, while it runs.
    pub(crate) fn node(&self, host: usize) -> MutexGuard<'_, Option<Arc<Running>>> {
        self.nodes[host - APIS].lock().unwrap()
    }

    fn count(&self, who: usize, what: &str) {
        let bits = Chance::new(self.millis()).of((who, what)).bits();
        let mut trace = self.trace.lock().unwrap();
        trace.sum = trace.sum.wrapping_add(bits);
    }

    /// Notes that something happened that happens all the time.
    pub(crate) fn mention(&self, who: usize, what: impl Fn() -> String) {
        let what = what();
        self.count(who, &what);
        if self.aloud {
            eprintln!("{:>7} ms  {}: {what}", self.millis(), self.hosts[who].name);
        }
    }

    /// Notes that something happened.
    pub(crate) fn note(&self, who: usize, what: &str) {
        self.count(who, what);
        let name = self.hosts.get(who).map_or("store", |host| &host.name);
        let line = format!("{:>7} ms  {name}: {what}", self.millis());
        if self.aloud {
            eprintln!("{line}");
        }
        let mut trace = self.trace.lock().unwrap();
        if trace.lines.len() == KEPT {
            trace.lines.pop_front();
        }
        trace.lines.push_back(line);
    }

    /// The sum of all that happened.
    pub(crate) fn sum(&self) -> u64 {
        self.trace.lock().unwrap().sum
    }

    /// What happened last.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.trace.lock().unwrap().lines.iter().cloned().collect()
    }
}
