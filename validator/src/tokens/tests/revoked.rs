//! Case 14: what was verified once never answers for anybody else, nor after it was revoked.

use nexus_domain::validity::RevokedTokenEntry;

use super::*;

#[test]
fn case_14_nothing_that_was_revoked_is_answered_from_the_cache() {
    let access = by_server(&access_header(), &access_claims());
    let service = by_service(SECRET, &service_header(), &service_claims());
    let revoked = |id: &str| {
        Entry::RevokedToken(RevokedTokenEntry {
            tenant_id: tenant_id(1),
            id: id.into(),
            until: (NOW + 3600) * MICROS,
        })
    };
    let retired = VerifyingKeyEntry { not_after: NOW * MICROS, ..verifying_key(1) };
    let mut spent = secret(0x51, SECRET);
    spent.versions[0].status = SecretStatus::Revoked;
    let mut replaced = secret(0x51, SECRET);
    replaced.versions[0].status = SecretStatus::Superseded;
    replaced.versions[0].not_after = NOW * MICROS;
    let changes = [
        (revoked("tok_1"), &access, Code::Revoked),
        (revoked("grant_1"), &access, Code::Revoked),
        (Entry::Client(Box::new(ClientEntry { revoked: true, ..client() })), &access, Code::Revoked),
        (tenant(1, true), &access, Code::TenantSuspended),
        (Entry::VerifyingKeys(vec![retired]), &access, Code::Unknown),
        (Entry::VerifyingKeys(Vec::new()), &access, Code::Unknown),
        (Entry::JwtSecret(Box::new(spent)), &service, Code::Revoked),
        (Entry::JwtSecret(Box::new(replaced)), &service, Code::Revoked),
        (tenant(1, true), &service, Code::TenantSuspended),
        (revoked("j_1"), &service, Code::Revoked),
    ];
    for (change, token, expected) in changes {
        let validator = validator();
        assert_eq!(ask(&validator, token), Code::Valid);
        assert_eq!(ask(&validator, token), Code::Valid, "from the cache");
        validator.apply([change.clone()], 6);
        assert_eq!(ask(&validator, token), expected, "{change:?}");
        assert_eq!(ask(&validator, token), expected, "and again");
    }
}

#[test]
fn case_14_a_verdict_is_for_the_one_who_asks() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    let other = Question { tenant: Some(tenant_id(2)), ..Question::default() };
    let own = Question { tenant: Some(tenant_id(1)), ..Question::default() };
    for _ in 0..2 {
        assert_eq!(decide(&validator, &token, &own).code(), Code::Valid);
        assert_eq!(decide(&validator, &token, &other).code(), Code::TenantMismatch);
        let elsewhere = Question { environment: Some("test"), ..Question::default() };
        assert_eq!(decide(&validator, &token, &elsewhere).code(), Code::WrongEnvironment);
    }
}

#[test]
fn what_is_revoked_stays_so_and_what_narrows_counts_at_once() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    assert_eq!(ask(&validator, &token), Code::Valid);
    let near = ClientEntry { ip_allowlist: vec!["192.0.2.0/24".parse().unwrap()], ..client() };
    validator.apply([Entry::Client(Box::new(near))], 6);
    assert_eq!(ask(&validator, &token), Code::IpNotAllowed);
    let narrow = ClientEntry { scopes: ScopeSet::new(), ..client() };
    validator.apply([Entry::Client(Box::new(narrow))], 7);
    let needed = ["read:users".to_owned()];
    let question = Question { required_scopes: &needed, ..Question::default() };
    assert_eq!(decide(&validator, &token, &question).code(), Code::InsufficientScope);
    validator.apply([Entry::Client(Box::new(ClientEntry { revoked: true, ..client() }))], 8);
    validator.apply([Entry::Client(Box::new(client()))], 9);
    assert_eq!(ask(&validator, &token), Code::Revoked, "an entry that comes late revives nothing");
    let service = by_service(SECRET, &service_header(), &service_claims());
    let mut spent = secret(0x51, SECRET);
    spent.versions[0].status = SecretStatus::Revoked;
    validator
        .apply([Entry::JwtSecret(Box::new(spent)), Entry::JwtSecret(Box::new(secret(0x51, SECRET)))], 10);
    assert_eq!(ask(&validator, &service), Code::Revoked);
}

#[test]
fn a_secret_that_was_replaced_signs_until_its_grace_is_over() {
    let validator = validator();
    let mut entry = secret(0x51, SECRET);
    entry.versions[0].status = SecretStatus::Superseded;
    entry.versions[0].not_after = (NOW + 1) * MICROS;
    let mut next = entry.versions[0].clone();
    next = JwtSecretVersionEntry {
        version: 2,
        status: SecretStatus::Current,
        not_after: i64::MAX,
        sealed_id: Uuid::from_u128(2),
        ..next
    };
    entry.versions.push(next);
    seal(&mut entry, 1, "the second version of the same secret");
    validator.apply([Entry::JwtSecret(Box::new(entry))], 6);
    let old = by_service(SECRET, &service_header(), &service_claims());
    let new = by_service("the second version of the same secret", &service_header(), &service_claims());
    let at = |token: &str, micros: i64| {
        let decision =
            validator.verify_credential(&sight(), None, token, &Question::default(), micros).unwrap();
        (decision.code(), decision.subject.map(|subject| subject.version()))
    };
    assert_eq!(at(&old, NOW * MICROS), (Code::Valid, Some(1)));
    assert_eq!(at(&new, NOW * MICROS), (Code::Valid, Some(2)));
    assert_eq!(at(&old, (NOW + 1) * MICROS), (Code::Revoked, Some(1)));
    assert_eq!(at(&new, (NOW + 1) * MICROS), (Code::Valid, Some(2)));
}

#[test]
fn a_table_that_is_filled_anew_knows_no_token_of_before() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    assert_eq!(ask(&validator, &token), Code::Valid);
    validator.clear();
    assert_eq!(ask(&validator, &token), Code::Unavailable);
    validator.load([tenant(1, true), Entry::VerifyingKeys(vec![verifying_key(1)])], None);
    validator.load([Entry::Client(Box::new(client()))], Some(9));
    assert_eq!(ask(&validator, &token), Code::TenantSuspended);
}

#[test]
fn revocations_that_are_over_are_forgotten() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    assert_eq!(ask(&validator, &token), Code::Valid);
    let revoked = (0..3_000u32).map(|number| {
        let until = if number < 2_900 { NOW - 1 } else { NOW + 3600 };
        Entry::RevokedToken(RevokedTokenEntry {
            tenant_id: tenant_id(1),
            id: number.to_string(),
            until: until * MICROS,
        })
    });
    validator.apply(revoked, 6);
    assert!(validator.revoked_tokens() < 1_200, "{}", validator.revoked_tokens());
    let claims = with(access_claims(), "jti", json!("2950"));
    assert_eq!(ask(&validator, &by_server(&access_header(), &claims)), Code::Revoked);
}

#[test]
fn a_clock_that_was_ahead_and_is_set_back_revives_no_token() {
    let validator = validator();
    let token = by_server(&access_header(), &access_claims());
    let other = by_server(&access_header(), &with(access_claims(), "jti", json!("tok_2")));
    let third = by_server(&access_header(), &with(access_claims(), "jti", json!("tok_3")));
    let revoked = |id: String| {
        let until = (NOW + 3600 + 120) * MICROS;
        Entry::RevokedToken(RevokedTokenEntry { tenant_id: tenant_id(1), id, until })
    };
    assert_eq!(ask(&validator, &other), Code::Valid, "it is in the cache");
    validator.apply([revoked("tok_1".into())], 6);
    assert_eq!(ask(&validator, &token), Code::Revoked);
    // Ten hours ahead, for one request.
    let ahead = (NOW + 36_000) * MICROS;
    let decision = validator.verify_credential(&sight(), None, &third, &Question::default(), ahead).unwrap();
    assert_eq!(decision.code(), Code::Expired);
    validator.apply((0..3_000).map(|number| revoked(number.to_string())), 7);
    assert!(validator.revoked_tokens() < 1_100, "{}", validator.revoked_tokens());
    for token in [&token, &other] {
        assert_eq!(ask(&validator, token), Code::Unavailable, "nobody can tell any more");
    }
    let needed = with(with(access_claims(), "exp", json!(NOW + 20 * 3600)), "jti", json!("tok_4"));
    assert_eq!(
        ask(&validator, &by_server(&access_header(), &needed)),
        Code::Valid,
        "of this one, everybody can"
    );
}
