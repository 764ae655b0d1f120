//! Attacks on service JWTs, named after their numbers in the list of cases.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nexus_tests::verify_with;
use serde_json::json;

use super::{Services, body, claims, code, hs256, now, unsigned, with, without};
use crate::dialects::READ;

#[test]
fn case_1_no_algorithm_is_none() {
    let services = Services::new(&body());
    for alg in ["none", "None", "nOnE"] {
        let header = with(services.header(), "alg", json!(alg));
        services.refused(&header, &claims());
        let bare = format!("{}.", unsigned(&header, &claims()));
        assert_eq!(services.product.with_key(&bare, &READ).status, 401, "{alg}");
    }
}

#[test]
fn case_2_a_published_key_signs_nothing() {
    let services = Services::new(&body());
    let keys = services.product.node.client().get("/.well-known/jwks.json").expect(200).json();
    for key in keys["keys"].as_array().unwrap() {
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": key["kid"]});
        let x = key["x"].as_str().unwrap();
        let raw = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
        let der = [[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0].as_slice(), &raw].concat();
        let pem = base64::prelude::BASE64_STANDARD.encode(der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n");
        for known in [x, &pem, &key.to_string()] {
            let token = hs256(known, &header, &claims());
            assert_eq!(services.product.with_key(&token, &READ).status, 401);
            assert_eq!(code(&services.product.admin(), &token), "MALFORMED");
        }
    }
}

#[test]
fn case_3_the_algorithm_is_not_the_headers_to_choose() {
    let services = Services::new(&body());
    for alg in ["HS384", "HS512", "RS256", "ES256", "EdDSA"] {
        services.refused(&with(services.header(), "alg", json!(alg)), &claims());
    }
}

#[test]
fn case_4_no_key_of_the_callers_is_used_or_fetched() {
    let services = Services::new(&body());
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let place = format!("http://{}/keys", trap.local_addr().unwrap());
    for (name, value) in [
        ("jwk", json!({"kty": "oct", "k": BASE64_URL_SAFE_NO_PAD.encode(&services.secret)})),
        ("jku", json!(place)),
        ("x5u", json!(place)),
        ("x5c", json!(["MIIB"])),
    ] {
        services.refused(&with(services.header(), name, value), &claims());
    }
    assert_eq!(trap.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came for a key");
}

#[test]
fn case_5_a_kid_is_an_id_of_ours() {
    let services = Services::new(&body());
    let long = "k".repeat(3 * 1024);
    for kid in ["../../etc/passwd", "' OR '1'='1", "a\u{0}b", "", long.as_str(), "jws", "nxjs_1"] {
        services.refused(&with(services.header(), "kid", json!(kid)), &claims());
    }
    services.refused(&without(services.header(), "kid"), &claims());
    let huge = with(services.header(), "kid", json!("k".repeat(10 * 1024)));
    let verdict = code(&services.product.admin(), &hs256(&services.secret, &huge, &claims()));
    assert_eq!(verdict, "MALFORMED", "10 KB, where headers would not carry it");
}

#[test]
fn case_6_a_kid_speaks_for_its_tenant_alone() {
    let services = Services::new(&body());
    let other = nexus_tests::Tenant::create(&services.product.admin(), "nexus");
    let created = services.product.admin().post(&other.path("/jwt-secrets"), &body()).expect(201).json();
    let foreign = with(services.header(), "kid", created["jwt_secret"]["id"].clone());
    services.refused(&foreign, &claims());
    let own = verify_with(&services.product.admin(), &json!({"credential": services.token()}));
    assert_eq!(own["tenant_id"], services.product.tenant.id.as_str());
    let claimed = with(claims(), "tenant_id", json!(other.id));
    let claimed = hs256(&services.secret, &services.header(), &claimed);
    let verdict = verify_with(&services.product.admin(), &json!({"credential": claimed}));
    assert_eq!(verdict["tenant_id"], services.product.tenant.id.as_str(), "whatever it says");
    for path in ["", "/rotate", "/revoke"] {
        let kid = created["jwt_secret"]["id"].as_str().unwrap();
        let path = services.product.tenant.path(&format!("/jwt-secrets/{kid}{path}"));
        let method = if path.ends_with(kid) { "GET" } else { "POST" };
        let answer =
            services.product.admin().send(method, &path, (method == "POST").then_some(b"{}".as_slice()));
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[test]
fn case_7_an_extension_that_nobody_knows_is_refused() {
    let services = Services::new(&body());
    for (name, value) in [("crit", json!(["x-unknown"])), ("crit", json!(["exp"])), ("b64", json!(false))] {
        services.refused(&with(services.header(), name, value), &claims());
    }
}

#[test]
fn case_8_times_are_numbers() {
    let services = Services::new(&body());
    for name in ["exp", "nbf", "iat"] {
        services.refused(&services.header(), &with(claims(), name, json!(now().to_string())));
    }
}

/// The verdict on a token one of whose times is so many seconds from now. Some time passes between the reading of the clock here
/// and the verdict there; to the second, the validator's own tests hold it.
fn at(services: &Services, name: &str, shift: i64) -> String {
    let time = i64::try_from(now()).unwrap() + shift;
    let token = hs256(&services.secret, &services.header(), &with(claims(), name, json!(time)));
    code(&services.product.admin(), &token)
}

#[test]
fn case_9_a_token_ends_and_within_a_day() {
    let services = Services::new(&body());
    let admin = services.product.admin();
    services.refused(&services.header(), &without(claims(), "exp"));
    assert_eq!(at(&services, "exp", 100 * 365 * 86_400), "MALFORMED");
    assert_eq!((at(&services, "exp", -30), at(&services, "exp", -61)), ("VALID".into(), "EXPIRED".into()));
    let late = with(claims(), "exp", json!(now() - 3600));
    let told =
        verify_with(&admin, &json!({"credential": hs256(&services.secret, &services.header(), &late)}));
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("360") && detail.contains("60 s are tolerated"), "{detail}");
}

#[test]
fn case_10_a_token_that_has_not_begun_is_refused() {
    let services = Services::new(&body());
    for name in ["nbf", "iat"] {
        let verdicts = (at(&services, name, 59), at(&services, name, 90));
        assert_eq!(verdicts, ("VALID".into(), "NOT_YET_VALID".into()), "{name}");
    }
}

#[test]
fn case_11_a_token_for_somebody_else_is_refused() {
    let services = Services::new(&body());
    for aud in
        [json!("https://other.test"), json!(["https://other.test"]), json!([7]), json!({"a": 1}), json!(7)]
    {
        services.refused(&services.header(), &with(claims(), "aud", aud));
    }
}
