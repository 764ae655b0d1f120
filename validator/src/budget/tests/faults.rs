//! No window of any position holds more than its limit, whatever happens to messages, nodes and clocks.

use proptest::prelude::*;

use super::simulation::*;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn no_window_is_ever_exceeded(
        seed in 1u64..u64::MAX / 2,
        nodes in 1usize..6,
        limits in prop::sample::select(vec![
            nexuscore(),
            vec![limit(40, 5)],
            vec![limit(3, 2), limit(20, 30)],
            vec![limit(500, 1)],
        ]),
        delay in prop::sample::select(vec![1_000u64, 20_000, 400_000, 30_000_000]),
        lost in prop::sample::select(vec![0u64, 50, 400]),
        doubled in prop::sample::select(vec![0u64, 100]),
        steps_back in prop::sample::select(vec![0u64, 1_000]),
        life in prop::sample::select(vec![0u64, 4, 40]),
        cut_off in prop::sample::select(vec![0u64, 35]),
        period in 1u64..40,
        factor in prop::sample::select(vec![0.5, 2.0, 10.0]),
    ) {
        let all = factor * f64::from(limits[0].limit()) / limits[0].window().as_secs_f64();
        // Uneven, shifting, and now and then nobody.
        let demand = |node: usize, now: u64| match (now / (period * SECOND) + node as u64 * 3) % 7 {
            0 => all,
            1 | 2 => all / 5.0,
            3 => 0.0,
            _ => all / 20.0,
        };
        let world = World {
            seed, limits, nodes, demand: &demand, delay, lost, doubled, drift: 1_000, steps_back, life, cut_off,
            seconds: 240,
        };
        let outcome = run(&world);
        if let Err(exceeded) = check(&world, &outcome) {
            prop_assert!(false, "{}", exceeded);
        }
    }
}

/// A node that nobody reaches goes on by its share, and must stop before others get it, though it had its
/// last answer late.
#[test]
fn a_node_that_is_cut_off_stops_in_time() {
    for seed in 1..=6 {
        let world = World {
            seed,
            nodes: 3,
            delay: 3_000_000,
            cut_off: 30,
            seconds: 400,
            ..World::healthy(vec![limit(400, 1)], &|_, _| 400.0)
        };
        let outcome = run(&world);
        check(&world, &outcome).unwrap();
        assert!(used(&world, &outcome, 30, 400) > 3_000, "the others have its share then");
    }
}
