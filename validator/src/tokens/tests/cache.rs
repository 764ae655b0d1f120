//! Tokens that were seen before: what is held of them, and what it takes.

use nexus_domain::jwt::{Compact, LONGEST_TOKEN, Times};
use nexus_domain::verification::Rights;

use super::*;
use crate::tokens::cache::{Cache, MOST_BYTES};
use crate::tokens::verified::{Signed, Signer, Verified};
use crate::tokens::{Seen, Tokens};

fn verified(validator: &Validator, token: &str) -> Seen {
    validator.tokens().verify(Compact::read(token).unwrap(), None, NOW * MICROS).unwrap()
}

fn numbered(number: u32) -> String {
    by_service(SECRET, &service_header(), &with(service_claims(), "jti", json!(number.to_string())))
}

#[test]
fn a_token_that_was_seen_is_accepted_without_allocating() {
    let validator = validator();
    let access = by_server(&access_header(), &access_claims());
    let service = by_service(SECRET, &service_header(), &service_claims());
    let sight = sight();
    let needed = ["read:users".to_owned()];
    let question = Question { required_scopes: &needed, environment: Some("live"), ..Question::default() };
    let round = || {
        for (token, dialect) in [(&access, None), (&service, None), (&access, Some("nexus"))] {
            let decision = validator.verify_credential(&sight, dialect, token, &question, NOW * MICROS);
            let decision = decision.unwrap();
            assert_eq!(decision.outcome, Ok(()));
            assert!(decision.subject.is_some_and(|subject| subject.tenant_id() == tenant_id(1)));
        }
    };
    round();
    let allocated = allocation_counter::measure(|| (0..100).for_each(|_| round()));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn only_the_very_token_is_found() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    assert_eq!(ask(&validator, &token), Code::Valid);
    assert!(validator.tokens().seen(&token).is_some());
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(validator.tokens().seen(&String::from_utf8(changed).unwrap()).is_none(), "{at}");
    }
    for other in [format!("{token}A"), format!("A{token}"), token[1..].to_owned(), String::new()] {
        assert!(validator.tokens().seen(&other).is_none());
    }
}

#[test]
fn tokens_that_are_used_in_turns_do_not_displace_one_another() {
    let validator = validator();
    let tokens: Vec<String> = (0..1_000).map(numbered).collect();
    for token in &tokens {
        verified(&validator, token);
    }
    // That nine of them belong to one of the sets happens once in a hundred million times.
    let kept = tokens.iter().filter(|token| validator.tokens().seen(token).is_some());
    assert_eq!(kept.count(), 1_000);
}

#[test]
fn what_comes_in_addition_leaves_what_was_seen_and_what_is_taken_away_does_not() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    verified(&validator, &token);
    let before = validator.tokens().changes();
    let another = ClientEntry { client_id: "nxc_2".into(), id: KeyId::new(Uuid::from_u128(71)), ..client() };
    let addition = [
        tenant(3, false),
        Entry::Client(Box::new(another.clone())),
        Entry::Client(Box::new(client())),
        Entry::JwtSecret(Box::new(secret(0x53, "another secret of the tenant's, long"))),
        Entry::VerifyingKeys(vec![
            verifying_key(1),
            verifying_key(2),
            VerifyingKeyEntry { kid: kid(3), ..verifying_key(1) },
        ]),
    ];
    validator.apply(addition, 6);
    assert_eq!(validator.tokens().changes(), before);
    for (position, taken) in [
        Entry::Client(Box::new(ClientEntry { revoked: true, ..another })),
        Entry::VerifyingKeys(vec![verifying_key(1)]),
        Entry::JwtSecret(Box::new(secret(0x53, "again another secret of the tenant's"))),
    ]
    .into_iter()
    .enumerate()
    {
        let before = validator.tokens().changes();
        validator.apply([taken], 7 + u64::try_from(position).unwrap());
        assert!(validator.tokens().changes() > before, "{position}");
    }
    assert!(validator.tokens().seen(&token).is_some(), "what it rests on is as it was");
}

#[test]
fn a_clients_own_tenant_counts_where_another_one_agreed_to_it() {
    let validator = validator();
    let token = by_server(&access_header(), &with(access_claims(), "tenant_id", json!(tenant_id(2))));
    assert_eq!(ask(&validator, &token), Code::Valid);
    assert_eq!(ask(&validator, &token), Code::Valid, "from the cache");
    validator.apply([tenant(1, true)], 6);
    assert_eq!(ask(&validator, &token), Code::TenantSuspended);
    validator.apply([tenant(1, false), tenant(2, true)], 7);
    assert_eq!(ask(&validator, &token), Code::TenantSuspended);
    validator.apply([tenant(2, false)], 8);
    assert_eq!(ask(&validator, &token), Code::Valid);
}

#[test]
fn times_are_looked_at_with_each_use() {
    let validator = validator();
    let claims = with(access_claims(), "nbf", json!(NOW + 30));
    let token = by_server(&access_header(), &claims);
    let at = |seconds: i64| {
        let now = (NOW + seconds) * MICROS;
        validator.verify_credential(&sight(), None, &token, &Question::default(), now).unwrap().code()
    };
    for _ in 0..2 {
        assert_eq!(at(0), Code::Valid);
        assert_eq!(at(-31), Code::NotYetValid);
        assert_eq!(at(3600 + 60), Code::Valid);
        assert_eq!(at(3600 + 61), Code::Expired);
    }
    let retired = VerifyingKeyEntry { not_after: (NOW + 100) * MICROS, ..verifying_key(1) };
    validator.apply([Entry::VerifyingKeys(vec![retired, verifying_key(2)])], 6);
    for _ in 0..2 {
        assert_eq!(at(99), Code::Valid);
        assert_eq!(at(100), Code::Unknown, "its key is retired");
    }
}

#[test]
fn the_cache_is_bounded_in_bytes() {
    let validator = validator();
    let seen = verified(&validator, &numbered(0));
    let cache = Cache::default();
    for number in 0..200 {
        let signed = Signed {
            tenant: Arc::clone(&seen.tenant),
            rights: Rights::clone(&seen.rights),
            times: Times { expires_at: NOW * MICROS, not_before: None, issued_at: None },
            ids: [None, None],
            signer: Signer::Service { secret: Arc::new(secret(0x51, SECRET)), version: 1 },
            jkt: None,
        };
        let mut heavy = Verified::of(signed, 0, validator.tokens());
        heavy.bytes = MOST_BYTES / 10;
        cache.keep(&format!("{number}.a.b"), heavy);
        assert!(cache.bytes() <= MOST_BYTES, "{number}");
    }
    assert!(cache.bytes() >= MOST_BYTES / 2, "and it is used");
    cache.clear();
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn what_is_counted_for_a_token_is_what_it_takes() {
    let validator = validator();
    verified(&validator, &numbered(0));
    let many: Vec<String> = (0..150).map(|number| format!("r:{number}")).collect();
    let brands: Vec<String> = (0..200).map(|number| format!("b{number}")).collect();
    let restricted = with(access_claims(), "restrictions", json!({"brand": brands}));
    let mut all = secret(0x51, SECRET);
    all.scopes = scopes(&["admin:all"]);
    validator.apply([Entry::JwtSecret(Box::new(all))], 6);
    let permitted = with(service_claims(), "permissions", json!(many));
    for token in [
        by_server(&access_header(), &access_claims()),
        by_server(&access_header(), &restricted),
        by_service(SECRET, &service_header(), &permitted),
    ] {
        let mut counted = 0;
        let taken = allocation_counter::measure(|| counted = verified(&validator, &token).bytes);
        let taken = usize::try_from(taken.bytes_current).unwrap();
        assert!(counted >= taken, "{counted} {taken}");
        assert!(counted < 6 * taken + 1024, "{counted} {taken}");
    }
}

#[test]
fn a_token_that_is_too_long_or_has_too_long_an_id_is_refused() {
    let validator = validator();
    let with_id = |length: usize| with(service_claims(), "jti", json!("j".repeat(length)));
    assert_eq!(ask(&validator, &by_service(SECRET, &service_header(), &with_id(256))), Code::Valid);
    let long = by_service(SECRET, &service_header(), &with_id(257));
    let refused = decide(&validator, &long, &Question::default()).outcome.unwrap_err();
    assert_eq!(refused.code, Code::Malformed);
    assert!(refused.detail.contains("256 bytes"), "{}", refused.detail);
    let grant = with(access_claims(), "grant_id", json!("g".repeat(257)));
    assert_eq!(ask(&validator, &by_server(&access_header(), &grant)), Code::Malformed);
    let padded = |length: usize| {
        by_service(SECRET, &service_header(), &with(service_claims(), "note", json!("n".repeat(length))))
    };
    let fits = (0..4_000).rev().find(|length| padded(*length).len() <= LONGEST_TOKEN).unwrap();
    assert_eq!(ask(&validator, &padded(fits)), Code::Valid);
    assert_eq!(ask(&validator, &padded(fits + 4)), Code::Malformed);
}

#[test]
fn a_table_of_one_request_keeps_nothing() {
    assert!(Tokens::new().cache.is_some());
    assert!(Tokens::new().beside().cache.is_none());
}
