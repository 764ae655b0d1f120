//! Made-up tokens with the id of a real key.

use std::net::IpAddr;

use super::*;
use crate::Limits;

fn forged(number: u32) -> String {
    let header = service_header();
    by_service(
        "not the secret of anybody in the world",
        &header,
        &with(service_claims(), "jti", json!(number)),
    )
}

/// The answer to a token from an address, so many milliseconds after the beginning.
fn from(validator: &Validator, address: Option<&str>, token: &str, millis: i64) -> (Code, Limits) {
    let ip = address.map(|address| address.parse::<IpAddr>().unwrap());
    let question = Question { ip, ..Question::default() };
    let now = NOW * MICROS + millis * 1_000;
    let decision = validator.verify_credential(&sight(), None, token, &question, now).unwrap();
    (decision.code(), decision.limits)
}

/// How many of forged tokens are looked at before one is not.
fn looked_at(validator: &Validator, address: Option<&str>, millis: i64) -> u32 {
    (0..5_000)
        .find(|number| from(validator, address, &forged(*number), millis).0 == Code::RateLimited)
        .unwrap()
}

#[test]
fn who_makes_up_tokens_is_looked_at_no_more_and_nobody_else_suffers() {
    let validator = validator();
    let (known, new) = (
        by_service(SECRET, &service_header(), &service_claims()),
        by_server(&access_header(), &access_claims()),
    );
    let evil = Some("192.0.2.66");
    assert_eq!(from(&validator, evil, &known, 0).0, Code::Valid);
    assert_eq!(looked_at(&validator, evil, 0), 100);
    let (code, limits) = from(&validator, evil, &new, 0);
    assert_eq!(code, Code::RateLimited, "a new one from there, though it is right");
    let Limits::Exceeded { limit: None, retry_after } = limits else { panic!("{limits:?}") };
    assert_eq!(retry_after, Duration::from_millis(50));
    assert_eq!(from(&validator, evil, &known, 0).0, Code::Valid, "one that was seen");
    let unsigned = by_service(SECRET, &with(service_header(), "kid", json!(secret_id(9))), &service_claims());
    assert_eq!(from(&validator, evil, &unsigned, 0).0, Code::Unknown, "what costs nothing is told");
    let somebody = by_server(&access_header(), &with(access_claims(), "jti", json!("tok_2")));
    assert_eq!(from(&validator, Some("192.0.2.67"), &somebody, 0).0, Code::Valid);
    assert_eq!(
        from(
            &validator,
            None,
            &by_server(&access_header(), &with(access_claims(), "jti", json!("tok_3"))),
            0
        )
        .0,
        Code::Valid
    );
    assert_eq!(from(&validator, evil, &new, 50).0, Code::Valid, "in time, one after the other");
    assert_eq!(looked_at(&validator, evil, 60_000), 100, "and in the end all");
}

#[test]
fn a_network_of_ipv6_is_one_presenter_and_good_tokens_cost_nothing() {
    let validator = validator();
    assert_eq!(looked_at(&validator, Some("2001:db8:1:2::3"), 0), 100);
    let new = by_server(&access_header(), &access_claims());
    assert_eq!(from(&validator, Some("2001:db8:1:2:ffff::1"), &new, 0).0, Code::RateLimited);
    assert_eq!(from(&validator, Some("2001:db8:1:3::3"), &new, 0).0, Code::Valid);
    for number in 0..300 {
        let good =
            by_service(SECRET, &service_header(), &with(service_claims(), "jti", json!(number.to_string())));
        assert_eq!(from(&validator, Some("192.0.2.1"), &good, 0).0, Code::Valid);
    }
}

#[test]
fn where_nobody_told_the_address_a_tenants_secret_has_an_allowance_of_its_own() {
    let validator = validator();
    assert_eq!(looked_at(&validator, None, 0), 2_000);
    let service = by_service(SECRET, &service_header(), &service_claims());
    assert_eq!(from(&validator, None, &service, 0).0, Code::RateLimited);
    assert_eq!(from(&validator, Some("192.0.2.1"), &service, 0).0, Code::Valid, "an address helps");
    assert_eq!(from(&validator, None, &by_server(&access_header(), &access_claims()), 0).0, Code::Valid);
}

#[test]
fn a_clock_that_is_set_back_locks_out_nobody() {
    let validator = validator();
    assert_eq!(looked_at(&validator, Some("192.0.2.66"), 3_600_000), 100);
    let new = by_service(SECRET, &service_header(), &service_claims());
    assert_eq!(from(&validator, Some("192.0.2.66"), &new, 0).0, Code::Valid);
}
