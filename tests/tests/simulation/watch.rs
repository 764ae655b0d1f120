//! What must hold at any time, and what must hold at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::oracle::{permit, verdict};
use crate::turns::sleep_after_all;
use crate::world::{APIS, NODES, STORE, World};

/// A node that could have had the right to answer for this long has it.
const HAS_IT_WITHIN: Duration = Duration::from_secs(5);
/// The same of one that was being sent everything: whoever sends it may be silent for this long.
const LOADED_WITHIN: Duration = Duration::from_secs(36);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Looks at the lease for each look at the table.
const LOOKS: u64 = 5;

/// Since when things are well.
#[derive(Debug, Clone, Copy, Default)]
struct Well {
    run: u64,
    api_run: u64,
    since: Option<Instant>,
    /// Whether it was being sent everything meanwhile.
    loading: bool,
}

/// Looks for ever.
pub(crate) async fn watch(world: Arc<World>) {
    let mut well = [[Well::default(); APIS]; NODES];
    for look in 0.. {
        sleep_after_all(LOOK_EVERY).await;
        for host in APIS..APIS + NODES {
            for (api, well) in well[host - APIS].iter_mut().enumerate() {
                availability(&world, host, api, well);
            }
            let running = world.node(host).clone();
            if let Some(running) = running
                && look % LOOKS == 0
                && running.whole.load(Ordering::Relaxed)
            {
                let applied = running.validator.applied();
                world.oracle.inspect(&world, host, &running.validator, applied, "S2");
            }
        }
        for api in (0..APIS).filter(|_| look % LOOKS == 0) {
            let serving = world.api(api).clone();
            if let Some(serving) = serving {
                let applied = serving.validator.applied();
                world.oracle.inspect(&world, api, &serving.validator, applied, "S2");
            }
        }
    }
}

/// Whether nothing keeps a node from having the right to answer from an API node.
fn nothing_is_wrong(world: &World, host: usize, api: usize) -> bool {
    let paths = [(host, api), (api, host), (api, STORE), (STORE, api)];
    world.hosts[host].runs()
        && world.hosts[api].runs()
        && world.api(api).is_some()
        && world.node(host).as_ref().is_some_and(|running| !running.stops())
        && world.store.is_well()
        && !world.store.is_stuck(api)
        && paths.iter().all(|path| world.network.is_well(*path))
}

fn availability(world: &World, host: usize, api: usize, well: &mut Well) {
    let runs = (world.hosts[host].run(), world.hosts[api].run());
    if !nothing_is_wrong(world, host, api) || runs != (well.run, well.api_run) {
        *well = Well { run: runs.0, api_run: runs.1, since: None, loading: false };
    }
    let since = *well.since.get_or_insert_with(Instant::now);
    let Some(running) = world.node(host).clone() else { return };
    well.loading |= !running.whole.load(Ordering::Relaxed);
    let within = if well.loading { LOADED_WITHIN } else { HAS_IT_WITHIN };
    if since.elapsed() > within && running.lease.holds(world.hosts[host].reading()).is_none() {
        well.since = None;
        let what = format!("it could have had the right to answer from {api} for {within:?}, and has none");
        world.oracle.accuse(world, host, &what);
    }
}

/// Returns when every node may have what it needs: one whose API node fell silent while it sent everything waits for long.
pub(crate) async fn loaded(world: &World) {
    let whole = |host| world.node(host).as_ref().is_none_or(|running| running.whole.load(Ordering::Relaxed));
    let until = Instant::now() + LOADED_WITHIN;
    while Instant::now() < until && !(APIS..APIS + NODES).all(whole) {
        sleep_after_all(LOOK_EVERY).await;
    }
}

/// A while after the last fault all are one again.
pub(crate) fn end(world: &World) {
    let stored = world.store.stored();
    let (head, history) = (stored.history.head(), stored.history.clone());
    let registered = stored.registry.clone();
    drop(stored);
    let tables = (0..APIS).filter_map(|api| {
        let serving = world.api(api).clone()?;
        Some((api, Arc::clone(&serving.validator), Arc::clone(&serving.lease)))
    });
    let nodes = (APIS..APIS + NODES).filter_map(|host| {
        let running = world.node(host).clone()?;
        Some((host, Arc::clone(&running.validator), Arc::clone(&running.lease)))
    });
    let all: Vec<_> = tables.chain(nodes).collect();
    if all.len() != APIS + NODES {
        world.oracle.accuse(world, STORE, &format!("only {} processes run in the end", all.len()));
    }
    for (host, validator, lease) in all {
        if lease.holds(world.hosts[host].reading()).is_none() {
            world.oracle.accuse(world, host, "it has no right to answer in the end");
        }
        let applied = validator.applied();
        if applied < history.changed_by(head) {
            world.oracle.accuse(world, host, &format!("it shows {applied} of {head} in the end"));
        }
        for key in 0..history.keys() {
            let found = verdict(&validator, permit(), &history.digest(key), true);
            if !history.verdicts(key, true, head, head).contains(&found) {
                world.oracle.accuse(world, host, &format!("key {key} is {found} in the end"));
                break;
            }
        }
    }
    if registered.len() != APIS || registered.values().any(|row| row.suspended) {
        world.oracle.accuse(world, STORE, &format!("in the end these are registered: {registered:?}"));
    }
}
