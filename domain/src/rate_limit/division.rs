//! How much of a limit a node should hold, from what all nodes need. This is about fairness and use
//! alone: the ledger gives no more than there is, whatever comes out here.

/// The parts of one limit, and whose part is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Division {
    /// The limit.
    pub(super) limit: u32,
    /// What the nodes need that come before the one in question, in the order of holders.
    pub(super) before: u64,
    /// What it needs itself.
    pub(super) own: u64,
    /// What those need that come after.
    pub(super) after: u64,
    /// How many nodes there are, this one included.
    pub(super) nodes: u64,
    /// Changes now and then: rounding favours another node then.
    pub(super) turn: u64,
}

impl Division {
    fn needed(&self) -> u64 {
        self.before.saturating_add(self.own).saturating_add(self.after)
    }

    /// Whether there is little left to grow into: more than three quarters are needed.
    pub(super) fn is_contended(&self) -> bool {
        self.needed().saturating_mul(4) > u64::from(self.limit) * 3
    }

    /// The node's part.
    ///
    /// Where all can have what they need, what is spare is divided evenly, one part kept for a node
    /// that does not ask yet. Otherwise everything is divided as it is needed: a request has the same
    /// chance on every node, and none holds more than it uses. The parts of all nodes add up to the
    /// limit exactly then, so that none of a small limit is lost to rounding, and no node that needs
    /// something is left out for ever: the turn decides whom the remainders favour.
    pub(super) fn part(&self) -> u32 {
        let limit = u64::from(self.limit);
        let needed = self.needed();
        let part = if needed <= limit {
            self.own + (limit - needed) / (self.nodes + 1)
        } else {
            let scaled = |sum: u64| u128::from(limit) * u128::from(sum);
            let turned = scaled(self.turn.wrapping_mul(TURN) % needed) / u128::from(limit);
            let until = |sum: u64| (scaled(sum) + turned) / u128::from(needed);
            let part = until(self.before.saturating_add(self.own)) - until(self.before);
            u64::try_from(part).unwrap_or(limit)
        };
        u32::try_from(part.min(limit)).unwrap_or(self.limit)
    }
}

/// Odd and large, so that successive turns lie far apart.
const TURN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(limit: u32, needs: &[u64], turn: u64) -> Vec<u32> {
        (0..needs.len())
            .map(|at| {
                let before = needs[..at].iter().sum();
                let after = needs[at + 1..].iter().sum();
                let nodes = needs.len() as u64;
                Division { limit, before, own: needs[at], after, nodes, turn }.part()
            })
            .collect()
    }

    #[test]
    fn what_is_spare_is_divided_and_a_part_kept() {
        assert_eq!(parts(600, &[0], 0), [300]);
        assert_eq!(parts(600, &[100, 0], 0), [266, 166]);
        assert_eq!(parts(600, &[600], 0), [600]);
        assert_eq!(parts(1, &[1], 0), [1]);
    }

    #[test]
    fn what_does_not_suffice_is_divided_by_need_and_without_a_remainder() {
        assert_eq!(parts(600, &[840, 240, 84, 36], 0), [420, 120, 42, 18]);
        for limit in [1, 2, 7, 150, 1_000_000] {
            for turn in 0..50 {
                let parts = parts(limit, &[u64::from(limit), 3, 5_000_000, 1], turn);
                assert_eq!(parts.iter().sum::<u32>(), limit, "{parts:?}");
            }
        }
        assert_eq!(parts(10, &[u64::MAX / 4, u64::MAX / 4], 0), [5, 5]);
    }

    #[test]
    fn a_limit_smaller_than_the_nodes_goes_round() {
        let mut had = [0; 3];
        for turn in 0..300 {
            for (had, part) in had.iter_mut().zip(parts(1, &[7, 7, 7], turn)) {
                *had += part;
            }
        }
        assert_eq!(had.iter().sum::<u32>(), 300);
        assert!(had.iter().all(|had| *had > 60), "{had:?}");
    }
}
