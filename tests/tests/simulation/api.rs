//! API nodes: the real control plane, feed and streams, started and stopped as the program does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_api::nodes::barrier::{ADDS_WITHIN, Effect, Moved};
use nexus_api::nodes::connection::{Admission, Connection, Desk, Parcel};
use nexus_api::nodes::deltas::{Deltas, Served};
use nexus_api::nodes::feed;
use nexus_api::nodes::holders::HolderId;
use nexus_api::nodes::plane::Plane;
use nexus_api::nodes::ports::{Log, StoreError};
use nexus_api::nodes::settle::visible;
use nexus_domain::validity::DialectEntry;
use nexus_validator::Validator;
use nexus_validator::control::message::{BudgetAsk, BusKeys, TenantShares};
use nexus_validator::control::wanted::Wanted;
use nexus_validator::lease::Lease;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::history::Change;
use crate::hosts::HostClock;
use crate::load::{self, Table};
use crate::network::ApiEnd;
use crate::ports::{SimulatedLog, SimulatedRegistry};
use crate::store::{call, call_for};
use crate::world::World;

/// As the program's.
const VISIBLE_WITHIN: Duration = Duration::from_secs(3);

/// An API node's process.
pub(crate) struct Serving {
    world: Arc<World>,
    host: usize,
    pub(crate) plane: Arc<Plane>,
    log: Arc<dyn Log>,
    pub(crate) validator: Arc<Validator>,
    pub(crate) lease: Arc<Lease>,
    stop: watch::Sender<bool>,
}

/// What an API node does for nodes besides the feed.
struct Counter {
    lease: Arc<Lease>,
    clock: HostClock,
}

impl Desk for Counter {
    fn admits(&self, _: &[String]) -> Admission {
        match self.lease.holds(self.clock.0.reading()) {
            Some(_) => Admission::Admitted,
            None => Admission::CannotTell,
        }
    }

    fn bus_keys(&self, _: &Served) -> Option<BusKeys> {
        None
    }

    async fn credential(&self, _: Wanted) -> Result<Vec<DialectEntry>, StoreError> {
        Ok(Vec::new())
    }

    async fn take_usage(&self, _: Parcel) -> Result<(), String> {
        Ok(())
    }

    fn divide(&self, _: HolderId, _: Vec<BudgetAsk>) -> BoxFuture<'static, Vec<TenantShares>> {
        std::future::ready(Vec::new()).boxed()
    }
}

/// Starts a process. It serves some time later.
pub(crate) fn start(world: &Arc<World>, host: usize) {
    let run = world.hosts[host].start();
    world.note(host, "starts");
    let world = Arc::clone(world);
    world.hosts[host].clone().spawn(async move {
        let serving = loop {
            match begin(&world, host, run).await {
                Ok(serving) => break serving,
                // A supervisor would start it again.
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        };
        world.note(host, "serves");
        let table = Table {
            validator: Arc::clone(&serving.validator),
            lease: Arc::clone(&serving.lease),
            acknowledged: Arc::default(),
            forgotten: Arc::default(),
        };
        load::clients(&world, host, run, &table);
        *world.api(host) = Some(Arc::new(serving));
    });
}

async fn begin(world: &Arc<World>, host: usize, run: u64) -> Result<Serving, StoreError> {
    let here = &world.hosts[host];
    let log: Arc<dyn Log> = Arc::new(SimulatedLog { world: Arc::clone(world), host });
    let validator = Arc::new(Validator::new(Arc::clone(&world.dialects)));
    let lease = Arc::new(Lease::new());
    let mut snapshot = log.snapshot().await?;
    while let Some(entries) = snapshot.next().await? {
        validator.apply(entries.into_iter().map(|held| held.entry), 0);
    }
    validator.apply([], snapshot.position());
    let (chance, drawn) = (world.chance.of(("epochs", host, run, world.millis())), AtomicU64::new(0));
    let plane = Arc::new(Plane::new(
        Arc::new(HostClock(Arc::clone(here))),
        move || chance.of(drawn.fetch_add(1, Ordering::Relaxed)).uuid(),
        Arc::new(SimulatedRegistry::new(Arc::clone(world), host)),
        Arc::new(Deltas::from(validator.applied())),
        Arc::clone(&lease),
    ));
    plane.register().await?;
    let stop = watch::Sender::new(false);
    let deltas = Arc::clone(plane.deltas());
    here.spawn(feed::follow(Arc::clone(&log), Arc::clone(&validator), deltas, stop.subscribe()));
    here.spawn(Arc::clone(&plane).run(stop.subscribe()));
    while lease.holds(here.reading()).is_none() {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(Serving { world: Arc::clone(world), host, plane, log, validator, lease, stop })
}

/// Takes a stream. Answers whether anybody listens.
pub(crate) fn accept(world: &World, host: usize, peer: ApiEnd) -> bool {
    let Some(serving) = world.api(host).clone() else { return false };
    let desk =
        Counter { lease: Arc::clone(&serving.lease), clock: HostClock(Arc::clone(&world.hosts[host])) };
    let connection = Connection {
        newest: serving.plane.deltas().newest(),
        plane: Arc::clone(&serving.plane),
        log: Arc::clone(&serving.log),
        peer,
        desk,
    };
    world.hosts[host].spawn(connection.serve());
    true
}

/// The process ends, and knows nothing about it.
pub(crate) fn crash(world: &World, host: usize, power: bool) {
    world.note(host, if power { "loses its power" } else { "crashes" });
    *world.api(host) = None;
    world.hosts[host].crash(power);
}

/// The process is told to stop, and does so.
pub(crate) async fn stop(world: &World, host: usize) {
    let Some(serving) = world.api(host).take() else { return };
    world.note(host, "stops");
    let (done, stopped) = oneshot::channel();
    let name = Arc::clone(&world.hosts[host]);
    name.spawn(async move {
        serving.plane.close();
        // Requests are finished first.
        sleep(Duration::from_secs(1)).await;
        serving.stop.send_replace(true);
        let _left = serving.plane.depart().await;
        let _nobody = done.send(());
    });
    let _crashed = tokio::time::timeout(Duration::from_secs(5), stopped).await;
    crash(world, host, false);
}

impl Serving {
    /// An administrator's request: changes something, and answers when it holds everywhere. Nothing where it has to be repeated.
    pub(crate) async fn change(&self, change: Change) -> Option<()> {
        let (world, host) = (&self.world, self.host);
        let detail = world.chance.of(change).bits();
        let committed =
            call_for(world, host, "commit", detail, move |stored| stored.commit(change)).await.ok()?;
        if change == Change::Other {
            // Nodes confirm nothing that does not concern them.
            return Some(());
        }
        let effect = if change.reduces() { Effect::Reduces } else { Effect::Adds };
        let (position, moved) = match committed {
            Some(position) => (position, Moved::At(position)),
            None => {
                let head = call(world, host, "head", |stored| stored.history.head()).await.ok()?;
                (head, Moved::UpTo(head))
            }
        };
        world.note(host, &format!("{change:?} stands at {moved:?}"));
        let running = || world.hosts[host].running_time();
        let began = running();
        let confirmation = self.plane.barrier(moved, effect).await;
        let took = running() - began;
        world.note(host, &format!("{moved:?} is answered after {took:?}: {confirmation:?}"));
        world.oracle.timed(world, host, took);
        let all = confirmation.lapsed == 0;
        // One that only adds may give up waiting, and then it does not know of everybody.
        if change.reduces() || (all && took < ADDS_WITHIN) {
            world.oracle.settled(position);
        }
        world.oracle.tally(|figures| match effect {
            Effect::Reduces => {
                figures.reduced += 1;
                figures.waited += u64::from(!all);
            }
            Effect::Adds => figures.added += 1,
        });
        visible(&self.validator, position, VISIBLE_WITHIN).await.ok()
    }
}
