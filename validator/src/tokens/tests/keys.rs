//! Keys that are JWTs: by their record, and by their signature besides.

use nexus_domain::credential::Digest;
use nexus_domain::dialect::KeyType;
use nexus_domain::validity::{KeyEntry, SecretEntry};

use super::*;

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": kid(1)})
}

fn claims() -> Value {
    json!({
        "integrationId": "int_00000000000000000000000000000003", "permissions": ["read"],
        "exp": NOW + 3600, "iat": NOW, "jti": "key_00000000000000000000000000000007",
    })
}

/// A validator that has a record of whatever it is asked about, as if somebody had written it into the store.
struct Known {
    validator: Validator,
}

impl Known {
    fn new() -> Self {
        let text = include_str!("../../../../dialects/nexusgpt.toml");
        let gpt = Dialect::parse("nexusgpt.toml", text).unwrap();
        let validator = Validator::new(Arc::new(Dialects::new([gpt, management()]).unwrap()));
        let tenant = TenantEntry { tenant_id: tenant_id(1), dialect: "nexusgpt".into(), suspended: false };
        let keys = Entry::VerifyingKeys(vec![verifying_key(1), verifying_key(2)]);
        validator.apply([Entry::Tenant(tenant), keys], 2);
        Self { validator }
    }

    fn record(&self, secret: &str, status: SecretStatus, not_after: i64) {
        let digest = Digest::of(secret);
        let entry = KeyEntry {
            key_id: KeyId::new(Uuid::from_u128(7)),
            tenant_id: tenant_id(1),
            name: "Widget".into(),
            key_type: KeyType::Secret,
            environment: "production".into(),
            scopes: scopes(&["read"]),
            ip_allowlist: Vec::new(),
            restrictions: Default::default(),
            client_id: None,
            integration_id: None,
            secrets: vec![SecretEntry { digest, version: 1, status, not_after }],
        };
        self.validator.apply([Entry::Key(Box::new(entry))], self.validator.applied() + 1);
    }

    fn at(&self, secret: &str, seconds: i64) -> Result<(), nexus_domain::verification::Refused> {
        let (question, now) = (Question::default(), (NOW + seconds) * MICROS);
        self.validator.verify_credential(&sight(), None, secret, &question, now).unwrap().outcome
    }

    /// The outcome for a key that has a record.
    fn of(&self, header: &Value, claims: &Value) -> Code {
        let secret = format!("nxs_{}", by_server(header, claims));
        self.record(&secret, SecretStatus::Current, i64::MAX);
        let code = |outcome: Result<(), nexus_domain::verification::Refused>| {
            outcome.map_or_else(|refused| refused.code, |()| Code::Valid)
        };
        let first = code(self.at(&secret, 0));
        assert_eq!(code(self.at(&secret, 0)), first, "the same from memory");
        first
    }
}

#[test]
fn a_key_needs_a_record_and_the_servers_signature() {
    let known = Known::new();
    let secret = format!("nxs_{}", by_server(&header(), &claims()));
    assert_eq!(known.at(&secret, 0).unwrap_err().code, Code::Unknown, "signed, and nobody's");
    known.record(&secret, SecretStatus::Current, i64::MAX);
    assert_eq!(known.at(&secret, 0), Ok(()));
    assert_eq!(known.at(&secret, 0), Ok(()), "from memory");
    known.record(&secret, SecretStatus::Revoked, 0);
    assert_eq!(known.at(&secret, 0).unwrap_err().code, Code::Revoked, "whatever was seen before");
}

#[test]
fn with_a_record_alone_a_forged_key_is_none() {
    let known = Known::new();
    assert_eq!(known.of(&header(), &claims()), Code::Valid);
    for (header, expected) in [
        (with(header(), "alg", json!("none")), Code::Malformed),
        (with(header(), "alg", json!("HS256")), Code::Unknown),
        (with(header(), "alg", json!("ES256")), Code::Unknown),
        (with(header(), "typ", json!("at+jwt")), Code::Malformed),
        (without(header(), "typ"), Code::Malformed),
        (with(header(), "kid", json!(kid(9))), Code::Unknown),
        (with(header(), "kid", json!(kid(2))), Code::Unknown),
        (with(header(), "kid", json!("../../etc/passwd")), Code::Malformed),
        (with(header(), "kid", json!(secret_id(0x51))), Code::Unknown),
        (without(header(), "kid"), Code::Malformed),
        (with(header(), "crit", json!(["x"])), Code::Malformed),
        (with(header(), "jwk", json!({"kty": "OKP"})), Code::Malformed),
    ] {
        assert_eq!(known.of(&header, &claims()), expected, "{header}");
    }
    for (claims, expected) in [
        (without(claims(), "exp"), Code::Malformed),
        (with(claims(), "exp", json!("soon")), Code::Malformed),
        (without(claims(), "iat"), Code::Unknown),
    ] {
        assert_eq!(known.of(&header(), &claims), expected, "{claims}");
    }
    // Claims that were altered, and a public key in the place of a secret.
    let whole = by_server(&header(), &claims());
    let signature = whole.rsplit_once('.').unwrap().1;
    let more = with(claims(), "permissions", json!(["read", "write"]));
    let altered = format!("nxs_{}.{signature}", token_text(&header(), &more));
    let x = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w";
    let hs256 = with(header(), "alg", json!("HS256"));
    let shared =
        signed_by(&EncodingKey::from_secret(x.as_bytes()), Checked::HS256, &token_text(&hs256, &claims()));
    let shared = format!("nxs_{shared}");
    for secret in [altered, shared] {
        known.record(&secret, SecretStatus::Current, i64::MAX);
        assert_eq!(known.at(&secret, 0).unwrap_err().code, Code::Unknown);
    }
    for malformed in ["nxs_", "nxs_a.b", "nxs_a.b.c.d", "nxs_a..c", "nxs_a.b.c=", "nxs_.b.c"] {
        assert_eq!(known.at(malformed, 0).unwrap_err().code, Code::Malformed, "{malformed}");
    }
    let endless = format!("nxs_{}.a.b", "x".repeat(9_000));
    assert_eq!(known.at(&endless, 0).unwrap_err().code, Code::Malformed);
}

#[test]
fn clocks_may_differ_by_a_minute_and_what_is_more_is_told() {
    let known = Known::new();
    let secret = format!("nxs_{}", by_server(&header(), &claims()));
    known.record(&secret, SecretStatus::Current, (NOW + 3600) * MICROS);
    for turn in ["first", "from memory"] {
        for (seconds, expected) in [
            (-61, Some((Code::NotYetValid, "begins 61 s from now"))),
            (-59, None),
            (0, None),
            (3599, None),
            (3600 + 59, None),
            (3600 + 61, Some((Code::Expired, "ended 61 s ago"))),
        ] {
            let outcome = known.at(&secret, seconds);
            match expected {
                None => assert_eq!(outcome, Ok(()), "{turn} {seconds}"),
                Some((code, said)) => {
                    let refused = outcome.unwrap_err();
                    assert_eq!(refused.code, code, "{turn} {seconds}");
                    assert!(refused.detail.contains(said), "{turn} {seconds}: {}", refused.detail);
                    assert!(refused.detail.contains("up to 60 s are tolerated"), "{}", refused.detail);
                }
            }
        }
    }
}

#[test]
fn what_a_signing_key_made_before_its_retirement_holds_and_what_it_made_later_does_not() {
    let known = Known::new();
    let before = format!("nxs_{}", by_server(&header(), &claims()));
    let later = with(with(claims(), "iat", json!(NOW + 600)), "exp", json!(NOW + 9000));
    let later = format!("nxs_{}", by_server(&header(), &later));
    for secret in [&before, &later] {
        known.record(secret, SecretStatus::Current, i64::MAX);
        assert_eq!(known.at(secret, 660), Ok(()));
    }
    let retired = VerifyingKeyEntry { not_after: (NOW + 300) * MICROS, ..verifying_key(1) };
    known.validator.apply([Entry::VerifyingKeys(vec![retired])], 90);
    assert_eq!(known.at(&before, 660), Ok(()), "it was made in time");
    assert_eq!(known.at(&later, 660).unwrap_err().code, Code::Unknown);
    known.validator.apply([Entry::VerifyingKeys(vec![verifying_key(2)])], 91);
    assert_eq!(known.at(&before, 660).unwrap_err().code, Code::Unknown, "nobody knows who signed it");
    known.validator.apply([Entry::VerifyingKeys(Vec::new())], 92);
    assert_eq!(known.at(&before, 660).unwrap_err().code, Code::Unavailable);
}
