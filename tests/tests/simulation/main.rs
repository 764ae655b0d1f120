//! The protocol between API nodes, validating nodes and their store, as it is in the programs, in a simulated world: two API
//! nodes, five validating nodes, one store, and everything that goes wrong between them. Time is virtual, one thread does
//! everything, and all chance comes out of a seed.
//!
//! `NEXUS_SIMULATIONS=1000 cargo test -p nexus-tests --test simulation` runs more seeds, and
//! `NEXUS_SIMULATION_SEED=… cargo test -p nexus-tests --test simulation every_seed -- --nocapture` one of them, aloud.
//!
//! Real are the control plane, the streams, the feed, the barrier, the warden, the control client, the follower, the table and the
//! lease. Simulated are log, registry, network, bus, clocks and hosts. Timers run by the one virtual time, with ticks of a
//! millisecond; what clocks show, drifts. What a process does between two waits takes no time: that threads of one process
//! overtake each other is for the tests of table and lease.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a simulation that cannot go on stops; it says what it did, and how long that took in real time"
)]

mod api;
mod broken;
mod chance;
mod faults;
mod history;
mod hosts;
mod load;
mod network;
mod node;
mod oracle;
mod ports;
mod store;
mod turns;
mod watch;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::broken::Broken;
use self::oracle::Figures;
use self::world::{APIS, NODES, World};

/// Seeds where nothing else is asked for.
const USUALLY: u64 = 24;
/// Seeds in which a broken variant must be found.
const FOUND_WITHIN: u64 = 60;
/// How long things go wrong.
const FAULTS: Duration = Duration::from_secs(50);
/// How long it may take until all are one again: a registration that nobody keeps is found dead, and then waited out.
const SETTLES: Duration = Duration::from_secs(15);

/// What came of a run.
#[derive(Debug)]
struct Outcome {
    seed: u64,
    trace: u64,
    figures: Figures,
    broken: Vec<String>,
    lines: Vec<String>,
}

fn simulate(seed: u64, broken: Option<Broken>, aloud: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let simulated = async {
        let world = World::new(seed, broken, aloud);
        load::found(&world);
        (0..APIS).for_each(|host| api::start(&world, host));
        (APIS..APIS + NODES).for_each(|host| node::start(&world, host, node::Kept::default()));
        tokio::task::spawn_local(node::bus(Arc::clone(&world)));
        tokio::task::spawn_local(watch::watch(Arc::clone(&world)));
        let administrators: Vec<_> = (0..2)
            .map(|number| tokio::task::spawn_local(load::administrate(Arc::clone(&world), number)))
            .collect();
        let run = async {
            faults::happen(&world, FAULTS).await;
            world.note(world::STORE, "is where nothing goes wrong any more");
            tokio::time::sleep(SETTLES).await;
            watch::loaded(&world).await;
            administrators.iter().for_each(tokio::task::JoinHandle::abort);
            tokio::time::sleep(Duration::from_secs(2)).await;
            watch::end(&world);
        };
        let content = async {
            while world.oracle.is_content() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            biased;
            () = content => {}
            () = run => {}
        }
        world
    };
    let world = runtime.unwrap().block_on(tokio::task::LocalSet::new().run_until(simulated));
    Outcome {
        seed,
        trace: world.sum(),
        figures: world.oracle.figures(),
        broken: world.oracle.broken(),
        lines: world.lines(),
    }
}

/// Runs seeds on all processors, each in a thread of its own, until `enough`.
fn simulate_all(
    seeds: std::ops::Range<u64>,
    broken: Option<Broken>,
    enough: impl Fn(&Outcome) -> bool + Sync,
) {
    let next = AtomicU64::new(seeds.start);
    let last = AtomicU64::new(seeds.end);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last.load(Ordering::Relaxed) {
                        return;
                    }
                    if enough(&simulate(seed, broken, false)) {
                        last.store(0, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn tell(outcome: &Outcome) {
    let Figures { requests, answered, accepted, reduced, waited, added, faults, forgotten } = outcome.figures;
    eprintln!(
        "seed {} has trace {:016x}: {requests} requests, {answered} answered, {accepted} accepted, {forgotten} beside a table \
         that was forgotten; {reduced} changes that took something away, {waited} of them after rights had ended; {added} that \
         added; {faults} faults",
        outcome.seed, outcome.trace
    );
}

#[test]
fn every_seed_keeps_the_promises() {
    let one = number("NEXUS_SIMULATION_SEED");
    let count = number("NEXUS_SIMULATIONS").unwrap_or(USUALLY);
    let began = Instant::now();
    let failed = Mutex::new(Vec::new());
    let check = |outcome: &Outcome| {
        tell(outcome);
        if !outcome.broken.is_empty() {
            let mut failed = failed.lock().unwrap();
            if failed.is_empty() && one.is_none() {
                eprintln!("{}", outcome.lines.join("\n"));
            }
            for broken in &outcome.broken {
                eprintln!("seed {}: {broken}", outcome.seed);
            }
            failed.push(outcome.seed);
        }
        false
    };
    match one {
        Some(seed) => {
            check(&simulate(seed, None, true));
        }
        None => simulate_all(1..count + 1, None, check),
    }
    eprintln!("after {:.1} s", began.elapsed().as_secs_f64());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "promises are broken; replay with NEXUS_SIMULATION_SEED={failed:?}");
}

#[test]
fn a_seed_gives_the_same_run_twice() {
    for seed in 1_000_001..1_000_004 {
        let (one, other) = (simulate(seed, None, false), simulate(seed, None, false));
        assert_eq!(one.trace, other.trace, "seed {seed}");
        assert!(one.figures.accepted > 100 && one.figures.reduced > 5, "{:?}", one.figures);
    }
}

#[test]
fn every_broken_variant_is_found() {
    for broken in Broken::ALL {
        let found = Mutex::new(None);
        simulate_all(1..FOUND_WITHIN + 1, Some(broken), |outcome| {
            // What is seen to be late proves nothing about what must never happen.
            let Some(first) = outcome.broken.iter().find(|broken| broken.contains(": S")) else {
                return false;
            };
            *found.lock().unwrap() = Some(format!("seed {}: {first}", outcome.seed));
            true
        });
        let found = found.into_inner().unwrap();
        eprintln!("{broken:?}: {found:?}");
        assert!(found.is_some(), "{broken:?} is not found within {FOUND_WITHIN} seeds");
    }
}
