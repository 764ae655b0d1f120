//! Names of tokens in the cache: a universal hash of all their bytes, under a random key of the process.
//!
//! Two tokens of one name are taken for one, so nobody may be able to make a second token of the name of a first. That the hash
//! is quick and no one-way function does not matter for it (Wegman and Carter, 1981): its key is drawn at random and told to
//! nobody, no answer shows a name, and for any two texts, chosen without the key, the chance that their names are equal is below
//! 2^-120. It is worked out in two steps:
//!
//! 1. NH of UMAC (RFC 4418 section 5.2; Black, Halevi, Krawczyk, Krovetz and Rogaway, 1999) with words of 64 bits, twice with a key
//!    that is shifted by one pair, which is 2^-128 for two texts of one length: 256 bits.
//! 2. These, and the length, times random numbers modulo 2^61 - 1, two times: 122 bits, each with a chance of 2^-61.
//!
//! Whoever reads the process's memory finds 122 bits of a signature that has 256 or more: no token can be made of that.

use nexus_domain::jwt::LONGEST_TOKEN;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// Bytes that are multiplied at once: two words.
const BLOCK: usize = 16;
/// Pairs of key words: one for each block, the last of which is filled up, and one more because of the shift.
const PAIRS: usize = LONGEST_TOKEN / BLOCK + 2;
/// Words that the second step takes: 256 bits in words of 32, and the length.
const WORDS: usize = 9;
/// A prime.
const PRIME: u64 = (1 << 61) - 1;

/// A token's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Name([u64; 2]);

/// The key that names are made with. It is wiped when it is dropped.
pub(super) struct Names {
    pairs: Zeroizing<Vec<[u64; 2]>>,
    factors: Zeroizing<[[u64; WORDS]; 2]>,
}

impl Names {
    /// A key of its own. Nothing where the system has no randomness to give.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = Zeroizing::new(vec![0; (PAIRS + WORDS) * BLOCK]);
        SystemRandom::new().fill(&mut bytes).ok()?;
        let (blocks, _) = bytes.as_chunks::<BLOCK>();
        let mut pairs: Zeroizing<Vec<[u64; 2]>> =
            Zeroizing::new(blocks.iter().map(|block| words(*block)).collect());
        let mut factors = Zeroizing::new([[0; WORDS]; 2]);
        let [one, other] = &mut *factors;
        for ((one, other), [first, second]) in one.iter_mut().zip(other).zip(pairs.drain(PAIRS..)) {
            (*one, *other) = (first % PRIME, second % PRIME);
        }
        Some(Self { pairs, factors })
    }

    /// The name of a text; none where it is longer than any token.
    pub(super) fn of(&self, text: &str) -> Option<Name> {
        let text = text.as_bytes();
        if text.len() > LONGEST_TOKEN {
            return None;
        }
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut last = [0; BLOCK];
        last.get_mut(..rest.len())?.copy_from_slice(rest);
        let (first, second) = (self.pairs.get(..=blocks.len())?, self.pairs.get(1..blocks.len() + 2)?);
        let (mut one, mut other) = (0u128, 0u128);
        for ((block, first), second) in blocks.iter().zip(first).zip(second) {
            let block = words(*block);
            one = one.wrapping_add(product(block, *first));
            other = other.wrapping_add(product(block, *second));
        }
        let block = words(last);
        one = one.wrapping_add(product(block, *first.last()?));
        other = other.wrapping_add(product(block, *second.last()?));
        let ([a, b, c, d], [e, f, g, h]) = (parts(one), parts(other));
        let words = [a, b, c, d, e, f, g, h, u64::try_from(text.len()).ok()?];
        let [first, second] = &*self.factors;
        Some(Name([reduced(sum(&words, first)), reduced(sum(&words, second))]))
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names(…)")
    }
}

impl Name {
    /// A number out of it.
    pub(super) fn number(self) -> usize {
        let Self([number, _]) = self;
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    /// Another number out of it, never 0.
    pub(super) fn tag(self) -> u32 {
        let Self([_, number]) = self;
        u32::try_from(number & u64::from(u32::MAX)).unwrap_or(1).max(1)
    }
}

fn words(block: [u8; BLOCK]) -> [u64; 2] {
    let number = u128::from_le_bytes(block);
    [low(number), low(number >> 64)]
}

/// The lower half.
#[expect(clippy::cast_possible_truncation, reason = "that is what is wanted")]
const fn low(number: u128) -> u64 {
    number as u64
}

/// Words of 32 bits, in which the prime leaves each value its own.
fn parts(number: u128) -> [u64; 4] {
    [0, 32, 64, 96].map(|shift| low(number >> shift) & u64::from(u32::MAX))
}

fn product(block: [u64; 2], key: [u64; 2]) -> u128 {
    let ([first, second], [for_first, for_second]) = (block, key);
    u128::from(first.wrapping_add(for_first)) * u128::from(second.wrapping_add(for_second))
}

fn sum(words: &[u64; WORDS], factors: &[u64; WORDS]) -> u128 {
    words.iter().zip(factors).map(|(word, factor)| u128::from(*word) * u128::from(*factor)).sum()
}

/// What is left of a number below 2^122 modulo the prime.
fn reduced(number: u128) -> u64 {
    let folded = (low(number) & PRIME) + (low(number >> 61) & PRIME);
    if folded >= PRIME { folded - PRIME } else { folded }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// NH and the second step with large numbers and without any shortcut.
    fn plainly(names: &Names, text: &str) -> [u64; 2] {
        let mut bytes = text.as_bytes().to_vec();
        let length = bytes.len() as u64;
        // A text that ends with a block has an empty one behind it.
        bytes.resize((bytes.len() / BLOCK + 1) * BLOCK, 0);
        let word = |at: usize| u64::from_le_bytes(bytes[at * 8..at * 8 + 8].try_into().unwrap());
        let sum = |shift: usize| {
            (0..bytes.len() / BLOCK).fold(0u128, |sum, at| {
                let [first, second] = names.pairs[at + shift];
                let one = u128::from(word(2 * at).wrapping_add(first));
                let other = u128::from(word(2 * at + 1).wrapping_add(second));
                sum.wrapping_add(one * other)
            })
        };
        let mut words = Vec::new();
        for sum in [sum(0), sum(1)] {
            words.extend((0..4).map(|part| (sum >> (32 * part)) & 0xffff_ffff));
        }
        words.push(u128::from(length));
        [0, 1].map(|turn: usize| {
            let factors = names.factors[turn];
            let sum: u128 = words.iter().zip(factors).map(|(word, factor)| word * u128::from(factor)).sum();
            u64::try_from(sum % u128::from(PRIME)).unwrap()
        })
    }

    proptest! {
        #[test]
        fn names_are_as_they_are_defined(text in "[a-zA-Z0-9_.-]{0,400}") {
            let names = Names::random().unwrap();
            prop_assert_eq!(names.of(&text), Some(Name(plainly(&names, &text))));
        }
    }

    #[test]
    fn a_change_anywhere_gives_another_name_and_so_does_another_length() {
        let names = Names::random().unwrap();
        for length in [1, 15, 16, 17, 700, LONGEST_TOKEN] {
            let text = "a".repeat(length);
            let name = names.of(&text);
            assert!(name.is_some());
            for at in 0..length {
                let mut changed = text.clone().into_bytes();
                changed[at] = b'b';
                assert_ne!(names.of(&String::from_utf8(changed).unwrap()), name, "{length} {at}");
            }
            // What is filled up with is no text of its own.
            assert_ne!(names.of(&format!("{text}\0")), name);
        }
        assert_eq!(names.of(&"a".repeat(LONGEST_TOKEN + 1)), None);
    }

    #[test]
    fn each_process_has_names_of_its_own() {
        let text = "a.b.c";
        assert_ne!(Names::random().unwrap().of(text), Names::random().unwrap().of(text));
    }
}
