//! A table with a client of the server and a tenant's secret for service JWTs, and the keys to sign as either.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm as Signed, EncodingKey};
use nexus_domain::dialect::built_in;
use nexus_domain::ids::{JwtSecretId, KeyId, SigningKeyId, TenantId};
use nexus_domain::jwt::{EdwardsCurve, PublicJwk};
use nexus_domain::scope::ScopeSet;
use nexus_domain::validity::{
    ClientEntry, Entry, JwtSecretEntry, JwtSecretVersionEntry, TenantEntry, VerifyingKeyEntry,
};
use nexus_domain::verification::{Code, Question, SecretStatus};
use nexus_validator::lease::{LENGTH, Lease};
use nexus_validator::{SecretKeys, Sight, Validator};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use uuid::Uuid;

/// The time of every question, in Unix seconds.
pub const NOW: i64 = 1_750_000_000;
/// Who issues tokens.
pub const ISSUER: &str = "https://nexus.test";

const SECRET: &str = "a secret of 32 bytes and not one more";
const SEALING_KEY: [u8; 32] = [9; 32];

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub enum Signer {
    /// The server, with Ed25519.
    Server,
    /// A tenant's service, with HMAC.
    Service,
}

/// What checks tokens.
pub struct Tokens {
    validator: Validator,
    sight: Sight,
    server: EncodingKey,
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokens {
    /// A table with one of each.
    ///
    /// # Panics
    /// Never: what it holds is the same every time.
    #[must_use]
    pub fn new() -> Self {
        let validator = Validator::new(Arc::new(built_in()));
        validator.learn_secret_keys(&SecretKeys::new([("nexus".to_owned(), SEALING_KEY)]));
        let tenant = TenantEntry { tenant_id: tenant_id(), dialect: "nexus".into(), suspended: false };
        let (server, public) = edwards();
        let entries = [
            Entry::Tenant(tenant),
            Entry::VerifyingKeys(vec![public]),
            Entry::Client(Box::new(client())),
            Entry::JwtSecret(Box::new(secret())),
        ];
        validator.apply(entries, 1);
        let lease = Lease::new();
        lease.extend(LENGTH);
        let sight = lease.holds(Duration::ZERO).expect("a lease that has just begun").into();
        Self { validator, sight, server }
    }

    /// The `kid` of the server's key.
    #[must_use]
    pub fn server_kid(&self) -> String {
        server_kid().to_string()
    }

    /// The `kid` of the service's secret.
    #[must_use]
    pub fn service_kid(&self) -> String {
        secret_id().to_string()
    }

    /// A token of this header and these claims, whatever they are.
    ///
    /// # Panics
    /// Where it cannot be signed at all.
    #[must_use]
    pub fn sign(&self, signer: Signer, header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let text = format!("{}.{}", part(header), part(claims));
        let signature = match signer {
            Signer::Server => sign(text.as_bytes(), &self.server, Signed::EdDSA),
            Signer::Service => {
                sign(text.as_bytes(), &EncodingKey::from_secret(SECRET.as_bytes()), Signed::HS256)
            }
        };
        format!("{text}.{}", signature.expect("a signature"))
    }

    /// The verdict on a token.
    ///
    /// # Panics
    /// Where it is refused without a word.
    #[must_use]
    pub fn ask(&self, token: &str) -> Code {
        let question = Question::default();
        let decision = self.validator.verify_credential(&self.sight, None, token, &question, NOW * 1_000_000);
        let decision = decision.expect("no dialect was named");
        if let Err(refused) = &decision.outcome {
            assert!(!refused.detail.is_empty(), "{refused:?}");
        }
        decision.code()
    }
}

fn tenant_id() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn server_kid() -> SigningKeyId {
    SigningKeyId::new(Uuid::from_u128(1))
}

fn secret_id() -> JwtSecretId {
    JwtSecretId::new(Uuid::from_u128(0x51))
}

/// A key on an Edwards curve, in PKCS #8 (RFC 8410 section 7).
fn edwards() -> (EncodingKey, VerifyingKeyEntry) {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    // Not that of any token among the seeds: those are signed by nobody here.
    let seed = [3; 32];
    let private = EncodingKey::from_ed_der(&[head.as_slice(), &seed].concat());
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed");
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key());
    let jwk = PublicJwk::Edwards { crv: EdwardsCurve::Ed25519, x };
    let algorithm = jwk.algorithm();
    let public =
        VerifyingKeyEntry { kid: server_kid(), algorithm, issuer: ISSUER.into(), jwk, not_after: i64::MAX };
    (private, public)
}

fn scopes() -> ScopeSet {
    ["read:users", "write:users"].iter().map(|scope| scope.parse().expect("a scope")).collect()
}

fn client() -> ClientEntry {
    ClientEntry {
        id: KeyId::new(Uuid::from_u128(70)),
        client_id: "nxc_1".into(),
        tenant_id: tenant_id(),
        name: "Billing".into(),
        environment: "live".into(),
        scopes: scopes(),
        restrictions: Default::default(),
        ip_allowlist: Vec::new(),
        revoked: false,
    }
}

/// The service's secret, sealed as API nodes seal it.
fn secret() -> JwtSecretEntry {
    let version = JwtSecretVersionEntry {
        version: 1,
        status: SecretStatus::Current,
        not_after: i64::MAX,
        sealed_id: Uuid::from_u128(0x51),
        sealed: String::new(),
    };
    let mut entry = JwtSecretEntry {
        id: secret_id(),
        tenant_id: tenant_id(),
        name: "Payments".into(),
        environment: "live".into(),
        scopes: scopes(),
        versions: vec![version],
    };
    let context = entry.context(&entry.versions[0]);
    let mut bytes = SECRET.as_bytes().to_vec();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &SEALING_KEY).expect("a key"));
    let nonce = Nonce::assume_unique_for_key([7; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(context.as_bytes()), &mut bytes).expect("sealed");
    entry.versions[0].sealed = BASE64_URL_SAFE_NO_PAD.encode([[7; 12].as_slice(), &bytes].concat());
    entry
}
