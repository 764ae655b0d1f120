//! Attacks on tokens. The numbers are those of the list of cases.

use super::*;

fn refused(validator: &Validator, token: &str) -> Code {
    let code = ask(validator, token);
    assert_ne!(code, Code::Valid, "{token}");
    code
}

/// The same for both kinds of token.
fn both(validator: &Validator, change: impl Fn(Value, Value) -> (Value, Value), expected: Code) {
    let (header, claims) = change(access_header(), access_claims());
    assert_eq!(ask(validator, &by_server(&header, &claims)), expected, "{header} {claims}");
    let (header, claims) = change(service_header(), service_claims());
    assert_eq!(ask(validator, &by_service(SECRET, &header, &claims)), expected, "{header} {claims}");
}

fn claim(validator: &Validator, name: &str, value: &Value, expected: Code) {
    both(validator, |header, claims| (header, with(claims, name, value.clone())), expected);
}

#[test]
fn case_1_no_algorithm_is_none() {
    let validator = validator();
    for alg in ["none", "None", "nOnE", "NONE", "", "eddsa", "HS512"] {
        both(&validator, |header, claims| (with(header, "alg", json!(alg)), claims), Code::Malformed);
        let header = with(access_header(), "alg", json!(alg));
        assert_eq!(
            refused(&validator, &format!("{}.AA", token_text(&header, &access_claims()))),
            Code::Malformed
        );
        let unsigned = format!("{}.", token_text(&header, &access_claims()));
        assert_eq!(refused(&validator, &unsigned), Code::Malformed);
    }
}

#[test]
fn case_2_a_public_key_is_no_secret() {
    let validator = validator();
    let header = with(access_header(), "alg", json!("HS256"));
    let x = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w";
    let raw = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=\n-----END PUBLIC KEY-----\n";
    for known in [x.as_bytes(), &raw, pem.as_bytes()] {
        let key = EncodingKey::from_secret(known);
        let token = signed_by(&key, Checked::HS256, &token_text(&header, &access_claims()));
        assert_eq!(refused(&validator, &token), Code::Malformed);
    }
}

#[test]
fn case_3_the_algorithm_is_the_keys() {
    let validator = validator();
    for alg in ["ES256", "RS256", "HS256"] {
        let header = with(access_header(), "alg", json!(alg));
        assert_eq!(refused(&validator, &by_server(&header, &access_claims())), Code::Malformed);
    }
    for alg in ["EdDSA", "ES256", "RS256"] {
        let header = with(service_header(), "alg", json!(alg));
        assert_eq!(refused(&validator, &by_service(SECRET, &header, &service_claims())), Code::Malformed);
    }
    let swapped = with(access_header(), "kid", json!(kid(2)));
    assert_eq!(refused(&validator, &by_server(&swapped, &access_claims())), Code::Malformed);
}

#[test]
fn case_4_a_header_brings_no_key() {
    let validator = validator();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"});
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.test/keys")),
        ("x5u", json!("https://evil.test/cert")),
        ("x5c", json!(["MII"])),
    ] {
        both(&validator, |header, claims| (with(header, name, value.clone()), claims), Code::Malformed);
    }
}

#[test]
fn case_7_a_header_brings_no_extension() {
    let validator = validator();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["x-unknown"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        both(&validator, |header, claims| (with(header, name, value.clone()), claims), Code::Malformed);
    }
}

#[test]
fn case_5_a_kid_is_an_id_of_ours() {
    let validator = validator();
    let long = "k".repeat(5 * 1024);
    for kid in ["../../etc/passwd", "' OR 1=1 --", "sgn\u{0}", "", long.as_str(), "sgn", "key_1"] {
        both(&validator, |header, claims| (with(header, "kid", json!(kid)), claims), Code::Malformed);
    }
    both(&validator, |header, claims| (with(header, "kid", json!(7)), claims), Code::Malformed);
    both(&validator, |header, claims| (without(header, "kid"), claims), Code::Malformed);
    let huge = with(access_header(), "kid", json!("k".repeat(10 * 1024)));
    assert_eq!(refused(&validator, &by_server(&huge, &access_claims())), Code::Malformed);
    let unknown = with(access_header(), "kid", json!(kid(9)));
    assert_eq!(refused(&validator, &by_server(&unknown, &access_claims())), Code::Unknown);
    let unknown = with(service_header(), "kid", json!(secret_id(9)));
    assert_eq!(refused(&validator, &by_service(SECRET, &unknown, &service_claims())), Code::Unknown);
}

#[test]
fn case_6_a_secret_speaks_for_its_own_tenant() {
    let validator = validator();
    let token =
        by_service(SECRET, &service_header(), &with(service_claims(), "tenant_id", json!(tenant_id(2))));
    let question = Question { tenant: Some(tenant_id(2)), ..Question::default() };
    assert_eq!(decide(&validator, &token, &question).code(), Code::TenantMismatch);
    let mut other = secret(0x52, "another secret of another tenant, long");
    other.tenant_id = tenant_id(2);
    seal(&mut other, 0, "another secret of another tenant, long");
    validator.apply([Entry::JwtSecret(Box::new(other))], 6);
    let header = with(service_header(), "kid", json!(secret_id(0x52)));
    assert_eq!(refused(&validator, &by_service(SECRET, &header, &service_claims())), Code::Unknown);
    let foreign = with(access_claims(), "tenant_id", json!(tenant_id(2)));
    let agreed = decide(&validator, &by_server(&access_header(), &foreign), &Question::default()).code();
    assert_eq!(agreed, Code::Valid, "the other tenant agreed to the client");
    let foreign = without(foreign, "grant_id");
    assert_eq!(
        refused(&validator, &by_server(&access_header(), &foreign)),
        Code::Unknown,
        "not that client's"
    );
}

#[test]
fn case_8_times_are_numbers() {
    let validator = validator();
    for name in ["exp", "nbf", "iat"] {
        for wrong in [json!("1750003600"), json!(true), json!(null), json!([1]), json!(1e300)] {
            claim(&validator, name, &wrong, Code::Malformed);
        }
    }
    let fraction = with(service_claims(), "exp", json!(1_750_000_000.5));
    assert_eq!(ask(&validator, &by_service(SECRET, &service_header(), &fraction)), Code::Valid);
}

#[test]
fn case_9_a_token_ends_soon_and_by_a_clock_that_is_a_minute_off_at_most() {
    let validator = validator();
    both(&validator, |header, claims| (header, without(claims, "exp")), Code::Malformed);
    let at = |seconds: i64, expected| claim(&validator, "exp", &json!(NOW + seconds), expected);
    at(100 * 365 * 86_400, Code::Malformed);
    at(86_400 + 59, Code::Valid);
    at(86_400 + 61, Code::Malformed);
    at(-59, Code::Valid);
    at(-61, Code::Expired);
    let late = by_service(SECRET, &service_header(), &with(service_claims(), "exp", json!(NOW - 75)));
    let refused = decide(&validator, &late, &Question::default()).outcome.unwrap_err();
    assert!(refused.detail.contains("75 s ago") && refused.detail.contains("60 s"), "{}", refused.detail);
}

#[test]
fn case_10_a_token_has_begun_by_a_clock_that_is_a_minute_off_at_most() {
    let validator = validator();
    for name in ["nbf", "iat"] {
        let at = |seconds: i64, expected| claim(&validator, name, &json!(NOW + seconds), expected);
        at(59, Code::Valid);
        at(61, Code::NotYetValid);
    }
}

#[test]
fn case_11_a_token_is_for_who_is_named() {
    let validator = validator();
    let of = |aud: Value| ask(&validator, &by_server(&access_header(), &with(access_claims(), "aud", aud)));
    assert_eq!(of(json!("https://other.test")), Code::Unknown);
    assert_eq!(of(json!([ISSUER, "https://other.test"])), Code::Unknown);
    for mixed in [json!([ISSUER, 7]), json!(7), json!({ISSUER: true}), json!(null)] {
        assert_eq!(of(mixed.clone()), Code::Malformed, "{mixed}");
    }
    let absent = by_server(&access_header(), &without(access_claims(), "aud"));
    assert_eq!(refused(&validator, &absent), Code::Unknown);
    let service = |aud: Value| {
        ask(&validator, &by_service(SECRET, &service_header(), &with(service_claims(), "aud", aud)))
    };
    assert_eq!(service(json!(ISSUER)), Code::Valid);
    assert_eq!(service(json!(["https://other.test", ISSUER])), Code::Valid);
    assert_eq!(service(json!("https://other.test")), Code::Unknown);
    assert_eq!(service(json!([ISSUER, 7])), Code::Malformed);
    let issuer = with(access_claims(), "iss", json!("https://other.test"));
    assert_eq!(refused(&validator, &by_server(&access_header(), &issuer)), Code::Unknown);
}

#[test]
fn case_12_no_other_token_is_an_access_token() {
    let validator = validator();
    for typ in [json!("JWT"), json!("client-authentication+jwt"), json!("rt+jwt"), json!("")] {
        let header = with(access_header(), "typ", typ);
        assert_eq!(refused(&validator, &by_server(&header, &access_claims())), Code::Malformed);
    }
    let header = without(access_header(), "typ");
    assert_eq!(refused(&validator, &by_server(&header, &access_claims())), Code::Malformed);
    let header = with(service_header(), "typ", json!("at+jwt"));
    assert_eq!(refused(&validator, &by_service(SECRET, &header, &service_claims())), Code::Malformed);
}

#[test]
fn a_member_that_stands_twice_is_refused_wherever_it_stands() {
    let validator = validator();
    let part = |json: &str| BASE64_URL_SAFE_NO_PAD.encode(json);
    let header = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, secret_id(0x51));
    let twice = format!(r#"{{"alg":"HS256","alg":"HS256","kid":"{}"}}"#, secret_id(0x51));
    let claims = format!(r#"{{"exp":{}}}"#, NOW + 60);
    let claimed_twice = format!(r#"{{"exp":{},"exp":{}}}"#, NOW - 600, NOW + 60);
    let within = format!(r#"{{"exp":{},"a":[{{"b":1,"b":2}}]}}"#, NOW + 60);
    let of = |header: &str, claims: &str| {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        ask(&validator, &signed_by(&key, Checked::HS256, &format!("{}.{}", part(header), part(claims))))
    };
    assert_eq!(of(&header, &claims), Code::Valid);
    for (header, claims) in [(&twice, &claims), (&header, &claimed_twice), (&header, &within)] {
        assert_eq!(of(header, claims), Code::Malformed, "{header} {claims}");
    }
    for garbage in ["[]", "7", "{", "", "{\"exp\":1}x", "null"] {
        assert_eq!(of(&header, garbage), Code::Malformed, "{garbage}");
    }
}

#[test]
fn what_was_signed_is_not_changed() {
    let validator = validator();
    for token in [
        by_server(&access_header(), &access_claims()),
        by_service(SECRET, &service_header(), &service_claims()),
    ] {
        assert_eq!(ask(&validator, &token), Code::Valid);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let other =
            BASE64_URL_SAFE_NO_PAD.encode(with(access_claims(), "scope", json!("admin:all")).to_string());
        assert_eq!(
            refused(&validator, &format!("{header}.{other}.{signature}")),
            Code::Unknown,
            "of the cache too"
        );
        for at in [0, signature.len() / 2] {
            let mut changed = signature.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(refused(&validator, &format!("{signed}.{changed}")), Code::Unknown);
        }
        for shape in
            [format!("{token}."), format!("{token}.x"), format!(".{token}"), token.replace('.', "..")]
        {
            refused(&validator, &shape);
        }
        assert_eq!(refused(&validator, &format!("{signed}.=")), Code::Unknown);
    }
}

#[test]
fn a_node_without_the_opening_key_says_that_it_cannot_tell() {
    let validator = validator();
    validator.learn_secret_keys(&SecretKeys::default());
    let token = by_service(SECRET, &service_header(), &service_claims());
    assert_eq!(ask(&validator, &token), Code::Unavailable);
}
