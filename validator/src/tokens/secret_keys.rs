//! What opens tenants' secrets for service JWTs. A node is told it on its control stream, and keeps it in memory alone: what it
//! has on disk is sealed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A key for each dialect: AES-256-GCM, base64url.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretKeys(BTreeMap<String, String>);

impl SecretKeys {
    /// The keys by the names of their dialects.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = (String, K)>) -> Self {
        let keys = keys.into_iter().map(|(name, key)| (name, BASE64_URL_SAFE_NO_PAD.encode(key)));
        Self(keys.collect())
    }
}

impl std::fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The keys, ready to open with.
#[derive(Default)]
pub(super) struct Opener(BTreeMap<String, LessSafeKey>);

impl Opener {
    pub(super) fn of(keys: &SecretKeys) -> Self {
        let read = |text: &String| {
            let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?);
            UnboundKey::new(&AES_256_GCM, &bytes).ok().map(LessSafeKey::new)
        };
        Self(keys.0.iter().filter_map(|(name, text)| Some((name.clone(), read(text)?))).collect())
    }

    /// A secret of a dialect that was sealed for this context: a nonce, then the ciphertext with its tag.
    pub(super) fn open(&self, dialect: &str, context: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?);
        let (nonce, ciphertext) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.get(dialect)?.open_in_place(nonce, Aad::from(context.as_bytes()), ciphertext);
        Some(Zeroizing::new(opened.ok()?.to_vec()))
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
