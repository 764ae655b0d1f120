//! The vault: the master key, and the encryption at rest of what must be recovered to be used (signing secrets, stored
//! answers, personal data). Each sealed record is bound to its identity, its *context*: copied elsewhere it does not open.
//!
//! [`Vault::seal`] and [`Vault::open`] use the master key's own record key. [`Vault::derive`] gives a key
//! apart from every other purpose's. A [`DataKey`] encrypts one subject's personal data and is itself stored
//! wrapped by the vault: destroying the wrapped key makes all that was sealed with it unreadable, in backups too.

mod data_key;
mod key_file;
mod seal;

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use self::data_key::DataKey;
use self::seal::SealingKey;
use crate::entropy::{SharedEntropy, SystemEntropy};

/// The bytes of the master key, of a data key and of the keys derived from them: AES-256.
pub const KEY_BYTES: usize = 32;

/// Why the vault did not open, or something in it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file is there and cannot be read.
    #[error("the key file {} cannot be read", path.display())]
    Unreadable {
        /// The key file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The key file is absent and cannot be made.
    #[error("the key file {} cannot be made", path.display())]
    NotMade {
        /// The key file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Other users of the machine may read or write the key file.
    #[error("the key file {path} is open to others (mode {mode:03o}): run `chmod 600 {path}`", path = path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file holds something other than base64.
    #[error("the key file {} does not hold a key in base64", path.display())]
    NotBase64 {
        /// The key file.
        path: PathBuf,
    },
    /// The key file holds a key of another length.
    #[error("the key file {} holds {found} bytes instead of {KEY_BYTES}", path.display())]
    WrongLength {
        /// The key file.
        path: PathBuf,
        /// How many bytes it decodes to.
        found: usize,
    },
    /// The record is too short, or of a format that this version does not know.
    #[error("the sealed record has an unknown format")]
    UnknownFormat,
    /// The record was sealed under another master key or for another purpose.
    #[error("the record was sealed with another key")]
    OtherKey,
    /// The record was changed, or belongs to another context.
    #[error("the sealed record was changed or belongs elsewhere")]
    Refused,
    /// More than the cipher can take at once, 64 GiB.
    #[error("the record is too large to be sealed")]
    TooLarge,
}

/// The master key in memory. Its bytes are wiped when it is dropped.
#[derive(Clone)]
pub struct Vault {
    key: Zeroizing<[u8; KEY_BYTES]>,
    records: SealingKey,
    entropy: SharedEntropy,
}

impl Vault {
    /// Opens the vault of this key file, which is made with a new random key when it is absent: 32 bytes in base64,
    /// mode 0600, complete and on disk before this returns. Of several processes that start at once, all get the same key.
    ///
    /// # Errors
    /// A file that cannot be read or made, that others may read, or that holds no key of 32 bytes.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, VaultError> {
        let entropy = SystemEntropy::shared();
        let key = key_file::read_or_create(path.as_ref(), &*entropy)?;
        Ok(Self::new(key, entropy))
    }

    /// The vault of this key.
    #[must_use]
    pub fn from_key(key: [u8; KEY_BYTES]) -> Self {
        Self::new(Zeroizing::new(key), SystemEntropy::shared())
    }

    /// Encrypts with AES-256-GCM under a random nonce. `context` is the record's identity (table, tenant, id), which is
    /// not stored in the result and must be given again to open it. The result is 33 bytes longer than `plaintext`.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    pub fn seal(&self, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.records.seal(&*self.entropy, context, plaintext)
    }

    /// Decrypts what [`Vault::seal`] made for the same context.
    ///
    /// # Errors
    /// [`VaultError::UnknownFormat`], [`VaultError::OtherKey`] or [`VaultError::Refused`].
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.records.open(context, sealed)
    }

    /// A key for a purpose of its own, by HKDF-SHA-256 (RFC 5869): the same in every process that has the master key, and telling
    /// nothing of it or of the keys of other labels. A label holds no NUL.
    #[must_use]
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        seal::derive(&self.key, &["purpose", label])
    }

    fn new(key: Zeroizing<[u8; KEY_BYTES]>, entropy: SharedEntropy) -> Self {
        let records = SealingKey::derive(&key, "records");
        Self { key, records, entropy }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::from_key([7; KEY_BYTES])
    }

    #[test]
    fn opens_what_it_sealed() {
        let sealed = vault().seal(b"record 1", b"secret").unwrap();
        assert_eq!(sealed.len(), b"secret".len() + 33);
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(vault().open(b"record 1", &sealed).unwrap().as_slice(), b"secret");
        let empty = vault().seal(b"", b"").unwrap();
        assert_eq!(vault().open(b"", &empty).unwrap().as_slice(), b"");
    }

    #[test]
    fn seals_the_same_differently_each_time() {
        assert_ne!(vault().seal(b"1", b"secret").unwrap(), vault().seal(b"1", b"secret").unwrap());
    }

    #[test]
    fn refuses_another_context() {
        let sealed = vault().seal(b"record 1", b"secret").unwrap();
        assert!(matches!(vault().open(b"record 2", &sealed), Err(VaultError::Refused)));
    }

    #[test]
    fn refuses_every_changed_byte() {
        let sealed = vault().seal(b"record 1", b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault().open(b"record 1", &changed).is_err(), "byte {at}");
            assert!(vault().open(b"record 1", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn refuses_another_master_key() {
        let sealed = vault().seal(b"1", b"secret").unwrap();
        let other = Vault::from_key([8; KEY_BYTES]);
        assert!(matches!(other.open(b"1", &sealed), Err(VaultError::OtherKey)));
    }

    /// Made with another implementation of HKDF and AES-GCM. A change to the derivation or to the format would make every
    /// existing database unreadable.
    #[test]
    fn opens_what_the_first_version_sealed() {
        let sealed = "AZEqQ74AAQIDBAUGBwgJCgufsrk28rRP8ldixVGW8uar59B8I6Pq";
        let sealed = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, sealed).unwrap();
        assert_eq!(vault().open(b"record 1", &sealed).unwrap().as_slice(), b"secret");
    }

    /// Made with another implementation of HKDF. Processes of other versions derive the same keys.
    #[test]
    fn derives_the_same_key_for_a_label_in_every_process() {
        let derived = vault().derive("label");
        let hex: String = derived.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "937d831d1bcee815949e19a1a0a046057a370ccdcd8e278b104f2bc630f888a7");
        assert_ne!(vault().derive("label 2"), derived);
        assert_ne!(Vault::from_key([8; KEY_BYTES]).derive("label"), derived);
    }

    #[test]
    fn shows_no_key() {
        assert_eq!(format!("{:?}", vault()), "Vault(…)");
    }
}
