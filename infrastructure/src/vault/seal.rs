//! AES-256-GCM under keys derived with HKDF-SHA-256 (RFC 5869), and the form of a sealed record: a version byte, 4 bytes
//! that name the key, a nonce of 12, the ciphertext and its tag of 16. The key's name lets a later version hold several
//! master keys at once and pick the one that a record needs.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use super::{KEY_BYTES, VaultError};
use crate::entropy::Entropy;

const VERSION: u8 = 1;
const NAME_BYTES: usize = 4;
const HEADER_BYTES: usize = 1 + NAME_BYTES;
/// Separates these keys from any other use of the same bytes.
const SALT: &[u8] = b"nexus vault 1";

/// One key of the cipher and its name. Random nonces keep it safe for 2^32 records (NIST SP 800-38D, section 8.3).
#[derive(Clone)]
pub(super) struct SealingKey {
    cipher: LessSafeKey,
    name: [u8; NAME_BYTES],
}

impl SealingKey {
    /// The key that `role` has under these bytes.
    pub(super) fn derive(key: &[u8; KEY_BYTES], role: &str) -> Self {
        let prk = Salt::new(HKDF_SHA256, SALT).extract(key);
        let info: [&[u8]; _] = [role.as_bytes(), b"\0cipher"];
        let cipher = prk.expand(&info, &AES_256_GCM).map(UnboundKey::from).unwrap_or_else(impossible);
        let mut name = [0; NAME_BYTES];
        for (byte, derived) in name.iter_mut().zip(derive(key, &[role, "name"]).iter()) {
            *byte = *derived;
        }
        Self { cipher: LessSafeKey::new(cipher), name }
    }

    pub(super) fn seal(
        &self,
        entropy: &dyn Entropy,
        context: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let nonce = entropy.array::<NONCE_LEN>();
        let mut sealed = Vec::with_capacity(HEADER_BYTES + NONCE_LEN + plaintext.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.name);
        let aad = associated(&sealed, context);
        sealed.extend_from_slice(&nonce);
        let mut buffer = Zeroizing::new(plaintext.to_vec());
        let tag = self
            .cipher
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut buffer)
            .map_err(|_| VaultError::TooLarge)?;
        sealed.extend_from_slice(&buffer);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    pub(super) fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (header, rest) = sealed.split_at_checked(HEADER_BYTES).ok_or(VaultError::UnknownFormat)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::UnknownFormat)?;
        match header {
            [VERSION, name @ ..] if name == self.name => {}
            [VERSION, ..] => return Err(VaultError::OtherKey),
            _ => return Err(VaultError::UnknownFormat),
        }
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let length = self
            .cipher
            .open_in_place(Nonce::assume_unique_for_key(*nonce), associated(header, context), &mut buffer)
            .map_err(|_| VaultError::Refused)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// The header's length is fixed, so no header and context run into another pair.
fn associated(header: &[u8], context: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([header, context].concat())
}

/// 32 bytes that follow from the key and this path of names, none of which holds a NUL or begins another path.
pub(super) fn derive(key: &[u8; KEY_BYTES], path: &[&str]) -> Zeroizing<[u8; KEY_BYTES]> {
    let prk = Salt::new(HKDF_SHA256, SALT).extract(key);
    let info = path.join("\0");
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    prk.expand(&[info.as_bytes()], KeyBytes)
        .and_then(|okm| okm.fill(derived.as_mut_slice()))
        .unwrap_or_else(impossible);
    derived
}

/// The length of a derived key, as ring asks for it.
struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// HKDF fails for lengths beyond 8,160 bytes alone, and all of ours are 32. To go on with a key of zeros would be worse
/// than to stop.
fn impossible<T>(_: Unspecified) -> T {
    std::process::abort()
}
