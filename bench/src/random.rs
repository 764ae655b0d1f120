//! Numbers that look random and are the same in every run (SplitMix64), so that both sides of a measurement, and two
//! runs, work on the same data.

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        let product = u64::from(end) * (self.next() >> 32);
        u32::try_from(product >> 32).unwrap_or(0)
    }

    /// All numbers below `end`, in random order.
    pub(crate) fn order(&mut self, end: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..end).collect();
        for at in (1..end).rev() {
            let other = self.below(at + 1);
            order.swap(at as usize, other as usize);
        }
        order
    }
}
