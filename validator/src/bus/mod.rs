//! The second road of deltas: messages over a bus that anybody may write to and read from, as far as this program is concerned.
//! [`seal::Sealer`] makes them on an API node, [`open::Opener`] reads them on a node, and [`ear::Ear`] hands them to the table.
//!
//! A message, numbers big endian:
//!
//! ```text
//! 1 byte    the version, 1
//! 4 bytes   the header's length
//!           the header: JSON, see `Header`
//! for each dialect that something changed of:
//!   1 byte  the length of its name
//!           its name, UTF-8
//!   4 bytes the length of what follows
//!           its entries as a JSON array, sealed with AES-256-GCM (NIST SP 800-38D), the tag of 16 bytes behind it
//! 64 bytes  Ed25519 (RFC 8032) over everything before
//! ```
//!
//! - Nobody makes a message without the API nodes' signing key, not even an empty one, which would carry a node past a
//!   revocation; and none that is signed can be cut, stretched, or put together from others.
//! - A node opens the parts of the dialects that it serves. One of those that it has no key for makes the message useless to it:
//!   passed over as if it were empty, it would be a revocation missed. The parts of other dialects are empty to it.
//! - Each part has a key of its own, made with HKDF-SHA-256 (RFC 5869) out of the dialect's and the message's salt of 256 random
//!   bits. So a nonce is never used twice, whatever the number of messages and of API nodes that share the dialects' keys.
//! - Whoever reads the bus without keys sees positions, the names of dialects, and lengths.
//! - An old message does no harm: what is known already is left alone. The time in the header bounds how long one can be kept for
//!   a log that has lost its end since and goes on differently.

pub mod ear;
pub mod open;
pub mod seal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, Salt};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most bytes of a message: some thousand credentials. What is larger travels on the stream alone, for a listener keeps many
/// messages ahead.
pub const LONGEST_MESSAGE: usize = 1 << 20;
/// How far a message's time may be from the node's own. It is far more than clocks differ and messages take.
pub const FRESH: Duration = Duration::from_secs(60);
/// The bytes of a key, of a seed and of a salt.
pub const KEY_BYTES: usize = 32;

const VERSION: u8 = 1;
const SIGNATURE_BYTES: usize = 64;

/// What a message says in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The log.
    pub log: Uuid,
    /// As in [`Delta`](crate::control::message::Delta).
    pub from: u64,
    /// As in [`Delta`](crate::control::message::Delta).
    pub to: u64,
    /// When it was sealed: Unix time in microseconds.
    pub at: i64,
}

/// The header as it is sent: with the salt of the parts' keys, base64url.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaltedHeader {
    log: Uuid,
    from: u64,
    to: u64,
    at: i64,
    salt: String,
}

/// The key of one part, for one use.
fn part_key(
    dialect_key: &[u8; KEY_BYTES],
    salt: &[u8; KEY_BYTES],
    dialect: &str,
) -> Result<LessSafeKey, Unspecified> {
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(dialect_key);
    let info = [b"nexus.validity part 1 ".as_slice(), dialect.as_bytes()];
    Ok(LessSafeKey::new(UnboundKey::from(pseudorandom.expand(&info, &AES_256_GCM)?)))
}

/// The key is used for one message alone, so any nonce will do.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// What a part is bound to: the header as it stands in the message, and its dialect. No JSON object goes on behind its end, so no
/// other pair runs together to the same bytes.
fn bound_to(header: &[u8], dialect: &str) -> Aad<Vec<u8>> {
    Aad::from([header, dialect.as_bytes()].concat())
}
