//! Publish a signing key that was made, where it is time for it.

use chrono::{DateTime, Utc};

use super::{Schedule, SigningKeyEvent, SigningKeyIntroduced, SigningKeys};
use crate::ids::SigningKeyId;
use crate::jwt::{Algorithm, PublicJwk};

/// Publishes a key. Its private half is stored before.
#[derive(Debug, Clone)]
pub struct IntroduceSigningKey {
    /// Its id.
    pub kid: SigningKeyId,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// As whom it signs.
    pub issuer: String,
    /// Its public half.
    pub jwk: PublicJwk,
    /// When keys come and go.
    pub schedule: Schedule,
    /// The time at the edge.
    pub now: DateTime<Utc>,
}

impl IntroduceSigningKey {
    /// No event where another process was faster: then its key is the one.
    pub(super) fn decide(self, keys: &SigningKeys) -> Option<SigningKeyEvent> {
        let Self { kid, algorithm, issuer, jwk, schedule, now } = self;
        let signs_from = keys.next_signs_from(&issuer, algorithm, schedule, now)?;
        Some(SigningKeyEvent::SigningKeyIntroduced(SigningKeyIntroduced {
            kid,
            algorithm,
            issuer,
            jwk,
            signs_from,
            introduced_at: now,
        }))
    }
}
