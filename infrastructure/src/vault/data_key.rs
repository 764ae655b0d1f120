//! Keys for personal data, one a subject. Only their wrapped form is stored; destroying it erases the subject.

use std::fmt;

use zeroize::Zeroizing;

use super::seal::SealingKey;
use super::{KEY_BYTES, Vault, VaultError};
use crate::entropy::Entropy;

/// The key of one subject's personal data, or of one tenant's subjects. Wiped when dropped.
#[derive(Clone)]
pub struct DataKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    records: SealingKey,
}

impl DataKey {
    /// A new random key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(key.as_mut_slice());
        Self::new(key)
    }

    fn new(key: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let records = SealingKey::derive(&key, "data");
        Self { key, records }
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, VaultError> {
        let key = bytes.try_into().map_err(|_| VaultError::UnknownFormat)?;
        Ok(Self::new(Zeroizing::new(key)))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl Vault {
    /// Encrypts personal data under its subject's key; as [`Vault::seal`] otherwise.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    pub fn seal_with(&self, key: &DataKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        key.records.seal(&*self.entropy, context, plaintext)
    }

    /// Decrypts what [`Vault::seal_with`] made with the same key and context.
    ///
    /// # Errors
    /// As [`Vault::open`]; [`VaultError::OtherKey`] for another subject's data.
    pub fn open_with(
        &self,
        key: &DataKey,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        key.records.open(context, sealed)
    }

    /// Encrypts a data key under the master key, to be stored. `context` is whose key it is.
    ///
    /// # Errors
    /// None at this length; the signature is that of [`Vault::seal`].
    pub fn wrap_key(&self, context: &[u8], key: &DataKey) -> Result<Vec<u8>, VaultError> {
        SealingKey::derive(&self.key, "wrap").seal(&*self.entropy, context, key.key.as_slice())
    }

    /// Decrypts what [`Vault::wrap_key`] made for the same context.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn unwrap_key(&self, context: &[u8], wrapped: &[u8]) -> Result<DataKey, VaultError> {
        DataKey::from_bytes(&SealingKey::derive(&self.key, "wrap").open(context, wrapped)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn vault() -> Vault {
        Vault::from_key([7; KEY_BYTES])
    }

    #[test]
    fn a_wrapped_key_opens_its_subjects_data() {
        let key = DataKey::generate(&SystemEntropy);
        let sealed = vault().seal_with(&key, b"event 1", b"ada@example.com").unwrap();
        let wrapped = vault().wrap_key(b"subject 1", &key).unwrap();
        drop(key);

        let key = vault().unwrap_key(b"subject 1", &wrapped).unwrap();
        assert_eq!(vault().open_with(&key, b"event 1", &sealed).unwrap().as_slice(), b"ada@example.com");
    }

    #[test]
    fn a_subjects_key_opens_nobody_elses_data() {
        let (one, other) = (DataKey::generate(&SystemEntropy), DataKey::generate(&SystemEntropy));
        let sealed = vault().seal_with(&one, b"event 1", b"ada@example.com").unwrap();
        assert!(matches!(vault().open_with(&other, b"event 1", &sealed), Err(VaultError::OtherKey)));
        assert!(matches!(vault().open_with(&one, b"event 2", &sealed), Err(VaultError::Refused)));
        assert!(matches!(vault().open(b"event 1", &sealed), Err(VaultError::OtherKey)));
    }

    #[test]
    fn a_wrapped_key_belongs_to_its_subject() {
        let wrapped = vault().wrap_key(b"subject 1", &DataKey::generate(&SystemEntropy)).unwrap();
        assert!(matches!(vault().unwrap_key(b"subject 2", &wrapped), Err(VaultError::Refused)));
    }

    #[test]
    fn data_is_no_key() {
        let sealed = vault().seal(b"subject 1", &[1; KEY_BYTES]).unwrap();
        assert!(matches!(vault().unwrap_key(b"subject 1", &sealed), Err(VaultError::OtherKey)));
    }

    #[test]
    fn shows_no_key() {
        assert_eq!(format!("{:?}", DataKey::generate(&SystemEntropy)), "DataKey(…)");
    }
}
