//! What goes wrong, and when: several things at a time, each for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api;
use crate::chance::{Chance, Dice};
use crate::network::Path;
use crate::node::{self, Kept};
use crate::turns::sleep_after_all;
use crate::world::{APIS, NODES, STORE, World};

/// How long a fault lasts at most, in milliseconds.
const LONGEST: u64 = 8_000;

/// Lets things go wrong for this long, and returns when all of them have been put right.
pub(crate) async fn happen(world: &Arc<World>, length: Duration) {
    let end = Instant::now() + length;
    let mut dice = Dice::new(world.chance.of("faults"));
    let mut under_way = JoinSet::new();
    while Instant::now() < end {
        sleep_after_all(dice.throw().skewed(2_000)).await;
        let (chance, world) = (dice.throw(), Arc::clone(world));
        world.oracle.tally(|figures| figures.faults += 1);
        under_way.spawn_local(async move { happens(&world, chance).await });
    }
    while under_way.join_next().await.is_some() {}
}

fn some_node(chance: Chance) -> usize {
    APIS + chance.of("node").index(NODES)
}

fn some_api(chance: Chance) -> usize {
    chance.of("api").index(APIS)
}

/// One way, the other, or both.
fn ways(chance: Chance, one: usize, other: usize) -> Vec<Path> {
    match chance.of("ways").between(0, 3) {
        0 => vec![(one, other)],
        1 => vec![(other, one)],
        _ => vec![(one, other), (other, one)],
    }
}

async fn happens(world: &Arc<World>, chance: Chance) {
    let length = chance.of("length").skewed(LONGEST).max(Duration::from_millis(50));
    let (node, api) = (some_node(chance), some_api(chance));
    match chance.of("kind").between(0, 18) {
        0..=3 => partition(world, ways(chance, node, api), length).await,
        4 => partition(world, (0..APIS).flat_map(|api| ways(chance, node, api)).collect(), length).await,
        5..=6 => partition(world, ways(chance, api, STORE), length).await,
        7 => {
            let others = APIS..=STORE;
            partition(world, others.flat_map(|other| ways(chance, api, other)).collect(), length).await;
        }
        8 => stand_still(world, api, length).await,
        9..=10 => stand_still(world, node, length).await,
        11 => {
            let kept = node::crash(world, node, chance.of("power").per_mille(500));
            restart_node(world, node, kept, chance, length).await;
        }
        12 => {
            let kept = node::stop(world, node).await;
            restart_node(world, node, kept, chance, length).await;
        }
        13 => {
            api::crash(world, api, chance.of("power").per_mille(500));
            restart_api(world, api, length).await;
        }
        14 => {
            api::stop(world, api).await;
            restart_api(world, api, length).await;
        }
        15 => {
            world.note(STORE, "crashes");
            world.store.crash();
            sleep_after_all(length / 2).await;
            world.note(STORE, "is back");
            world.store.restart();
        }
        16 if !world.store.is_stuck(api) => {
            world.note(api, "reads no more of the log");
            world.store.stick(api);
            sleep_after_all(length).await;
            world.note(api, "reads on");
            world.store.stick(api);
        }
        17 => slow(world, chance, node, api, length).await,
        _ => {
            world.note(node, "loses its streams");
            world.network.break_streams(world, (node, api));
        }
    }
}

async fn partition(world: &World, paths: Vec<Path>, length: Duration) {
    for path in &paths {
        world.note(path.0, &format!("does not reach {}", path.1));
        world.network.block(*path);
    }
    sleep_after_all(length).await;
    for path in &paths {
        world.note(path.0, &format!("may reach {}", path.1));
        world.network.unblock(world, *path);
    }
}

async fn stand_still(world: &World, host: usize, length: Duration) {
    world.note(host, "stands still");
    world.hosts[host].pause();
    sleep_after_all(length).await;
    world.note(host, "goes on");
    world.hosts[host].resume();
}

async fn restart_node(world: &Arc<World>, host: usize, kept: Kept, chance: Chance, length: Duration) {
    sleep_after_all(length).await;
    if !world.hosts[host].is_up() {
        node::start(world, host, if chance.of("kept").per_mille(500) { kept } else { Kept::default() });
    }
}

async fn restart_api(world: &Arc<World>, host: usize, length: Duration) {
    sleep_after_all(length).await;
    if !world.hosts[host].is_up() {
        api::start(world, host);
    }
}

/// The store, or the network between two hosts.
async fn slow(world: &World, chance: Chance, node: usize, api: usize, length: Duration) {
    let most = chance.of("slow").between(20, 800);
    if chance.per_mille(400) {
        world.note(STORE, "is slow");
        world.store.slow(most);
        sleep_after_all(length).await;
        world.note(STORE, "is as fast as ever");
        world.store.slow(0);
        return;
    }
    world.note(node, &format!("is far from {api}"));
    let paths = ways(chance, node, api);
    for path in &paths {
        world.network.slow(*path, Some(most));
    }
    sleep_after_all(length).await;
    for path in &paths {
        world.network.slow(*path, None);
    }
}
