//! Signs tokens, and keeps the keys for it: makes the next one in time, retires those of which nothing is left, and holds the
//! private halves in memory. Any API node does it; the log decides between two.

mod private_key;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_domain::ids::SigningKeyId;
use nexus_domain::jwt::{Algorithm, LONGEST_TOKEN};
use nexus_domain::signing_key::{IntroduceSigningKey, RetireSigningKeys, Schedule, SigningKeys};
use serde::Serialize;
use tokio::sync::watch;

use self::private_key::PrivateKey;
use crate::gate::{Gate, GateError};
use crate::sealed_secrets::SealedSecretError;

/// How often it is looked whether a key is due. Keys are published a day before they sign, so that this may fail for long.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Room for what dialects put in front of a token.
const LONGEST_PREFIX: usize = 64;

/// A token cannot be signed, or a key not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The log could not be read or written.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The private half of a key could not be stored or read.
    #[error(transparent)]
    Sealed(#[from] SealedSecretError),
    /// The cryptography failed, or a private half is none.
    #[error("the signing key cannot be used")]
    Key,
    /// There is no key to sign with.
    #[error("there is no key to sign with {0}; add it to `signing.algorithms`")]
    NoKey(Algorithm),
    /// Keys of this kind are shared with others, and so never make tokens.
    #[error("{0} is no algorithm of a signing key")]
    NoPublicKey(Algorithm),
    /// Nobody would accept it: it is longer than [`LONGEST_TOKEN`], or would be with a prefix.
    #[error("the token is too long")]
    TooLong,
    /// What is to be signed cannot be written as JSON.
    #[error("the claims cannot be written")]
    Claims(#[from] serde_json::Error),
}

/// What signs tokens in a process. Shared by `Arc`.
pub struct Signer {
    gate: Arc<Gate>,
    issuer: String,
    algorithms: Vec<Algorithm>,
    schedule: Schedule,
    held: Mutex<Held>,
}

/// The keys as they were last read.
#[derive(Default, Clone)]
struct Held {
    keys: Arc<SigningKeys>,
    private: HashMap<SigningKeyId, Arc<PrivateKey>>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: Algorithm,
    typ: &'a str,
    kid: SigningKeyId,
}

impl Signer {
    /// What signs as an issuer with these algorithms, the first of which is the usual one. It has no keys until
    /// [`Signer::keep`] has read them.
    #[must_use]
    pub fn new(gate: Arc<Gate>, issuer: &str, algorithms: Vec<Algorithm>) -> Self {
        Self {
            gate,
            issuer: issuer.to_owned(),
            algorithms,
            schedule: Schedule::default(),
            held: Mutex::default(),
        }
    }

    /// As whom it signs.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs claims into a token (RFC 7515 section 7.1). `typ` says what kind of token it is, such as
    /// [`nexus_domain::token::ACCESS_TOKEN`]; without an algorithm it is the usual one. From memory.
    ///
    /// # Errors
    /// [`SigningError`]
    pub fn sign(
        &self,
        typ: &str,
        claims: &impl Serialize,
        algorithm: Option<Algorithm>,
    ) -> Result<String, SigningError> {
        let usual = self.algorithms.first().copied().unwrap_or(Algorithm::EdDsa);
        let alg = algorithm.unwrap_or(usual);
        let (kid, key) = self.current(alg)?;
        let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Header { alg, typ, kid })?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > LONGEST_TOKEN - LONGEST_PREFIX { Err(SigningError::TooLong) } else { Ok(token) }
    }

    fn current(&self, algorithm: Algorithm) -> Result<(SigningKeyId, Arc<PrivateKey>), SigningError> {
        let held = self.held();
        let current = held.keys.signing(&self.issuer, algorithm, self.gate.clock().now());
        let current = current.and_then(|key| Some((key.kid, Arc::clone(held.private.get(&key.kid)?))));
        current.ok_or(SigningError::NoKey(algorithm))
    }

    /// The keys that others check signatures with, also those of other issuers of this deployment, as they were last read.
    #[must_use]
    pub fn keys(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.held().keys)
    }

    /// Makes the keys that are due, retires those whose time has come, and reads what there is.
    ///
    /// # Errors
    /// [`SigningError`]; what was read before stays.
    pub async fn keep(&self) -> Result<(), SigningError> {
        let mut keys = self.gate.signing_keys().await?;
        for algorithm in self.algorithms.iter().copied() {
            let now = self.gate.clock().now();
            if keys.next_signs_from(&self.issuer, algorithm, self.schedule, now).is_some() {
                keys = self.introduce(algorithm).await?;
            }
        }
        let now = self.gate.clock().now();
        if keys.over(self.schedule, now).next().is_some() {
            keys = self.retire().await?;
        }
        self.sweep(&keys).await?;
        self.hold(keys).await
    }

    /// Forgets the private halves of retired keys that a process left behind which ended between the event and this.
    async fn sweep(&self, keys: &SigningKeys) -> Result<(), SigningError> {
        let retired = keys.all().iter().filter(|key| key.retired_at.is_some());
        let contexts: Vec<String> = retired.map(|key| context(key.kid)).collect();
        let sealed = self.gate.sealed_secrets();
        for (left, _) in sealed.stored(&contexts).await.map_err(SealedSecretError::from)? {
            sealed.forget(&left).await.map_err(SealedSecretError::from)?;
        }
        Ok(())
    }

    /// Keeps the keys until `stop` turns true.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            if let Err(error) = self.keep().await {
                tracing::warn!(%error, "signing keys cannot be looked after just now; those in use go on");
            }
        }
    }

    async fn introduce(&self, algorithm: Algorithm) -> Result<SigningKeys, SigningError> {
        // RSA takes a second.
        let made = tokio::task::spawn_blocking(move || PrivateKey::generate(algorithm)).await;
        let (secret, jwk) = made.map_err(|_| SigningError::Key)??;
        let now = self.gate.clock().now();
        let kid = SigningKeyId::new(self.gate.entropy().uuid_v7(now));
        // Before the event: a key that is published and cannot sign would be worse than one that nobody knows of.
        self.gate.sealed_secrets().keep(&context(kid), &secret).await?;
        let issuer = self.issuer.clone();
        let command = IntroduceSigningKey { kid, algorithm, issuer, jwk, schedule: self.schedule, now };
        let introduced = self.gate.introduce_signing_key(command).await;
        let counts = introduced.as_ref().is_ok_and(|keys| keys.all().iter().any(|key| key.kid == kid));
        // Where the store did not answer, the event may stand all the same.
        let unknown = matches!(introduced, Err(GateError::Unavailable(_) | GateError::Stopping));
        if !counts && !unknown {
            // Another process was faster.
            self.gate.sealed_secrets().forget(&context(kid)).await.map_err(SealedSecretError::from)?;
        }
        Ok(introduced?)
    }

    /// Nothing is signed with them any more, and nothing can be: their private halves go next.
    async fn retire(&self) -> Result<SigningKeys, SigningError> {
        let command = RetireSigningKeys { schedule: self.schedule, now: self.gate.clock().now() };
        Ok(self.gate.retire_signing_keys(command).await?)
    }

    async fn hold(&self, keys: SigningKeys) -> Result<(), SigningError> {
        let known = self.held().private.clone();
        let mut private = HashMap::new();
        for key in keys.published().filter(|key| key.issuer == self.issuer) {
            let held = match known.get(&key.kid) {
                Some(held) => Arc::clone(held),
                None => {
                    let Some(secret) = self.gate.sealed_secrets().get(&context(key.kid)).await? else {
                        tracing::error!(kid = %key.kid, "the private half of a signing key is missing");
                        continue;
                    };
                    Arc::new(PrivateKey::read(key.algorithm, &secret)?)
                }
            };
            private.insert(key.kid, held);
        }
        *self.held() = Held { keys: Arc::new(keys), private };
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the private half of a key is kept.
fn context(kid: SigningKeyId) -> String {
    format!("signing-key/{kid}")
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
