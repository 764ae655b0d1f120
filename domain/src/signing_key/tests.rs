use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::jwt::EdwardsCurve;

fn day(number: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap() + TimeDelta::days(number)
}

fn id(number: u128) -> SigningKeyId {
    SigningKeyId::new(Uuid::from_u128(number))
}

fn introduce(keys: &mut SigningKeys, number: u128, issuer: &str, now: DateTime<Utc>) -> bool {
    let command = IntroduceSigningKey {
        kid: id(number),
        algorithm: Algorithm::EdDsa,
        issuer: issuer.to_owned(),
        jwk: PublicJwk::Edwards { crv: EdwardsCurve::Ed25519, x: format!("x{number}") },
        schedule: Schedule::default(),
        now,
    };
    let event = command.decide(keys);
    let introduced = event.is_some();
    event.into_iter().for_each(|event| keys.apply(event));
    introduced
}

fn retire(keys: &mut SigningKeys, now: DateTime<Utc>) -> usize {
    let events = RetireSigningKeys { schedule: Schedule::default(), now }.decide(keys);
    let count = events.len();
    events.into_iter().for_each(|event| keys.apply(event));
    count
}

fn signing(keys: &SigningKeys, now: DateTime<Utc>) -> Option<SigningKeyId> {
    keys.signing("https://a", Algorithm::EdDsa, now).map(|key| key.kid)
}

#[test]
fn a_key_is_published_before_it_signs_and_until_its_last_token_has_ended() {
    let mut keys = SigningKeys::default();
    assert_eq!(signing(&keys, day(0)), None);
    assert!(introduce(&mut keys, 1, "https://a", day(0)));
    assert_eq!(signing(&keys, day(0)), Some(id(1)), "the very first at once");
    assert!(!introduce(&mut keys, 9, "https://a", day(0)), "another process was faster");
    assert!(!introduce(&mut keys, 9, "https://a", day(28)));
    assert!(introduce(&mut keys, 2, "https://a", day(29)), "a day before it is to sign");
    assert!(!introduce(&mut keys, 9, "https://a", day(29)));
    assert_eq!(keys.published().count(), 2);
    assert_eq!(signing(&keys, day(30) - TimeDelta::seconds(1)), Some(id(1)));
    assert_eq!(signing(&keys, day(30)), Some(id(2)));
    assert_eq!(retire(&mut keys, day(31)), 0, "its last token may be 24 h old, and a clock a minute off");
    assert_eq!(retire(&mut keys, day(31) + TimeDelta::seconds(60)), 1);
    assert_eq!(retire(&mut keys, day(32)), 0);
    assert_eq!(keys.published().map(|key| key.kid).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(keys.all().len(), 2);
}

#[test]
fn after_a_long_time_without_a_process_the_old_key_signs_until_the_new_one_is_known() {
    let mut keys = SigningKeys::default();
    introduce(&mut keys, 1, "https://a", day(0));
    assert!(introduce(&mut keys, 2, "https://a", day(100)));
    assert_eq!(signing(&keys, day(100)), Some(id(1)));
    assert_eq!(signing(&keys, day(101)), Some(id(2)));
    assert_eq!(retire(&mut keys, day(101)), 0);
    assert_eq!(retire(&mut keys, day(103)), 1);
}

#[test]
fn each_issuer_has_keys_of_its_own_and_those_of_one_that_is_no_more_go() {
    let mut keys = SigningKeys::default();
    introduce(&mut keys, 1, "https://a", day(0));
    assert_eq!(retire(&mut keys, day(90)), 0, "nobody else signs");
    assert!(introduce(&mut keys, 2, "https://b", day(1)));
    assert_eq!(keys.signing("https://b", Algorithm::EdDsa, day(1)).unwrap().kid, id(2));
    assert_eq!(signing(&keys, day(1)), Some(id(1)));
    assert_eq!(retire(&mut keys, day(31)), 0);
    assert_eq!(retire(&mut keys, day(33)), 1);
    assert_eq!(keys.published().map(|key| key.kid).collect::<Vec<_>>(), [id(2)]);
}
