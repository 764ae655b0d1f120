//! What has the form of a token, and what its header and its claims may say. Attacks on whole tokens are with the validator.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::verification::{Code, Refused};

const NOW: i64 = 1_750_000_000_000_000;

fn token(header: &str, claims: &str) -> String {
    format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn header(json: &str) -> Result<Header, Refused> {
    Compact::read(&token(json, "{}")).unwrap().header()
}

fn claims(json: &str) -> Result<Claims, Refused> {
    Compact::read(&token("{}", json)).unwrap().claims()
}

#[test]
fn a_token_is_three_parts_of_which_none_is_empty() {
    let whole = token(r#"{"alg":"HS256"}"#, r#"{"exp":1}"#);
    let read = Compact::read(&whole).unwrap();
    assert_eq!(format!("{}.{}", read.signed(), read.signature()), whole);
    for wrong in ["", "..", "a.b", "a..c", ".b.c", "a.b.", "nx_live_abc", &"a.b.c".repeat(LONGEST_TOKEN)] {
        assert!(Compact::read(wrong).is_none(), "{wrong}");
    }
    for wrong in ["=.e30.c2ln", "e30=.e30.c2ln", "e3 0.e30.c2ln", "e30.e30.e30.c2ln"] {
        let read = Compact::read(wrong).unwrap();
        assert!(read.header().is_err() || read.claims().is_err(), "{wrong}");
    }
}

#[test]
fn a_header_says_which_key_and_what_kind_of_token() {
    let read = header(r#"{"alg":"EdDSA","typ":"application/AT+JWT","kid":"x","cty":"JWT"}"#).unwrap();
    assert_eq!(
        (read.algorithm, read.typ.as_deref(), read.kid.as_deref()),
        (Algorithm::EdDsa, Some("at+jwt"), Some("x"))
    );
    assert!(read.key().is_err());
    let ours = format!(r#"{{"alg":"HS256","kid":"jws{}"}}"#, "0".repeat(32));
    assert!(matches!(header(&ours).unwrap().key(), Ok(Kid::Secret(_))));
    assert!(matches!(header(&ours.replace("jws", "sgn")).unwrap().key(), Ok(Kid::SigningKey(_))));
    assert!(header(&ours.replace("jws0", "jwsA")).unwrap().key().is_err(), "one spelling");
    for wrong in
        [r#"{"typ":"JWT"}"#, r#"{"alg":1}"#, r#"{"alg":"none"}"#, r#"{"alg":"EdDSA","typ":1}"#, "[]", "\"x\""]
    {
        assert_eq!(header(wrong).unwrap_err().code, Code::Malformed, "{wrong}");
    }
}

#[test]
fn a_texts_and_lists_of_claims_are_what_they_should_be() {
    let read = claims(r#"{"a":"x","b":["x","y"],"c":[1],"d":1,"aud":"x"}"#).unwrap();
    assert_eq!((read.text("a"), read.text("none")), (Ok(Some("x")), Ok(None)));
    assert_eq!(read.texts("b"), Ok(Some(vec!["x", "y"])));
    assert!(read.text("d").is_err() && read.texts("c").is_err() && read.texts("a").is_err());
    assert_eq!(read.audience(), Ok(Some(vec!["x"])));
    assert_eq!(read.get("d"), Some(&json!(1)));
}

#[test]
fn a_clock_may_be_a_minute_off_and_not_more() {
    let times = |exp: i64, nbf: Option<i64>, iat: Option<i64>| Times {
        expires_at: NOW + exp * 1_000_000,
        not_before: nbf.map(|seconds| NOW + seconds * 1_000_000),
        issued_at: iat.map(|seconds| NOW + seconds * 1_000_000),
    };
    let code = |times: Times| times.check(LONGEST_LIFE, NOW).map_err(|refused| refused.code);
    for (exp, nbf, iat, expected) in [
        (1, None, None, Ok(())),
        (-59, None, None, Ok(())),
        (-61, None, None, Err(Code::Expired)),
        (1, Some(59), None, Ok(())),
        (1, Some(61), None, Err(Code::NotYetValid)),
        (1, Some(0), Some(61), Err(Code::NotYetValid)),
        (86_459, None, None, Ok(())),
        (86_461, None, None, Err(Code::Malformed)),
    ] {
        assert_eq!(code(times(exp, nbf, iat)), expected, "{exp} {nbf:?} {iat:?}");
    }
    let extreme = Times { expires_at: i64::MAX, not_before: Some(i64::MIN), issued_at: Some(i64::MAX) };
    assert_eq!(code(extreme), Err(Code::Malformed));
    assert_eq!(code(Times { expires_at: i64::MIN, ..extreme }), Err(Code::Expired));
}

proptest! {
    #[test]
    fn a_token_holds_exactly_when_nothing_is_to_be_refused(
        exp in -200i64..200, nbf in proptest::option::of(-200i64..200), iat in proptest::option::of(-200i64..200),
        longest in 0i64..100, now in -400i64..400, off in -1i64..=1,
    ) {
        let micros = |seconds: i64| NOW + seconds * 1_000_000;
        let times =
            Times { expires_at: micros(exp), not_before: nbf.map(micros), issued_at: iat.map(micros) };
        let (longest, now) = (longest * 1_000_000, micros(now) + off);
        prop_assert_eq!(times.holds(longest).contains(&now), times.check(longest, now).is_ok());
    }

    #[test]
    fn whatever_comes_is_answered(text in ".{0,300}", json in ".{1,100}") {
        if let Some(read) = Compact::read(&text) {
            let _answered = (read.header().is_ok(), read.claims().is_ok());
        }
        let _answered = (header(&json).is_ok(), claims(&json).and_then(|claims| claims.times()).is_ok());
    }

    #[test]
    fn a_time_is_never_taken_for_another(seconds in -1_000_000_000_000i64..1_000_000_000_000) {
        let read = claims(&format!(r#"{{"exp":{seconds}}}"#)).unwrap().times().unwrap();
        prop_assert_eq!(read.expires_at, seconds * 1_000_000);
    }
}
