//! How much of a limit can be used while nodes and ledger reach each other within 20 ms each way, and
//! twice as much is tried as the limit allows. The output of these tests is the measurement.

use super::simulation::*;
use super::*;

const WINDOWS: u64 = 13;

/// Limits, and how much of them must be usable at the least, in ten-thousandths. What moves between
/// nodes is idle for about a tenth of a second, which is a lot beside a window of a second; and of a few
/// requests, each waits for the next one to come to the node that holds it.
fn sets() -> [(&'static str, Vec<RateLimit>, u64); 4] {
    [
        ("600 in 60 s and 150 in 10 s", nexuscore(), 9_500),
        ("150 in 10 s", vec![limit(150, 10)], 9_250),
        ("60 in 60 s", vec![limit(60, 60)], 8_750),
        ("100 in 1 s", vec![limit(100, 1)], 7_500),
    ]
}

type Demand = dyn Fn(usize, u64) -> f64;

/// Runs every set with several seeds and demand that is made from its longest window in microseconds and
/// twice the rate that it allows; prints how much was used, the first window apart.
fn measure(name: &str, demand: impl Fn(u64, f64) -> Box<Demand>) {
    for (set, limits, least) in sets() {
        let longest = limits.iter().map(|limit| limit.window().as_secs()).max().unwrap();
        let rates = limits.iter().map(|limit| f64::from(limit.limit()) / limit.window().as_secs_f64());
        let demand = demand(longest * SECOND, 2.0 * rates.fold(f64::MAX, f64::min));
        let mut all = Vec::new();
        let (mut asks, mut by_node) = (0, [0; 4]);
        for seed in 1..=3 {
            let healthy = World::healthy(limits.clone(), &*demand);
            let world = World { seed, seconds: longest * WINDOWS, ..healthy };
            let outcome = run(&world);
            check(&world, &outcome).unwrap();
            all.push(used(&world, &outcome, longest, world.seconds));
            asks += outcome.asks;
            by_node.iter_mut().zip(outcome.by_node).for_each(|(sum, count)| *sum += count);
        }
        let percent: Vec<_> = all.iter().map(|used| format!("{:.1} %", *used as f64 / 100.0)).collect();
        let asks = asks as f64 / (3 * 4 * longest * WINDOWS) as f64;
        println!(
            "{name}, {set}: used {}; {asks:.1} asks a second and node; by node {by_node:?}",
            percent.join(", ")
        );
        assert!(all.iter().all(|used| *used >= least), "{name}, {set}: {all:?}");
        assert!(by_node.iter().all(|count| *count > 0), "nobody is left out");
    }
}

const UNEVEN: [f64; 4] = [0.70, 0.20, 0.07, 0.03];

#[test]
fn uneven_demand() {
    measure("70, 20, 7 and 3 %", |_, rate| Box::new(move |node, _| UNEVEN[node] * rate));
}

#[test]
fn demand_that_shifts_now_and_then() {
    measure("shifting every 2.3 windows", |window, rate| {
        Box::new(move |node, now| UNEVEN[(node + (now * 10 / (window * 23)) as usize) % 4] * rate)
    });
}

#[test]
fn demand_that_shifts_within_a_window() {
    measure("shifting every 0.7 windows", |window, rate| {
        Box::new(move |node, now| UNEVEN[(node + (now * 10 / (window * 7)) as usize) % 4] * rate)
    });
}

#[test]
fn one_node_after_another() {
    measure("one node alone for 3 windows each", |window, rate| {
        Box::new(move |node, now| if (now / (3 * window)) % 4 == node as u64 { rate } else { 0.0 })
    });
}

#[test]
fn a_burst_after_silence_has_the_whole_limit_in_a_moment() {
    for limits in [nexuscore(), vec![limit(20_000, 60)]] {
        let burst = u64::from(limits.last().unwrap().limit());
        let demand = |node: usize, _: u64| if node == 2 { 50.0 * burst as f64 } else { 0.0 };
        let world = World { seed: 7, seconds: 3, ..World::healthy(limits, &demand) };
        let outcome = run(&world);
        check(&world, &outcome).unwrap();
        let times = [0, burst / 2 - 1, burst - 1].map(|at| outcome.admitted[at as usize] / 1_000);
        println!("a burst of {burst}: the first, the middle and the last admitted after {times:?} ms");
        assert!(times[0] <= 50 && times[2] <= 1_500, "{times:?}");
    }
}

/// Nothing is refused that the limit allows, though the burst is long over and the rest comes slowly.
#[test]
fn what_a_burst_left_over_can_be_used_later() {
    for seed in 1..=5 {
        let demand = |node: usize, now: u64| match now / SECOND {
            0 if node == 0 => 65.0,
            20..=55 if node < 2 => 0.15,
            _ => 0.0,
        };
        let world = World { seed, seconds: 58, ..World::healthy(vec![limit(100, 60)], &demand) };
        let outcome = run(&world);
        check(&world, &outcome).unwrap();
        let refused = outcome.tried - outcome.admitted.len() as u64;
        println!("of {} requests where 100 may come, {refused} refused", outcome.tried);
        // Each node's first ones, before it has a share.
        assert!(refused <= 6, "{refused} of {}", outcome.tried);
    }
}
