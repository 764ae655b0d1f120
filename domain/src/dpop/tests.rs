//! What a proof must say, apart from its signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::credential::Digest;

const NOW: i64 = 1_800_000_000;
const URL: &str = "https://api.example/v1/users";
const TOKEN: &str = "e30.e30.c2ln";

fn jwk() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

fn header() -> Value {
    json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk()})
}

fn claims() -> Value {
    json!({"jti": "1", "htm": "GET", "htu": URL, "iat": NOW, "ath": Digest::of(TOKEN).to_string()})
}

fn text(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(header), part(claims))
}

fn changed(mut value: Value, name: &str, to: Value) -> Value {
    match to {
        Value::Null => value.as_object_mut().unwrap().remove(name),
        to => value.as_object_mut().unwrap().insert(name.to_owned(), to),
    };
    value
}

fn check(claims: &Value) -> Result<ProofId, InvalidProof> {
    let text = text(&header(), claims);
    let shown = Shown { method: "GET", url: URL, access_token: Some(TOKEN) };
    Proof::read(&text).unwrap().check(&shown, NOW * 1_000_000)
}

#[test]
fn a_proof_names_its_key_and_no_private_one() {
    let proof = text(&header(), &claims());
    assert_eq!(Proof::read(&proof).unwrap().jkt().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    for (name, to) in [
        ("typ", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("alg", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("jwk", Value::Null),
        ("jwk", json!("x")),
        ("jwk", json!({"kty": "oct", "k": "c2VjcmV0"})),
        ("jwk", changed(jwk(), "d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))),
        ("jwk", changed(jwk(), "x", json!("\",\"y\":\""))),
        ("jwk", changed(jwk(), "crv", json!("X25519"))),
        ("jku", json!("https://evil.example/")),
        ("x5c", json!([])),
        ("crit", json!(["b64"])),
    ] {
        assert!(Proof::read(&text(&changed(header(), name, to.clone()), &claims())).is_err(), "{name}: {to}");
    }
    for wrong in ["", "a.b", "e30.e30.c2ln", "Bearer"] {
        assert!(Proof::read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_proof_is_for_one_request_now() {
    let first = check(&claims()).unwrap();
    assert_eq!(first, check(&claims()).unwrap(), "it is known again");
    assert_ne!(first, check(&changed(claims(), "jti", json!("2"))).unwrap());
    for (name, to) in [
        ("iat", json!(NOW - 60)),
        ("iat", json!(NOW + 60)),
        ("htu", json!(format!("{URL}?page=2"))),
        ("jti", json!("x".repeat(256))),
        ("nonce", json!("nobody asked for it")),
    ] {
        assert!(check(&changed(claims(), name, to.clone())).is_ok(), "{name}: {to}");
    }
    for (name, to) in [
        ("iat", json!(NOW - 61)),
        ("iat", json!(NOW + 61)),
        ("iat", json!("1800000000")),
        ("iat", Value::Null),
        ("htm", json!("POST")),
        ("htm", json!("get")),
        ("htm", Value::Null),
        ("htu", json!("https://api.example/v1/payments")),
        ("htu", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(257))),
        ("jti", Value::Null),
        ("ath", json!(Digest::of("other").to_string())),
        ("ath", Value::Null),
    ] {
        assert!(check(&changed(claims(), name, to.clone())).is_err(), "{name}: {to}");
    }
}

#[test]
fn without_a_token_there_is_nothing_to_hash() {
    let text = text(&header(), &changed(claims(), "ath", Value::Null));
    let shown = Shown { method: "GET", url: URL, access_token: None };
    assert!(Proof::read(&text).unwrap().check(&shown, NOW * 1_000_000).is_ok());
}

#[test]
fn challenges_name_the_algorithms_that_there_are() {
    for challenge in [Challenge::InvalidToken, Challenge::InvalidProof] {
        let named = format!("algs=\"{}\"", ALGORITHMS.join(" "));
        assert!(challenge.www_authenticate().contains(&named));
    }
}
