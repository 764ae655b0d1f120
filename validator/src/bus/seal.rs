//! An API node's side: seals the parts and signs the whole.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nexus_domain::validity::Entry;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use super::{
    Header, KEY_BYTES, LONGEST_MESSAGE, SIGNATURE_BYTES, SaltedHeader, VERSION, bound_to, nonce, part_key,
};
use crate::control::message::BusKeys;

/// The keys of a deployment, the same on all of its API nodes.
pub struct Sealer {
    signing: Ed25519KeyPair,
    dialects: BTreeMap<String, Zeroizing<[u8; KEY_BYTES]>>,
}

/// A message cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Unsealable {
    /// There is no key for a dialect that something changed of. Without its part, nodes that serve it would take it for unchanged.
    #[error("there is no key for the dialect `{0}`")]
    NoKey(String),
    /// It is larger than [`LONGEST_MESSAGE`].
    #[error("it would be larger than {LONGEST_MESSAGE} bytes")]
    TooLarge,
    /// What serde says; entries can always be written.
    #[error(transparent)]
    Unwritable(#[from] serde_json::Error),
}

impl Sealer {
    /// The keys out of secrets: the seed of the signing key, and one for each dialect. `None`: the seed is none, which 32 bytes
    /// always are.
    #[must_use]
    pub fn new(
        seed: &[u8; KEY_BYTES],
        dialects: impl IntoIterator<Item = (String, Zeroizing<[u8; KEY_BYTES]>)>,
    ) -> Option<Self> {
        let signing = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        Some(Self { signing, dialects: dialects.into_iter().collect() })
    }

    /// What a node is to have that serves these dialects.
    #[must_use]
    pub fn keys(&self, served: impl Fn(&str) -> bool) -> BusKeys {
        let dialects = self.dialects.iter().filter(|(name, _)| served(name));
        BusKeys {
            verifying: BASE64_URL_SAFE_NO_PAD.encode(self.signing.public_key()),
            dialects: dialects
                .map(|(name, key)| (name.clone(), BASE64_URL_SAFE_NO_PAD.encode(key.as_slice())))
                .collect(),
        }
    }

    /// A message. `entries` come with their dialects, and keep their order within each. `salt` must be random and new.
    ///
    /// # Errors
    /// [`Unsealable`]
    pub fn seal<'a>(
        &self,
        header: Header,
        salt: &[u8; KEY_BYTES],
        entries: impl IntoIterator<Item = (&'a str, &'a Entry)>,
    ) -> Result<Vec<u8>, Unsealable> {
        let mut parts: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for (dialect, entry) in entries {
            parts.entry(dialect).or_default().push(entry);
        }
        let Header { log, from, to, at } = header;
        let header = SaltedHeader { log, from, to, at, salt: BASE64_URL_SAFE_NO_PAD.encode(salt) };
        let header = serde_json::to_vec(&header)?;
        let mut message = vec![VERSION];
        message.extend_from_slice(&length(&header)?);
        message.extend_from_slice(&header);
        for (dialect, entries) in parts {
            let no_key = || Unsealable::NoKey(dialect.to_owned());
            let key = self.dialects.get(dialect).ok_or_else(no_key)?;
            let name = u8::try_from(dialect.len()).map_err(|_| no_key())?;
            let key = part_key(key, salt, dialect).map_err(|_| no_key())?;
            let mut part = serde_json::to_vec(&entries)?;
            key.seal_in_place_append_tag(nonce(), bound_to(&header, dialect), &mut part)
                .map_err(|_| Unsealable::TooLarge)?;
            message.push(name);
            message.extend_from_slice(dialect.as_bytes());
            message.extend_from_slice(&length(&part)?);
            message.extend_from_slice(&part);
        }
        if message.len() > LONGEST_MESSAGE - SIGNATURE_BYTES {
            return Err(Unsealable::TooLarge);
        }
        let signature = self.signing.sign(&message);
        message.extend_from_slice(signature.as_ref());
        Ok(message)
    }
}

fn length(bytes: &[u8]) -> Result<[u8; 4], Unsealable> {
    u32::try_from(bytes.len()).map(u32::to_be_bytes).map_err(|_| Unsealable::TooLarge)
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}
