//! A node's side: checks the signature, then opens the parts that concern it.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nexus_domain::validity::Entry;
use ring::signature::{ED25519, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::{
    Header, KEY_BYTES, LONGEST_MESSAGE, SIGNATURE_BYTES, SaltedHeader, VERSION, bound_to, nonce, part_key,
};
use crate::control::message::{BusKeys, Delta};

/// What a node can open.
pub struct Opener {
    verifying: UnparsedPublicKey<[u8; KEY_BYTES]>,
    dialects: BTreeMap<String, Zeroizing<[u8; KEY_BYTES]>>,
    served: BTreeSet<String>,
}

/// The keys that came are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the bus that the API node sent cannot be read")]
pub struct BadKeys;

/// A message that is not for this node. The stream brings what was in it, if there was anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It is larger than [`LONGEST_MESSAGE`].
    #[error("it is too large")]
    TooLarge,
    /// None of this deployment's API nodes made it, or it was changed on the way.
    #[error("it was not signed by an API node of this deployment")]
    Forged,
    /// It was signed, and this program does not understand it.
    #[error("this program does not understand it")]
    Unreadable,
    /// It has a part that concerns this node, and cannot be opened with its keys.
    #[error("this node has not the key of a dialect that it serves")]
    Sealed,
}

impl Unopened {
    /// A word for metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Forged => "forged",
            Self::Unreadable => "unreadable",
            Self::Sealed => "sealed",
        }
    }
}

impl Opener {
    /// For a node that serves these dialects.
    ///
    /// # Errors
    /// [`BadKeys`]
    pub fn new(keys: &BusKeys, served: BTreeSet<String>) -> Result<Self, BadKeys> {
        let read = |text: &String| key(text).ok_or(BadKeys);
        let dialects =
            keys.dialects.iter().map(|(name, text)| Ok((name.clone(), Zeroizing::new(read(text)?))));
        let dialects = dialects.collect::<Result<_, BadKeys>>()?;
        Ok(Self { verifying: UnparsedPublicKey::new(&ED25519, read(&keys.verifying)?), dialects, served })
    }

    /// Opens a message.
    ///
    /// # Errors
    /// [`Unopened`]
    pub fn open(&self, message: &[u8]) -> Result<(Header, Delta), Unopened> {
        if message.len() > LONGEST_MESSAGE {
            return Err(Unopened::TooLarge);
        }
        let (signed, signature) = message.split_last_chunk::<SIGNATURE_BYTES>().ok_or(Unopened::Forged)?;
        // Before anything is read: whatever follows was written by an API node.
        self.verifying.verify(signed, signature).map_err(|_| Unopened::Forged)?;
        let (version, mut rest) = signed.split_first().ok_or(Unopened::Unreadable)?;
        if *version != VERSION {
            return Err(Unopened::Unreadable);
        }
        let bytes = sized(&mut rest).ok_or(Unopened::Unreadable)?;
        let header: SaltedHeader = serde_json::from_slice(bytes).map_err(|_| Unopened::Unreadable)?;
        let salt = key(&header.salt).ok_or(Unopened::Unreadable)?;
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (dialect, part) = part(&mut rest).ok_or(Unopened::Unreadable)?;
            if self.served.contains(dialect) {
                entries.append(&mut self.part(bytes, &salt, dialect, part)?);
            }
        }
        let SaltedHeader { log, from, to, at, salt: _ } = header;
        Ok((Header { log, from, to, at }, Delta { from, to, entries }))
    }

    fn part(
        &self,
        header: &[u8],
        salt: &[u8; KEY_BYTES],
        dialect: &str,
        sealed: &[u8],
    ) -> Result<Vec<Entry>, Unopened> {
        let key = self.dialects.get(dialect).ok_or(Unopened::Sealed)?;
        let key = part_key(key, salt, dialect).map_err(|_| Unopened::Sealed)?;
        let mut sealed = sealed.to_vec();
        let opened = key
            .open_in_place(nonce(), bound_to(header, dialect), &mut sealed)
            .map_err(|_| Unopened::Sealed)?;
        serde_json::from_slice(opened).map_err(|_| Unopened::Unreadable)
    }
}

fn key(text: &str) -> Option<[u8; KEY_BYTES]> {
    let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?);
    bytes.as_slice().try_into().ok()
}

/// Takes a length and as many bytes.
fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (bytes, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}

/// Takes a dialect's name and its sealed entries.
fn part<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, &'a [u8])> {
    let (length, behind) = rest.split_first()?;
    let (name, behind) = behind.split_at_checked(usize::from(*length))?;
    *rest = behind;
    Some((std::str::from_utf8(name).ok()?, sized(rest)?))
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("served", &self.served).finish_non_exhaustive()
    }
}
