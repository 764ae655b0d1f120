//! How much of a limit can be used while nodes and ledger reach each other within 20 ms each way.

use super::simulation::*;
use super::*;

fn world<'d>(limits: &[RateLimit], demand: &'d dyn Fn(usize, u64) -> f64, seconds: u64) -> World<'d> {
    World {
        seed: 1,
        limits: limits.to_vec(),
        nodes: 4,
        demand,
        delay: 20_000,
        lost: 0,
        doubled: 0,
        drift: 1_000,
        steps_back: 0,
        life: 0,
        seconds,
    }
}

/// Requests a second that the limits allow in the long run.
fn rate(limits: &[RateLimit]) -> f64 {
    limits.iter().map(|limit| f64::from(limit.limit()) / limit.window().as_secs_f64()).fold(f64::MAX, f64::min)
}

/// Runs with several seeds, prints how much of the limits was used after a window, and returns the least of it.
fn least_used(name: &str, limits: &[RateLimit], demand: &dyn Fn(usize, u64) -> f64) -> u64 {
    let longest = limits.iter().map(|limit| limit.window().as_secs()).max().unwrap();
    let seconds = longest * 15;
    let mut shares = Vec::new();
    let mut asks = 0.0;
    let mut by_node = Vec::new();
    for seed in 1..=if std::env::var("TRACE").is_ok() { 1 } else { 4 } {
        let world = World { seed, ..world(limits, demand, seconds) };
        let outcome = run(&world);
        check(&world, &outcome).unwrap();
        shares.push(used(&world, &outcome, longest, seconds));
        asks = outcome.asks as f64 / seconds as f64 / 4.0;
        by_node = outcome.by_node;
    }
    shares.sort_unstable();
    let percent: Vec<String> = shares.iter().map(|share| format!("{:.2}", *share as f64 / 100.0)).collect();
    println!("{name}: used {} %, {asks:.1} asks a second and node, by node {by_node:?}", percent.join(" "));
    shares[0]
}

const UNEVEN: [f64; 4] = [0.70, 0.20, 0.07, 0.03];

fn sets() -> Vec<(&'static str, Vec<RateLimit>)> {
    vec![
        ("600/60s 150/10s", nexuscore()),
        ("150/10s", vec![limit(150, 10)]),
        ("100/1s", vec![limit(100, 1)]),
        ("60/60s", vec![limit(60, 60)]),
        ("1000000/60s", vec![limit(20_000, 60)]),
    ]
}

#[test]
fn uneven_demand() {
    for (name, limits) in sets() {
        let all = 2.0 * rate(&limits);
        let used = least_used(&format!("uneven, {name}"), &limits, &|node, _| UNEVEN[node] * all);
        if std::env::var("TRACE").is_err() && limits.len() > 9 { continue }
        assert!(used >= 8_500, "{name}: {used}");
    }
}

#[test]
fn demand_that_shifts() {
    for (name, limits) in sets() {
        let all = 2.0 * rate(&limits);
        let longest = limits.iter().map(|limit| limit.window()).max().unwrap().as_micros() as u64;
        for (how, period) in [("every 2.3 windows", longest * 23 / 10), ("every 0.7 windows", longest * 7 / 10)] {
            let demand = |node: usize, now: u64| UNEVEN[(node + (now / period) as usize) % 4] * all;
            let used = least_used(&format!("shifting {how}, {name}"), &limits, &demand);
            if std::env::var("TRACE").is_err() && limits.len() > 9 { continue }
        assert!(used >= 8_500, "{name}: {used}");
        }
    }
}

#[test]
fn one_node_alone_after_another() {
    for (name, limits) in sets() {
        let all = 2.0 * rate(&limits);
        let longest = limits.iter().map(|limit| limit.window()).max().unwrap().as_micros() as u64;
        let demand = |node: usize, now: u64| if (now / (3 * longest)) % 4 == node as u64 { all } else { 0.0 };
        let used = least_used(&format!("one after another, {name}"), &limits, &demand);
        if std::env::var("TRACE").is_err() && limits.len() > 9 { continue }
        assert!(used >= 8_500, "{name}: {used}");
    }
}
