//! Proofs of possession (RFC 9449) as a node takes them: the signature, and each one once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm as Checked, DecodingKey};
use nexus_domain::credential::Digest;
use nexus_domain::dpop::{Challenge, InvalidProof, LATEST, Proof, ProofId, Shown};
use nexus_domain::jwt::{Algorithm, PublicJwk};
use nexus_domain::verification::{Code, Possession, Question, Refused};

/// Most proofs that are remembered from one stretch of [`LATEST`]: 34 MB for two of them.
const MOST: usize = 1 << 19;

/// Whether the key in a proof made its signature.
#[must_use]
pub fn is_signed(proof: &Proof<'_>) -> bool {
    let key = match proof.jwk() {
        PublicJwk::Edwards { crv: _, x } => DecodingKey::from_ed_components(x),
        PublicJwk::Elliptic { crv: _, x, y } => DecodingKey::from_ec_components(x, y),
        PublicJwk::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
    };
    let algorithm = match proof.jwk().algorithm() {
        Algorithm::EdDsa => Checked::EdDSA,
        Algorithm::Es256 => Checked::ES256,
        Algorithm::Rs256 => Checked::RS256,
        Algorithm::Hs256 => return false,
    };
    let token = proof.token();
    let is_right = |key| verify(token.signature(), token.signed().as_bytes(), &key, algorithm);
    key.is_ok_and(|key| is_right(key).unwrap_or(false))
}

/// What became of a proof that was to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It had not come before.
    First,
    /// It had.
    Again,
    /// Too many came lately to remember this one too.
    Full,
}

/// The proofs that came to a node lately. No proof is forgotten while it is good: what there is no room for is not taken.
#[derive(Debug)]
pub struct Proofs {
    recent: Mutex<Recent>,
    most: usize,
}

#[derive(Debug, Default)]
struct Recent {
    /// When `now` began, in Unix microseconds.
    since: i64,
    now: HashSet<ProofId, RandomState>,
    before: HashSet<ProofId, RandomState>,
}

impl Default for Proofs {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Proofs {
    /// With room for so many from one stretch of [`LATEST`].
    fn of(most: usize) -> Self {
        Self { recent: Mutex::default(), most }
    }

    /// Remembers a proof that came at `now`, in Unix microseconds, for [`LATEST`] at least.
    pub fn take(&self, id: ProofId, now: i64) -> Taken {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = &mut *recent;
        // A clock that was set back makes this stretch longer. To wait until it has caught up could take hours.
        recent.since = recent.since.min(now);
        if now.saturating_sub(recent.since) >= LATEST {
            recent.since = now;
            recent.before = std::mem::take(&mut recent.now);
        }
        if recent.now.contains(&id) || recent.before.contains(&id) {
            return Taken::Again;
        }
        if recent.now.len() >= self.most {
            return Taken::Full;
        }
        recent.now.insert(id);
        Taken::First
    }
}

impl Proofs {
    /// Whether a token, bound to the key with this thumbprint or to none, is shown as it must be. A proof is good for one use.
    ///
    /// # Errors
    /// `MALFORMED` with a challenge, and `UNAVAILABLE` where no more proofs can be remembered just now.
    pub(crate) fn check(
        &self,
        jkt: Option<Digest>,
        token: &str,
        question: &Question<'_>,
        now: i64,
    ) -> Result<(), Refused> {
        let (jkt, proof) = match (jkt, question.possession) {
            (_, Possession::Unused) | (None, Possession::Bearer) => return Ok(()),
            (None, Possession::Proof(_)) => return Err(not_bound()),
            (Some(_), Possession::Bearer) => {
                let detail = "the token is bound to a key: show it as `Authorization: DPoP …`, with a proof in the header `DPoP` (RFC 9449)";
                return Err(Refused::malformed(detail).challenging(Challenge::InvalidToken));
            }
            (Some(_), Possession::Proof(None)) => {
                let detail = "the token is bound to a key, and the request has no proof in the header `DPoP` (RFC 9449)";
                return Err(Refused::malformed(detail).challenging(Challenge::InvalidProof));
            }
            (Some(jkt), Possession::Proof(Some(proof))) => (jkt, proof),
        };
        let id = proved(jkt, proof, token, question, now).map_err(|InvalidProof(detail)| {
            Refused::malformed(detail).challenging(Challenge::InvalidProof)
        })?;
        match self.take(id, now) {
            Taken::First => Ok(()),
            Taken::Again => {
                let detail = "the DPoP proof was used before; make one for each request";
                Err(Refused::malformed(detail).challenging(Challenge::InvalidProof))
            }
            Taken::Full => {
                let detail = "more proofs came to this node lately than it can remember; try another one";
                Err(Refused::new(Code::Unavailable, detail))
            }
        }
    }
}

/// A key is shown as its dialect says, and never with a proof.
///
/// # Errors
/// `MALFORMED` with a challenge
pub(crate) fn check_bearer(question: &Question<'_>) -> Result<(), Refused> {
    match question.possession {
        Possession::Bearer | Possession::Unused => Ok(()),
        Possession::Proof(_) => Err(not_bound()),
    }
}

/// Taken as a bearer's, whoever has it could show it with a key of their own (RFC 9449 section 7.1).
fn not_bound() -> Refused {
    let detail = "the credential is bound to no key: show it without a proof, as its dialect says";
    Refused::malformed(detail).challenging(Challenge::InvalidToken)
}

fn proved(
    jkt: Digest,
    proof: &str,
    token: &str,
    question: &Question<'_>,
    now: i64,
) -> Result<ProofId, InvalidProof> {
    let wrong = |detail: &'static str| InvalidProof(detail.into());
    let proof = Proof::read(proof)?;
    if proof.jkt() != jkt {
        return Err(wrong("the DPoP proof is made with another key than the token is bound to"));
    }
    let (Some(method), Some(url)) = (question.method, question.url) else {
        return Err(wrong(
            "the request's method and address are not known, which a DPoP proof is held against: a gateway must send X-Original-Method and X-Original-URI and stand in `server.trusted_proxies`, and whoever asks here must say `method` and `dpop.url`",
        ));
    };
    let id = proof.check(&Shown { method, url, access_token: Some(token) }, now)?;
    // Last, since it takes longest.
    if !is_signed(&proof) {
        return Err(wrong("the key in the DPoP proof did not sign it"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_remembered_for_as_long_as_it_may_be_good_and_no_longer_than_twice_that() {
        let (seen, begin) = (Proofs::default(), 1_800_000_000_000_000);
        let id = |jti: &str| ProofId::new(&Digest::of("key"), jti);
        for offset in [0, LATEST / 2, LATEST - 1] {
            assert_eq!(seen.take(id(&offset.to_string()), begin + offset), Taken::First);
        }
        let last = (LATEST - 1).to_string();
        for later in [LATEST - 1, LATEST, 2 * LATEST - 1] {
            assert_eq!(seen.take(id(&last), begin + later), Taken::Again, "{later}");
        }
        assert_eq!(seen.take(id(&last), begin + 3 * LATEST), Taken::First);
        assert_eq!(seen.take(ProofId::new(&Digest::of("other"), &last), begin + 3 * LATEST), Taken::First);
    }

    #[test]
    fn a_clock_that_is_set_back_brings_no_proof_back_and_stops_nothing() {
        let (seen, now) = (Proofs::of(1), 1_800_000_000_000_000);
        let (back, id) = (now - 3_600_000_000, |jti: &str| ProofId::new(&Digest::of("key"), jti));
        assert_eq!(seen.take(id("1"), now), Taken::First);
        for later in [0, LATEST - 1, LATEST] {
            assert_eq!(seen.take(id("1"), back + later), Taken::Again, "{later}");
        }
        assert_eq!(seen.take(id("2"), back + LATEST), Taken::First);
    }

    #[test]
    fn what_there_is_no_room_for_is_not_taken_and_nothing_is_forgotten_for_it() {
        let (seen, now) = (Proofs::of(2), 1_800_000_000_000_000);
        let id = |jti: &str| ProofId::new(&Digest::of("key"), jti);
        for (jti, expected) in [
            ("1", Taken::First),
            ("2", Taken::First),
            ("3", Taken::Full),
            ("1", Taken::Again),
            ("2", Taken::Again),
        ] {
            assert_eq!(seen.take(id(jti), now), expected, "{jti}");
        }
        assert_eq!(seen.take(id("3"), now + LATEST), Taken::First);
    }
}
