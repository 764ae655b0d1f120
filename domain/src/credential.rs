//! Opaque secrets: how one is minted from random bytes, checked for typing errors without a
//! look-up, and reduced to the digest that is all Nexus ever stores of it.
//!
//! A secret is `prefix` + 33 base62 digits holding 192 random bits + 6 base62 digits of the CRC-32
//! (IEEE) of everything before them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random bytes in a secret: 192 bits, of which at most 24 are ever shown again as a hint.
pub const RANDOM_BYTES: usize = 24;
/// Base62 digits that hold [`RANDOM_BYTES`].
pub const BODY_DIGITS: usize = 33;
/// Base62 digits of the checksum.
pub const CHECKSUM_DIGITS: usize = 6;
/// The longest text that is looked at at all, in bytes. Anything longer is malformed.
pub const LONGEST_SECRET: usize = 128;

/// A secret in clear. It is shown once and never stored: `Debug` is redacted and the memory is
/// wiped on drop. There is no `Display` and no `Serialize`: whoever shows it says so.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Mints a secret with this prefix from random bytes drawn at the edge.
    #[must_use]
    pub fn mint(prefix: &str, random: &[u8; RANDOM_BYTES]) -> Self {
        let mut text = String::with_capacity(prefix.len() + BODY_DIGITS + CHECKSUM_DIGITS);
        text.push_str(prefix);
        push_body(&mut text, random);
        let checksum = checksum_digits(text.as_bytes());
        text.extend(checksum.iter().map(|digit| char::from(*digit)));
        Self(text)
    }

    /// Wraps a secret that came from outside, unchecked.
    #[must_use]
    pub fn presented(text: String) -> Self {
        Self(text)
    }

    /// The secret in clear, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of the secret.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// Wraps a token that the server has signed, behind the prefix of such keys.
    #[must_use]
    pub fn signed(prefix: &str, token: &str) -> Self {
        let mut text = String::with_capacity(prefix.len() + token.len());
        text.push_str(prefix);
        text.push_str(token);
        Self(text)
    }

    /// The prefix and the last four characters, by which people recognise a key that is a token: all of them begin alike.
    #[must_use]
    pub fn hint_of_end(&self, prefix: &str) -> String {
        let end = self.0.len().saturating_sub(4).max(prefix.len());
        format!("{prefix}…{}", self.0.get(end..).unwrap_or_default())
    }

    /// The first `length` characters, by which people recognise a key in a list.
    #[must_use]
    pub fn hint(&self, length: usize) -> String {
        self.0.chars().take(length).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Writes the big-endian number in `random` as exactly [`BODY_DIGITS`] base62 digits.
fn push_body(text: &mut String, random: &[u8; RANDOM_BYTES]) {
    let mut number = *random;
    let mut digits = [0u8; BODY_DIGITS];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0u32;
        for byte in &mut number {
            let current = (remainder << 8) | u32::from(*byte);
            *byte = u8::try_from(current / 62).unwrap_or(u8::MAX);
            remainder = current % 62;
        }
        *digit = base62_digit(remainder);
    }
    number.zeroize();
    text.extend(digits.iter().map(|digit| char::from(*digit)));
    digits.zeroize();
}

fn base62_digit(value: u32) -> u8 {
    ALPHABET.get(value as usize).copied().unwrap_or(b'0')
}

fn checksum_digits(bytes: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    let mut value = crc32fast::hash(bytes);
    let mut digits = [0u8; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = base62_digit(value % 62);
        value /= 62;
    }
    digits
}

/// Whether `text` is `prefix`, a base62 body and the checksum that belongs to them. A typing error
/// passes with a probability of 2⁻³², and a random string does not pass at all without the prefix.
#[must_use]
pub fn is_well_formed(text: &str, prefix: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else {
        return false;
    };
    // Without a branch per character: this runs with every look-up.
    let alphanumeric = rest.bytes().fold(true, |all, byte| all & byte.is_ascii_alphanumeric());
    if rest.len() != BODY_DIGITS + CHECKSUM_DIGITS || !alphanumeric {
        return false;
    }
    let (signed, checksum) = text.as_bytes().split_at(text.len() - CHECKSUM_DIGITS);
    let stated = checksum.iter().fold(0, |number, digit| number * 62 + u64::from(base62_value(*digit)));
    u64::from(crc32fast::hash(signed)) == stated
}

/// The value of each base62 digit; 0 for what is none, which the caller has ruled out.
#[expect(clippy::indexing_slicing, reason = "evaluated when the program is compiled")]
const VALUES: [u8; 256] = {
    let mut values = [0; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

fn base62_value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(0)
}

/// SHA-256 of a secret. The secret has 192 random bits, so a slow hash would protect nothing and
/// only slow down validation. Written as base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a presented secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// A digest that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl std::str::FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidDigest)?;
        bytes.try_into().map(Self).map_err(|_| InvalidDigest)
    }
}

/// The text is not 32 bytes in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected 43 characters of base64url")]
pub struct InvalidDigest;

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_secret_is_well_formed_and_its_typing_errors_are_not() {
        let secret = Secret::mint("nx_live_", &[7; RANDOM_BYTES]);
        let text = secret.expose();
        assert_eq!(text.len(), "nx_live_".len() + BODY_DIGITS + CHECKSUM_DIGITS);
        assert!(is_well_formed(text, "nx_live_"));
        assert!(!is_well_formed(text, "nx_test_"));
        for at in 0..text.len() {
            let mut wrong = text.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert!(!is_well_formed(&wrong, "nx_live_"), "{at}");
        }
        assert!(!is_well_formed(&format!("{text}0"), "nx_live_"));
        assert!(!is_well_formed(&text.replace("nx_live_", "nx_live_pk_"), "nx_live_"));
    }

    #[test]
    fn the_body_is_the_number_in_base62() {
        let mut one = [0u8; RANDOM_BYTES];
        one[RANDOM_BYTES - 1] = 63;
        let text = Secret::mint("", &one);
        assert_eq!(&text.expose()[..BODY_DIGITS], format!("{}11", "0".repeat(31)));
        let most = Secret::mint("", &[255; RANDOM_BYTES]);
        assert!(is_well_formed(most.expose(), ""));
    }

    #[test]
    fn a_token_is_recognised_by_its_end_and_shows_no_more_than_four_characters() {
        let secret = Secret::signed("nxs_", "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl");
        assert_eq!(secret.expose(), "nxs_eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl");
        assert_eq!(secret.hint_of_end("nxs_"), "nxs_…dXJl");
        assert_eq!(Secret::signed("nxs_", "ab").hint_of_end("nxs_"), "nxs_…ab");
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::mint("nx_", &[1; RANDOM_BYTES])), "Secret(redacted)");
    }

    #[test]
    fn the_digest_is_sha_256() {
        let text = serde_json::to_string(&Digest::of("abc")).unwrap();
        assert_eq!(text, "\"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0\"");
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), Digest::of("abc"));
    }
}
