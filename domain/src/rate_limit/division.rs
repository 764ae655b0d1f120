//! How much of a limit each node should hold, from what all nodes need. This is about fairness and
//! use alone: the ledger gives no more than there is, whatever comes out here.

/// Divides a limit among nodes that need so much each.
///
/// Where all can have what they need, what is spare is divided evenly, one part kept for a node that
/// does not ask yet. Otherwise everything is divided as it is needed: a request has the same chance on
/// every node, and none holds more than it uses. The parts add up to the limit exactly then, so that
/// none of a small limit is lost to rounding. `turn` decides whom the remainders favour: where it
/// changes now and then, no node that needs something is left out for ever.
pub(super) fn divide(limit: u32, needs: &[u64], turn: u64) -> Vec<u32> {
    let all = u64::from(limit);
    let needed = sum(needs);
    let within = |part: u64| u32::try_from(part).unwrap_or(limit).min(limit);
    if needed <= all {
        let spare = (all - needed) / (needs.len() as u64 + 1);
        return needs.iter().map(|need| within(need + spare)).collect();
    }
    let offset = u128::from(turn.wrapping_mul(TURN) % needed);
    let until = |sum: u64| (u128::from(all) * u128::from(sum) + offset) / u128::from(needed);
    let mut before = 0u64;
    let mut parts = Vec::with_capacity(needs.len());
    for need in needs {
        let after = before.saturating_add(*need);
        parts.push(within(u64::try_from(until(after) - until(before)).unwrap_or(all)));
        before = after;
    }
    parts
}

/// Whether there is little left to grow into: more than three quarters are needed.
pub(super) fn is_contended(limit: u32, needs: &[u64]) -> bool {
    sum(needs).saturating_mul(4) > u64::from(limit) * 3
}

fn sum(needs: &[u64]) -> u64 {
    needs.iter().fold(0, |sum, need| sum.saturating_add(*need))
}

/// Odd and large, so that successive turns lie far apart.
const TURN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spare_is_divided_and_a_part_kept() {
        assert_eq!(divide(600, &[0], 0), [300]);
        assert_eq!(divide(600, &[100, 0], 0), [266, 166]);
        assert_eq!(divide(600, &[600], 0), [600]);
        assert_eq!(divide(1, &[1], 0), [1]);
        assert!(divide(1, &[], 0).is_empty());
    }

    #[test]
    fn what_does_not_suffice_is_divided_by_need_and_without_a_remainder() {
        assert_eq!(divide(600, &[840, 240, 84, 36], 0), [420, 120, 42, 18]);
        for limit in [1, 2, 7, 150, 1_000_000] {
            for turn in 0..50 {
                let parts = divide(limit, &[u64::from(limit), 3, 5_000_000, 1], turn);
                assert_eq!(parts.iter().sum::<u32>(), limit, "{parts:?}");
            }
        }
        assert_eq!(divide(10, &[u64::MAX / 4, u64::MAX / 4], 0).iter().sum::<u32>(), 10);
    }

    #[test]
    fn a_limit_smaller_than_the_nodes_goes_round() {
        let mut had = [0; 3];
        for turn in 0..300 {
            for (had, part) in had.iter_mut().zip(divide(1, &[7, 7, 7], turn)) {
                *had += part;
            }
        }
        assert_eq!(had.iter().sum::<u32>(), 300);
        assert!(had.iter().all(|had| *had > 60), "{had:?}");
    }

    #[test]
    fn little_is_left_above_three_quarters() {
        assert!(!is_contended(600, &[400, 50]));
        assert!(is_contended(600, &[400, 51]));
        assert!(is_contended(1, &[u64::MAX, u64::MAX]));
    }
}
