//! Signatures of webhooks: `t=<unix seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 (RFC 2104) of `<t>.<payload>` with the
//! secret that the receiver shares. While a secret is being replaced there is a v1 for each. The SDKs' helpers follow the same
//! golden cases.

use std::fmt::Write as _;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// By how many seconds a signature's time may differ from the receiver's, unless the receiver says otherwise.
pub const TOLERANCE_SECONDS: i64 = 300;
/// Digits that the time has at most.
const LONGEST_TIME: usize = 12;
/// Hexadecimal digits of a signature.
const SIGNATURE_DIGITS: usize = 64;

/// Why a webhook is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// No header, or an empty one.
    #[error("there is no signature")]
    Missing,
    /// Not one time and at least one signature.
    #[error("not t=<unix seconds>,v1=<64 hexadecimal digits>")]
    Malformed,
    /// Of another payload, time or secret.
    #[error("no signature belongs to this payload and secret")]
    Mismatch,
    /// Signed before the tolerance.
    #[error("the signature is too old")]
    TooOld,
    /// Signed behind the tolerance.
    #[error("the signature is from the future")]
    TooNew,
}

/// The header for a payload at this Unix time in seconds, with a signature for each secret.
#[must_use]
pub fn sign(payload: &[u8], secrets: &[&str], timestamp: u64) -> String {
    let time = timestamp.to_string();
    let mut header = format!("t={time}");
    for secret in secrets {
        header.push_str(",v1=");
        for byte in mac(&time, payload, secret).finalize().into_bytes() {
            // Writing to a text cannot fail.
            let _written = write!(header, "{byte:02x}");
        }
    }
    header
}

/// Whether the payload was signed with the secret within `tolerance` seconds of `now`, Unix seconds.
///
/// # Errors
/// Why it was not.
pub fn verify(
    payload: &[u8],
    header: &str,
    secret: &str,
    tolerance: i64,
    now: i64,
) -> Result<(), SignatureFault> {
    let (time, signatures) = parts(header)?;
    let expected = mac(time, payload, secret);
    // Each is compared in constant time, and all are.
    let fitting = signatures.iter().filter(|it| expected.clone().verify_slice(it.as_slice()).is_ok()).count();
    if fitting == 0 {
        return Err(SignatureFault::Mismatch);
    }
    let age = now - time.parse::<i64>().map_err(|_| SignatureFault::Malformed)?;
    if age > tolerance {
        return Err(SignatureFault::TooOld);
    }
    if age < -tolerance { Err(SignatureFault::TooNew) } else { Ok(()) }
}

#[expect(clippy::expect_used, reason = "a key of HMAC may have any length")]
fn mac(time: &str, payload: &[u8], secret: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(payload);
    mac
}

/// The time as it is written, since that is what was signed, and the signatures of the one form that is known.
fn parts(header: &str) -> Result<(&str, Vec<Vec<u8>>), SignatureFault> {
    if header.is_empty() {
        return Err(SignatureFault::Missing);
    }
    let pairs = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let mut times = pairs().filter(|(name, _)| *name == "t").map(|(_, time)| time);
    let (Some(time), None) = (times.next(), times.next()) else {
        return Err(SignatureFault::Malformed);
    };
    let signatures: Vec<Vec<u8>> =
        pairs().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| bytes(hex)).collect();
    let is_time =
        (1..=LONGEST_TIME).contains(&time.len()) && time.bytes().all(|digit| digit.is_ascii_digit());
    if is_time && !signatures.is_empty() { Ok((time, signatures)) } else { Err(SignatureFault::Malformed) }
}

/// The bytes of a signature in lower-case hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if hex.len() != SIGNATURE_DIGITS || !is_hex {
        return None;
    }
    hex.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}
