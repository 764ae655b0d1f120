//! What a validator answers to tokens. Keys are fixed, so that a failure is the same in every run.

mod cache;
mod golden;
mod keys;
mod refused;
mod revoked;
mod wrong_signatures;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm as Checked, EncodingKey};
use nexus_domain::dialect::{Dialect, Dialects, built_in, management};
use nexus_domain::ids::{JwtSecretId, KeyId, SigningKeyId, TenantId};
use nexus_domain::jwt::{Algorithm, Curve, EdwardsCurve, PublicJwk};
use nexus_domain::scope::ScopeSet;
use nexus_domain::validity::{
    ClientEntry, Entry, JwtSecretEntry, JwtSecretVersionEntry, TenantEntry, VerifyingKeyEntry,
};
use nexus_domain::verification::{Code, Question, SecretStatus};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::lease::{LENGTH, Lease};
use crate::{Decision, SecretKeys, Sight, Validator};

pub(super) const NOW: i64 = 1_750_000_000;
pub(super) const MICROS: i64 = 1_000_000;
pub(super) const ISSUER: &str = "https://nexus.test";
pub(super) const SECRET: &str = "nxjs_jws00000000000000000000000000000051_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const SEALING_KEY: [u8; 32] = [9; 32];

pub(super) fn tenant_id(number: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(number))
}

pub(super) fn kid(number: u128) -> SigningKeyId {
    SigningKeyId::new(Uuid::from_u128(number))
}

pub(super) fn secret_id(number: u128) -> JwtSecretId {
    JwtSecretId::new(Uuid::from_u128(number))
}

fn scopes(scopes: &[&str]) -> ScopeSet {
    scopes.iter().map(|scope| scope.parse().unwrap()).collect()
}

/// PKCS #8 of an Ed25519 seed (RFC 8410 section 7).
fn edwards(seed: u8) -> EncodingKey {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    EncodingKey::from_ed_der(&[head.as_slice(), &[seed; 32]].concat())
}

/// Public and private half of a key on P-256: the example of RFC 7515 appendix A.3.
const P256: (&str, &str, &str) = (
    "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
);

/// PKCS #8 of that key (RFC 5915).
fn elliptic() -> EncodingKey {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let (x, y, d) = P256;
    let mut der = vec![0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13];
    der.extend([6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    der.extend([4, 0x6d, 0x30, 0x6b, 2, 1, 1, 4, 0x20]);
    der.extend(part(d));
    der.extend([0xa1, 0x44, 3, 0x42, 0, 4]);
    der.extend(part(x));
    der.extend(part(y));
    EncodingKey::from_ec_der(&der)
}

pub(super) fn token_text(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed_by(key: &EncodingKey, algorithm: Checked, text: &str) -> String {
    format!("{text}.{}", sign(text.as_bytes(), key, algorithm).unwrap())
}

/// Signed as the server does with its key on an Edwards curve.
pub(super) fn by_server(header: &Value, claims: &Value) -> String {
    signed_by(&edwards(1), Checked::EdDSA, &token_text(header, claims))
}

/// Signed as a service does with the tenant's secret.
pub(super) fn by_service(secret: &str, header: &Value, claims: &Value) -> String {
    signed_by(&EncodingKey::from_secret(secret.as_bytes()), Checked::HS256, &token_text(header, claims))
}

/// A key of the test as nodes know it. 1 is on an Edwards curve, 2 on P-256.
pub(super) fn verifying_key(number: u128) -> VerifyingKeyEntry {
    let jwk = if number == 2 {
        PublicJwk::Elliptic { crv: Curve::P256, x: P256.0.into(), y: P256.1.into() }
    } else {
        let x = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w".into();
        PublicJwk::Edwards { crv: EdwardsCurve::Ed25519, x }
    };
    let algorithm = jwk.algorithm();
    VerifyingKeyEntry { kid: kid(number), algorithm, issuer: ISSUER.into(), jwk, not_after: i64::MAX }
}

pub(super) fn tenant(number: u128, suspended: bool) -> Entry {
    Entry::Tenant(TenantEntry { tenant_id: tenant_id(number), dialect: "nexus".into(), suspended })
}

pub(super) fn client() -> ClientEntry {
    ClientEntry {
        id: KeyId::new(Uuid::from_u128(70)),
        client_id: "nxc_1".into(),
        tenant_id: tenant_id(1),
        name: "Billing".into(),
        environment: "live".into(),
        scopes: scopes(&["read:users", "write:users"]),
        restrictions: Default::default(),
        ip_allowlist: Vec::new(),
        revoked: false,
    }
}

/// A secret of tenant 1, sealed as API nodes seal it.
pub(super) fn secret(number: u128, text: &str) -> JwtSecretEntry {
    let version = JwtSecretVersionEntry {
        version: 1,
        status: SecretStatus::Current,
        not_after: i64::MAX,
        sealed_id: Uuid::from_u128(number),
        sealed: String::new(),
    };
    let mut entry = JwtSecretEntry {
        id: secret_id(number),
        tenant_id: tenant_id(1),
        name: "Payments".into(),
        environment: "live".into(),
        scopes: scopes(&["read:users", "read:payments"]),
        versions: vec![version],
    };
    seal(&mut entry, 0, text);
    entry
}

pub(super) fn seal(entry: &mut JwtSecretEntry, at: usize, text: &str) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &SEALING_KEY).unwrap());
    let context = entry.context(&entry.versions[at]);
    let mut bytes = text.as_bytes().to_vec();
    let nonce = Nonce::assume_unique_for_key([7; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(context.as_bytes()), &mut bytes).unwrap();
    entry.versions[at].sealed = BASE64_URL_SAFE_NO_PAD.encode([[7; 12].as_slice(), &bytes].concat());
}

/// Two tenants; the first has a client and a secret.
pub(super) fn validator() -> Validator {
    let nexus = Dialect::parse("nexus.toml", include_str!("../../../dialects/nexus.toml")).unwrap();
    let nexpay = Dialect::parse("nexpay.toml", include_str!("../../../dialects/nexpay.toml")).unwrap();
    let validator = Validator::new(Arc::new(Dialects::new([nexus, nexpay, management()]).unwrap()));
    validator.learn_secret_keys(&SecretKeys::new([("nexus".to_owned(), SEALING_KEY)]));
    validator.apply(
        [
            tenant(1, false),
            tenant(2, false),
            Entry::VerifyingKeys(vec![verifying_key(1), verifying_key(2)]),
            Entry::Client(Box::new(client())),
            Entry::JwtSecret(Box::new(secret(0x51, SECRET))),
        ],
        5,
    );
    validator
}

pub(super) fn access_header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid(1)})
}

pub(super) fn access_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "nxc_1", "aud": ISSUER, "exp": NOW + 3600, "iat": NOW, "jti": "tok_1",
        "client_id": "nxc_1", "scope": "read:users", "tenant_id": tenant_id(1), "environment": "live",
        "grant_id": "grant_1",
    })
}

pub(super) fn service_header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": secret_id(0x51)})
}

pub(super) fn service_claims() -> Value {
    json!({"service": "payments", "permissions": ["read:users"], "iat": NOW, "exp": NOW + 3600, "jti": "j_1"})
}

pub(super) fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

pub(super) fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

pub(super) fn sight() -> Sight {
    let lease = Lease::new();
    lease.extend(LENGTH);
    lease.holds(Duration::ZERO).unwrap().into()
}

pub(super) fn decide<'v>(validator: &'v Validator, token: &str, question: &Question<'_>) -> Decision<'v> {
    validator.verify_credential(&sight(), None, token, question, NOW * MICROS).unwrap()
}

pub(super) fn ask(validator: &Validator, token: &str) -> Code {
    decide(validator, token, &Question::default()).code()
}

#[test]
fn an_access_token_is_accepted_as_what_was_signed_into_it() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    for turn in ["first", "from the cache"] {
        let needed = ["read:users".to_owned()];
        let question =
            Question { required_scopes: &needed, environment: Some("live"), ..Question::default() };
        let decision = decide(&validator, &token, &question);
        assert_eq!(decision.outcome, Ok(()), "{turn}");
        assert_eq!(decision.dialect.unwrap().name, "nexus");
        let subject = decision.subject.unwrap();
        assert_eq!(subject.used(), (KeyId::new(Uuid::from_u128(70)), tenant_id(1), 1));
        assert_eq!((subject.kind(), subject.name()), ("access_token", "Billing"));
        assert_eq!(subject.not_after(), (NOW + 3600) * MICROS);
        assert_eq!(subject.rights().granted, "read:users");
        let needed = ["write:users".to_owned()];
        let more = Question { required_scopes: &needed, ..Question::default() };
        assert_eq!(decide(&validator, &token, &more).code(), Code::InsufficientScope);
    }
}

#[test]
fn a_key_on_another_curve_signs_as_well() {
    let validator = validator();
    let header = json!({"alg": "ES256", "typ": "application/AT+JWT", "kid": kid(2)});
    let token = signed_by(&elliptic(), Checked::ES256, &token_text(&header, &access_claims()));
    assert_eq!(ask(&validator, &token), Code::Valid);
}

#[test]
fn a_service_is_accepted_with_the_permissions_that_its_secret_contains() {
    let validator = validator();
    let claims =
        with(service_claims(), "permissions", json!(["read:users", "write:users", "process payments"]));
    let decision_of = |claims: &Value| {
        let token = by_service(SECRET, &service_header(), claims);
        let decision = decide(&validator, &token, &Question::default());
        assert_eq!(decision.outcome, Ok(()));
        decision.subject.unwrap()
    };
    let subject = decision_of(&claims);
    assert_eq!((subject.kind(), subject.name()), ("service", "Payments"));
    assert_eq!(subject.used(), (secret_id(0x51).key_id(), tenant_id(1), 1));
    assert_eq!(subject.rights().granted, "read:users");
    assert_eq!(decision_of(&without(claims, "permissions")).rights().granted, "", "nothing beyond validity");
    let header = without(service_header(), "typ");
    assert_eq!(ask(&validator, &by_service(SECRET, &header, &service_claims())), Code::Valid);
    let brought = "a secret of the tenant's own"; // 28 bytes; what is stored is not checked again.
    let mut entry = secret(0x52, brought);
    entry.scopes = scopes(&["admin:all"]);
    validator.apply([Entry::JwtSecret(Box::new(entry))], 6);
    let header = with(service_header(), "kid", json!(secret_id(0x52)));
    let claims = with(service_claims(), "permissions", json!(["process_payments"]));
    let decision = decide(&validator, &by_service(brought, &header, &claims), &Question::default());
    assert_eq!(
        decision.subject.unwrap().rights().granted,
        "process_payments",
        "its scopes contain everything"
    );
}

#[test]
fn a_node_that_serves_some_dialects_alone_says_so_of_tokens_of_others() {
    let some = Arc::new(built_in().only(|dialect| dialect.name == "nexpay"));
    let validator = Validator::new(some);
    validator.apply([Entry::VerifyingKeys(vec![verifying_key(1)])], 1);
    let foreign = [
        by_server(&access_header(), &access_claims()),
        by_service(SECRET, &service_header(), &service_claims()),
    ];
    for token in foreign {
        assert_eq!(ask(&validator, &token), Code::Unavailable);
        let named =
            validator.verify_credential(&sight(), Some("nexpay"), &token, &Question::default(), NOW * MICROS);
        assert_eq!(named.unwrap().code(), Code::Malformed, "that one takes no tokens");
    }
    assert_eq!(ask(&validator, "nx_live_a.b.c"), Code::Unavailable, "a prefix comes before the form");
}

#[test]
fn headers_carry_tokens_as_they_carry_keys() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    let ask = |dialect: &str, headers: &[(&str, &str)]| {
        let dialect = validator.dialect(dialect).unwrap();
        let (question, now) = (Question::default(), NOW * MICROS);
        validator.verify_headers(&sight(), dialect, headers.iter().copied(), &question, now).code()
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(ask("nexus", &[("authorization", &bearer)]), Code::Valid);
    assert_eq!(ask("nexus", &[("authorization", &bearer), ("authorization", &bearer)]), Code::Malformed);
    assert_eq!(ask("nexus", &[("authorization", &bearer), ("x-api-key", "x")]), Code::Malformed);
    assert_eq!(ask("nexus", &[("authorization", &token)]), Code::Malformed);
    let other = format!("ApiKey {token}");
    assert_eq!(ask("nexpay", &[("authorization", &other)]), Code::Malformed, "it accepts no tokens");
    let named =
        validator.verify_credential(&sight(), Some("nexpay"), &token, &Question::default(), NOW * MICROS);
    assert_eq!(named.unwrap().code(), Code::Malformed);
}
