//! Whoever holds a key, and makes proofs with it (RFC 9449).

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use nexus_tests::Answer;
use rcgen::KeyPair;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Platform, Registered, send_form};
use crate::tokens::now;

/// Whoever holds a key.
pub(super) struct Holder {
    key: EncodingKey,
    jwk: Value,
}

impl Holder {
    pub(super) fn new() -> Self {
        let pair = KeyPair::generate().unwrap();
        let point = pair.public_key_raw();
        let coordinate = |range| URL_SAFE_NO_PAD.encode(&point[range]);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": coordinate(1..33), "y": coordinate(33..65)});
        Self { key: EncodingKey::from_ec_der(&pair.serialize_der()), jwk }
    }

    pub(super) fn jkt(&self) -> String {
        let text = |name: &str| self.jwk[name].as_str().unwrap().to_owned();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text("x"), text("y"));
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    pub(super) fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk})
    }

    pub(super) fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = sign(signed.as_bytes(), &self.key, Algorithm::ES256).unwrap();
        format!("{signed}.{signature}")
    }

    pub(super) fn proof(&self, method: &str, url: &str, token: Option<&str>) -> String {
        self.signed(&self.header(), &claims(method, url, token))
    }
}

pub(super) fn claims(method: &str, url: &str, token: Option<&str>) -> Value {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    let mut claims = json!({"jti": id, "htm": method, "htu": url, "iat": now()});
    if let Some(token) = token {
        claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into();
    }
    claims
}

impl Platform {
    pub(super) fn with_proof(
        &self,
        path: &str,
        proof: &str,
        client: &Registered,
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut all = vec![("client_id", client.client_id.as_str())];
        all.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
        all.extend(fields);
        send_form(&self.node.client().header("dpop", proof), path, &all)
    }

    pub(super) fn proof_here(&self, holder: &Holder, path: &str) -> String {
        holder.proof("POST", &format!("{}{path}", self.node.url()), None)
    }

    /// Tokens for what is asked, bound to the holder's key.
    pub(super) fn bound(&self, holder: &Holder, client: &Registered, fields: &[(&str, &str)]) -> Answer {
        self.with_proof("/oauth/token", &self.proof_here(holder, "/oauth/token"), client, fields)
    }

    pub(super) fn bound_for_itself(&self, holder: &Holder, client: &Registered) -> String {
        let answer = self.bound(holder, client, &[("grant_type", "client_credentials")]).expect(200).json();
        assert_eq!(answer["token_type"], "DPoP");
        answer["access_token"].as_str().unwrap().to_owned()
    }
}
