//! Taking turns, and what comes of it.

use crate::Failure;

/// One side's results against the other's, round by round.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    ours: Vec<f64>,
    baseline: Vec<f64>,
}

/// A ratio of each round's results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Rounds {
    /// Plays `count` rounds; who begins alternates, so that a load that comes or goes favours nobody.
    pub(crate) async fn play<A, B>(
        count: usize,
        mut ours: impl FnMut() -> A,
        mut baseline: impl FnMut() -> B,
    ) -> Result<Self, Failure>
    where
        A: Future<Output = Result<f64, Failure>>,
        B: Future<Output = Result<f64, Failure>>,
    {
        let mut rounds = Self::default();
        for round in 0..count {
            if round % 2 == 0 {
                rounds.ours.push(ours().await?);
                rounds.baseline.push(baseline().await?);
            } else {
                rounds.baseline.push(baseline().await?);
                rounds.ours.push(ours().await?);
            }
        }
        Ok(rounds)
    }

    pub(crate) fn ours(&self) -> f64 {
        median(&self.ours)
    }

    pub(crate) fn baseline(&self) -> f64 {
        median(&self.baseline)
    }

    /// Ours divided by the baseline's.
    pub(crate) fn ratio(&self) -> Ratio {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.baseline).map(|(one, other)| one / other).collect();
        Ratio {
            median: median(&ratios),
            least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            most: ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// The middle value; the lower of the two where the count is even.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_rounds_and_not_of_medians() {
        let rounds = Rounds { ours: vec![1.0, 20.0, 3.0], baseline: vec![1.0, 10.0, 1.0] };
        assert_eq!(rounds.ratio(), Ratio { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!((rounds.ours(), rounds.baseline()), (3.0, 1.0));
    }

    #[tokio::test]
    async fn the_sides_take_turns_in_beginning() {
        let calls = std::cell::RefCell::new(String::new());
        let note = |side: char| {
            calls.borrow_mut().push(side);
            async { Ok(1.0) }
        };
        Rounds::play(3, || note('a'), || note('b')).await.unwrap();
        assert_eq!(calls.into_inner(), "abbaab");
    }
}
