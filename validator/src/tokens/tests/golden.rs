//! `tests/golden/jwt.json`: tokens and what is to be said of them, for every program that makes or checks them.

use super::*;

/// Name, what to do with it, and the expected code.
fn cases() -> Vec<(&'static str, String, &'static str)> {
    let access = |header: Value, claims: Value| by_server(&header, &claims);
    let service = |header: Value, claims: Value| by_service(SECRET, &header, &claims);
    let (ah, ac, sh, sc) = (access_header, access_claims, service_header, service_claims);
    vec![
        ("access token", access(ah(), ac()), "VALID"),
        ("access token, ended 59 s ago", access(ah(), with(ac(), "exp", json!(NOW - 59))), "VALID"),
        ("access token, ended 61 s ago", access(ah(), with(ac(), "exp", json!(NOW - 61))), "EXPIRED"),
        (
            "access token of another issuer",
            access(ah(), with(ac(), "iss", json!("https://other.test"))),
            "UNKNOWN",
        ),
        (
            "access token for somebody else",
            access(ah(), with(ac(), "aud", json!("https://other.test"))),
            "UNKNOWN",
        ),
        ("access token with another typ", access(with(ah(), "typ", json!("JWT")), ac()), "MALFORMED"),
        (
            "access token with a key of its own",
            access(with(ah(), "jku", json!("https://evil.test")), ac()),
            "MALFORMED",
        ),
        ("service JWT", service(sh(), sc()), "VALID"),
        ("service JWT without typ", service(without(sh(), "typ"), sc()), "VALID"),
        ("service JWT without permissions", service(sh(), without(sc(), "permissions")), "VALID"),
        ("service JWT without exp", service(sh(), without(sc(), "exp")), "MALFORMED"),
        (
            "service JWT with exp as a text",
            service(sh(), with(sc(), "exp", json!("1750003600"))),
            "MALFORMED",
        ),
        ("service JWT, 25 h long", service(sh(), with(sc(), "exp", json!(NOW + 25 * 3600))), "MALFORMED"),
        ("service JWT, ended 59 s ago", service(sh(), with(sc(), "exp", json!(NOW - 59))), "VALID"),
        ("service JWT, ended 61 s ago", service(sh(), with(sc(), "exp", json!(NOW - 61))), "EXPIRED"),
        ("service JWT, issued in 59 s", service(sh(), with(sc(), "iat", json!(NOW + 59))), "VALID"),
        ("service JWT, issued in 61 s", service(sh(), with(sc(), "iat", json!(NOW + 61))), "NOT_YET_VALID"),
        (
            "service JWT that begins in 61 s",
            service(sh(), with(sc(), "nbf", json!(NOW + 61))),
            "NOT_YET_VALID",
        ),
        (
            "service JWT for somebody else",
            service(sh(), with(sc(), "aud", json!("https://other.test"))),
            "UNKNOWN",
        ),
        ("service JWT without kid", service(without(sh(), "kid"), sc()), "MALFORMED"),
        (
            "service JWT of an unknown secret",
            service(with(sh(), "kid", json!(secret_id(9))), sc()),
            "UNKNOWN",
        ),
        (
            "service JWT of another secret",
            by_service("a secret that is not the tenant's", &sh(), &sc()),
            "UNKNOWN",
        ),
        ("service JWT with alg none", service(with(sh(), "alg", json!("none")), sc()), "MALFORMED"),
        ("service JWT with another alg", service(with(sh(), "alg", json!("HS512")), sc()), "MALFORMED"),
        ("service JWT with crit", service(with(sh(), "crit", json!(["exp"])), sc()), "MALFORMED"),
        (
            "service JWT with permissions as a text",
            service(sh(), with(sc(), "permissions", json!("read:users"))),
            "MALFORMED",
        ),
    ]
}

fn document() -> Value {
    let cases =
        cases().into_iter().map(|(name, token, code)| json!({"name": name, "token": token, "code": code}));
    let VerifyingKeyEntry { kid, jwk, .. } = verifying_key(1);
    json!({
        "about": "Tokens and the verdicts on them at `now`, with these keys. `service.signed` under HS256 with the whole text of \
                  `service.secret` has `service.signature`; `kid` is what stands between the two underscores of the secret.",
        "now": NOW,
        "issuer": ISSUER,
        "tenant_id": tenant_id(1),
        "verifying_keys": [{"kid": kid, "alg": Algorithm::EdDsa, "use": "sig", "kty": "OKP", "crv": "Ed25519", "x": match jwk {
            PublicJwk::Edwards { x, .. } => x,
            PublicJwk::Elliptic { .. } | PublicJwk::Rsa { .. } => String::new(),
        }}],
        "service": service(),
        "cases": cases.collect::<Vec<_>>(),
    })
}

fn service() -> Value {
    let token = by_service(SECRET, &service_header(), &service_claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    json!({
        "secret": SECRET, "kid": secret_id(0x51), "scopes": ["read:payments", "read:users"],
        "header": service_header(), "claims": service_claims(), "signed": signed, "signature": signature,
    })
}

#[test]
fn the_committed_cases_are_these_and_have_these_verdicts() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/jwt.json");
    let written = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("NEXUS_UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == written,
        "run NEXUS_UPDATE_GOLDEN=1 cargo test -p nexus-validator golden and commit it"
    );
    let validator = validator();
    let document: Value = serde_json::from_str(&committed).unwrap();
    for case in document["cases"].as_array().unwrap() {
        let code = ask(&validator, case["token"].as_str().unwrap());
        assert_eq!(code.as_str(), case["code"], "{}", case["name"]);
    }
    let kid = SECRET.split('_').nth(1).unwrap();
    assert_eq!(document["service"]["kid"], kid);
}
