//! The baseline: the claims of an access token, written and signed, and nothing else.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_domain::token::AccessClaims;
use serde_json::json;

use crate::Failure;
use crate::rate::Counter;

/// A key and what it signs.
#[derive(Clone)]
pub(super) struct Signing(Arc<(Ed25519KeyPair, AccessClaims)>);

impl Signing {
    pub(super) fn of(claims: AccessClaims) -> Result<Self, Failure> {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?;
        Ok(Self(Arc::new((Ed25519KeyPair::from_pkcs8(key.as_ref())?, claims))))
    }

    /// Tokens a second, by so many threads.
    pub(super) async fn rate(&self, threads: u32, span: Duration) -> Result<f64, Failure> {
        let counter = Counter::default();
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..threads {
            let (signing, counter) = (self.clone(), counter.clone());
            running.spawn_blocking(move || -> Result<(), Failure> {
                while counter.goes_on() {
                    black_box(signing.sign()?);
                    counter.one();
                }
                Ok(())
            });
        }
        let rate = counter.watch(span).await;
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        Ok(rate)
    }

    fn sign(&self) -> Result<String, Failure> {
        let (key, claims) = &*self.0;
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "00000000-0000-7000-8000-000000000000"});
        let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, KeyPair, UnparsedPublicKey};

    use super::*;

    #[test]
    fn what_is_signed_are_the_claims() {
        let claims: AccessClaims = serde_json::from_value(json!({
            "iss": "https://nexus.example", "sub": "nxc_1", "aud": "https://nexus.example", "exp": 3600, "iat": 0,
            "jti": "token_1", "client_id": "nxc_1", "scope": "read:users",
            "tenant_id": "01a2045c-f0a1-7c3e-9d54-0f6b1a2c3d4e", "environment": "live",
        }))
        .unwrap();
        let signing = Signing::of(claims.clone()).unwrap();
        let token = signing.sign().unwrap();
        assert_eq!(super::super::claims(&token).unwrap(), claims);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = signing.0.0.public_key().as_ref();
        UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &signature).unwrap();
    }
}
