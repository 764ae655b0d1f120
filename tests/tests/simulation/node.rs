//! Validating nodes: the real control client and follower, and the bus beside them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_domain::validity::Entry;
use nexus_validator::Validator;
use nexus_validator::control::client::ControlClient;
use nexus_validator::control::follower::{Follower, Identity};
use nexus_validator::control::message::Delta;
use nexus_validator::control::observer::Observer;
use nexus_validator::lease::Lease;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use uuid::Uuid;

use crate::broken::Broken;
use crate::hosts::HostClock;
use crate::load::{self, Table};
use crate::network::Dialler;
use crate::world::{APIS, NODES, World};

/// A node's process.
pub(crate) struct Running {
    run: u64,
    pub(crate) validator: Arc<Validator>,
    pub(crate) lease: Arc<Lease>,
    /// Whether the table is whole: not while a snapshot comes.
    pub(crate) whole: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    bus: mpsc::UnboundedSender<Delta>,
    stop: watch::Sender<bool>,
}

/// What outlives a process on its host's disk.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    /// A table that is complete up to here.
    table: Option<u64>,
    lease: Option<Arc<Lease>>,
}

/// Sees whether the table is whole.
#[derive(Debug)]
struct Watching {
    whole: Arc<AtomicBool>,
    forgotten: Arc<AtomicU64>,
}

impl Observer for Watching {
    fn loading(&mut self, _: Uuid) {
        self.whole.store(false, Ordering::Relaxed);
        self.forgotten.fetch_add(1, Ordering::Relaxed);
    }

    fn message(&mut self, _: &str, _: u64) {}

    fn loaded(&mut self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    fn reached(&mut self, _: u64) {}
}

/// Starts a process with what was left of another one.
pub(crate) fn start(world: &Arc<World>, host: usize, kept: Kept) {
    let here = &world.hosts[host];
    let run = here.start();
    world.note(host, if kept.table.is_some() { "starts with its table" } else { "starts" });
    let whole = Arc::new(AtomicBool::new(kept.table.is_some()));
    let have = kept.table.is_some().then_some(world.log);
    let validator = Arc::new(Validator::new(Arc::clone(&world.dialects)));
    if let Some(position) = kept.table {
        let entries = world.store.stored().history.everything(position);
        validator.apply(entries.into_iter().map(|held| held.entry), position);
    }
    let lease = kept.lease.unwrap_or_default();
    let identity = Identity {
        node: world.chance.of(("node", host)).uuid(),
        incarnation: world.chance.of(("incarnation", host, run)).uuid(),
        program: "simulated".to_owned(),
    };
    let forgotten = Arc::new(AtomicU64::new(0));
    let watching = Box::new(Watching { whole: Arc::clone(&whole), forgotten: Arc::clone(&forgotten) });
    let follower = Follower::new(identity, Arc::clone(&validator), Arc::clone(&lease), have, watching);
    let follower = Arc::new(Mutex::new(follower));
    let stop = watch::Sender::new(false);
    let dialler = Dialler { world: Arc::clone(world), host, run };
    let clock = Arc::new(HostClock(Arc::clone(here)));
    let client = ControlClient::new(dialler, Arc::clone(&follower), clock, stop.subscribe());
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (bus, mut heard) = mpsc::unbounded_channel();
    *world.node(host) = Some(Arc::new(Running {
        run,
        validator: Arc::clone(&validator),
        lease: Arc::clone(&lease),
        whole,
        acknowledged: Arc::clone(&acknowledged),
        bus,
        stop,
    }));
    here.spawn(client.run());
    let place = Arc::clone(here);
    let log = world.log;
    here.spawn(async move {
        while let Some(delta) = heard.recv().await {
            place.turns.turn((3, 0, 0)).await;
            follower.lock().unwrap().overhear(log, delta);
        }
    });
    load::clients(world, host, run, &Table { validator, lease, acknowledged, forgotten });
}

impl Running {
    /// Whether it was told to stop.
    pub(crate) fn stops(&self) -> bool {
        *self.stop.borrow()
    }
}

/// A node says that it shows everything up to a position. Whatever is asked from now on must be answered so.
pub(crate) fn acknowledges(world: &World, host: usize, run: u64, position: u64) {
    let Some(running) = world.node(host).clone().filter(|running| running.run == run) else { return };
    running.acknowledged.fetch_max(position, Ordering::Relaxed);
    if running.whole.load(Ordering::Relaxed) {
        world.oracle.inspect(world, host, &running.validator, position, "S3");
    }
}

/// The process ends. What is kept is the table, unless it is not whole, as it was a moment ago: the disk is behind.
pub(crate) fn crash(world: &World, host: usize, power: bool) -> Kept {
    world.note(host, if power { "loses its power" } else { "crashes" });
    world.hosts[host].crash(power);
    let Some(running) = world.node(host).take() else { return Kept::default() };
    let behind = world.chance.of(("disk", host, running.run)).between(0, 6);
    let whole = running.whole.load(Ordering::Relaxed);
    let table = whole.then(|| running.validator.applied().saturating_sub(behind));
    let lease = world.is(Broken::LeaseSurvivesRestart).then(|| Arc::clone(&running.lease));
    Kept { table, lease }
}

/// The process is told to stop, says goodbye, and ends.
pub(crate) async fn stop(world: &World, host: usize) -> Kept {
    let Some(running) = world.node(host).clone() else { return Kept::default() };
    world.note(host, "stops");
    running.stop.send_replace(true);
    sleep(Duration::from_millis(300)).await;
    crash(world, host, false)
}

/// The bus: every change to every node, as its own message, late, several times, or never.
pub(crate) async fn bus(world: Arc<World>) {
    let mut head = world.store.head();
    let mut sent = 0;
    loop {
        let _moved = head.wait_for(|head| *head > sent).await.is_ok();
        let (from, to, entries) = {
            let stored = world.store.stored();
            let history = &stored.history;
            let from = history.changed_by(sent);
            sent += 1;
            (from, history.changed_by(sent), history.touched(sent - 1, sent))
        };
        if to == from {
            continue;
        }
        let entries: Vec<Entry> = entries.into_iter().map(|held| held.entry).collect();
        for host in APIS..APIS + NODES {
            let chance = world.chance.of(("bus", host, sent));
            for copy in 0..chance.between(0, 2) {
                let (world, entries) = (Arc::clone(&world), entries.clone());
                tokio::task::spawn_local(async move {
                    sleep(chance.of(copy).skewed(3_000)).await;
                    if let Some(running) = world.node(host).clone() {
                        let _gone = running.bus.send(Delta { from, to, entries });
                    }
                });
            }
        }
    }
}
