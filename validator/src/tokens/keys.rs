//! Keys that are JWTs. Their record decides, found by the digest of the whole credential as that of any other key; the signature
//! is checked besides, once for each credential, and what was signed is then remembered by the digest.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use nexus_domain::credential::Digest;
use nexus_domain::jwt::{Compact, Kid, SKEW, Times};
use nexus_domain::verification::{Code, Refused};

use super::Tokens;
use super::signature::VerifyingKey;

/// The `typ` of a key (RFC 7519 section 5.1).
const KEY: &str = "jwt";
/// The number of places; each credential has one, and gives way to the next one that belongs there.
const PLACES: usize = 1 << 15;

/// A key whose signature was found right.
#[derive(Debug)]
struct Signed {
    digest: Digest,
    by: Arc<VerifyingKey>,
    times: Times,
}

/// The places. None are there until the first such key comes.
#[derive(Default)]
pub(super) struct SignedKeys(OnceLock<Box<[ArcSwapOption<Signed>]>>);

impl SignedKeys {
    fn place(digest: &Digest) -> usize {
        let number = digest.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes);
        usize::try_from(number).unwrap_or(usize::MAX) % PLACES
    }

    fn find(&self, digest: &Digest) -> Option<Arc<Signed>> {
        let found = self.0.get()?.get(Self::place(digest))?.load();
        found.as_ref().filter(|found| found.digest == *digest).map(Arc::clone)
    }

    fn put(&self, signed: Signed) {
        let places = self.0.get_or_init(|| (0..PLACES).map(|_| ArcSwapOption::empty()).collect());
        if let Some(place) = places.get(Self::place(&signed.digest)) {
            place.store(Some(Arc::new(signed)));
        }
    }
}

impl std::fmt::Debug for SignedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedKeys(…)")
    }
}

impl Tokens {
    /// Whether a key that is a JWT was signed here, and holds now. `digest` is that of the whole credential, under which a record
    /// was found. What signed it is looked at with each use: a signing key that is not known any more vouches for nothing.
    ///
    /// # Errors
    /// `UNKNOWN`, `MALFORMED`, and by the key's own word `EXPIRED` and `NOT_YET_VALID`.
    pub(crate) fn check_key(&self, digest: &Digest, token: &str, now: i64) -> Result<(), Refused> {
        if let Some(known) = self.signed_keys.find(digest)
            && self.key(known.by.entry.kid).is_some_and(|by| Arc::ptr_eq(&by, &known.by))
        {
            return known.times.check(i64::MAX, now);
        }
        let token = Compact::read(token).ok_or_else(|| Refused::malformed("the key is no JWT"))?;
        let header = token.header()?;
        if header.typ.as_deref() != Some(KEY) {
            return Err(Refused::malformed("the key's header must have the `typ` JWT"));
        }
        let Kid::SigningKey(kid) = header.key()? else {
            return Err(unknown("the key was signed with a tenant's secret"));
        };
        if self.keys.load().is_empty() {
            let detail = "this node is loading all signing keys anew; try another one";
            return Err(Refused::new(Code::Unavailable, detail));
        }
        let by = self.key(kid).ok_or_else(|| unknown("no key that signs here has this `kid`"))?;
        if header.algorithm != by.entry.algorithm {
            return Err(unknown("the key's header names another algorithm than that of who signed it"));
        }
        if !by.signed(token) {
            return Err(unknown("the key's signature is wrong"));
        }
        let times = token.claims()?.times()?;
        // A signing key makes nothing from its retirement on. What it made before holds for its whole life.
        let signed_in_time = times.issued_at.is_some_and(|at| at < by.entry.not_after.saturating_add(SKEW));
        if !signed_in_time {
            return Err(unknown("the key was made after the retirement of what signed it"));
        }
        times.check(i64::MAX, now)?;
        self.signed_keys.put(Signed { digest: *digest, by, times });
        Ok(())
    }
}

fn unknown(detail: &'static str) -> Refused {
    Refused::new(Code::Unknown, detail)
}
