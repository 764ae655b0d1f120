//! What the verdict says, to whom, and in which order.

use uuid::Uuid;

use super::*;
use crate::dialect::Dialect;

const NOW: i64 = 1_772_366_400_000_000;

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn nexus() -> Dialect {
    Dialect::parse("nexus.toml", include_str!("../../../dialects/nexus.toml")).unwrap()
}

fn management() -> Dialect {
    Dialect::parse("management.toml", include_str!("../../dialects/management.toml")).unwrap()
}

fn nexpay() -> Dialect {
    Dialect::parse("nexpay.toml", include_str!("../../../dialects/nexpay.toml")).unwrap()
}

fn rights(dialect: &Dialect, scopes: &[&str]) -> Rights {
    let granted = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
    Rights {
        key_type: KeyType::Secret,
        environment: "live".into(),
        granted: scopes.join(" "),
        scopes: dialect.effective_scopes(&granted),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        client_id: None,
    }
}

fn facts<'a>(dialect: &'a Dialect, rights: &'a Rights) -> Facts<'a> {
    Facts {
        tenant: tenant(),
        tenant_suspended: false,
        switched_off: None,
        status: SecretStatus::Current,
        not_after: i64::MAX,
        rights,
        dialect,
    }
}

fn code(facts: Facts<'_>, question: &Question<'_>) -> Code {
    verdict(facts, question, NOW).map_or_else(|refused| refused.code, |()| Code::Valid)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn touching(name: &str, value: &str) -> BTreeMap<String, String> {
    [(name.to_owned(), value.to_owned())].into()
}

#[test]
fn a_living_key_that_is_asked_for_nothing_more_is_valid() {
    let dialect = nexus();
    assert_eq!(code(facts(&dialect, &rights(&dialect, &[])), &Question::default()), Code::Valid);
}

/// Begins with a request in which everything is wrong and mends one thing after the other.
#[test]
fn codes_come_in_a_fixed_order_owner_then_life_then_place_then_powers() {
    let mut dialect = nexus();
    dialect.restrictions = vec!["brand".into()];
    let rights = Rights {
        key_type: KeyType::Publishable,
        ip_allowlist: vec!["192.0.2.0/24".parse().unwrap()],
        restrictions: [("brand".to_owned(), ["acme".to_owned()].into())].into(),
        client_id: Some("c_1".into()),
        ..rights(&dialect, &["read:users"])
    };
    let (writing, reading, granted) =
        (texts(&["write:users"]), texts(&["read:payments"]), texts(&["read:users"]));
    let (other_brand, own_brand) = (touching("brand", "other"), touching("brand", "acme"));
    let mut facts = Facts {
        tenant_suspended: true,
        switched_off: Some(SwitchedOff::Integration),
        status: SecretStatus::Revoked,
        not_after: NOW,
        ..facts(&dialect, &rights)
    };
    let mut question = Question {
        tenant: Some(TenantId::new(Uuid::from_u128(2))),
        client_id: Some("c_2"),
        environment: Some("test"),
        method: Some("POST"),
        ip: Some("198.51.100.1".parse().unwrap()),
        required_scopes: &writing,
        restrictions: Some(&other_brand),
        ..Question::default()
    };

    assert_eq!(code(facts, &question), Code::TenantMismatch);
    question.tenant = Some(tenant());
    assert_eq!(code(facts, &question), Code::Unknown);
    question.client_id = Some("c_1");
    assert_eq!(code(facts, &question), Code::Revoked);
    facts.status = SecretStatus::Superseded;
    assert_eq!(code(facts, &question), Code::Revoked);
    facts.status = SecretStatus::Current;
    assert_eq!(code(facts, &question), Code::Expired);
    facts.not_after = NOW + 1;
    assert_eq!(code(facts, &question), Code::TenantSuspended);
    facts.tenant_suspended = false;
    assert_eq!(code(facts, &question), Code::Disabled);
    facts.switched_off = Some(SwitchedOff::Agent);
    assert_eq!(code(facts, &question), Code::Disabled);
    facts.switched_off = None;
    assert_eq!(code(facts, &question), Code::WrongEnvironment);
    question.environment = Some("live");
    assert_eq!(code(facts, &question), Code::IpNotAllowed);
    question.ip = Some("192.0.2.1".parse().unwrap());
    assert_eq!(code(facts, &question), Code::ReadOnly);
    question.method = Some("GET");
    assert_eq!(code(facts, &question), Code::ReadOnly);
    question.required_scopes = &reading;
    assert_eq!(code(facts, &question), Code::InsufficientScope);
    question.required_scopes = &granted;
    assert_eq!(code(facts, &question), Code::Restricted);
    question.restrictions = Some(&own_brand);
    assert_eq!(code(facts, &question), Code::Valid);
}

#[test]
fn a_minute_between_two_clocks_is_tolerated_of_keys_that_say_themselves_when_they_end() {
    let gpt = Dialect::parse("nexusgpt.toml", include_str!("../../../dialects/nexusgpt.toml")).unwrap();
    let rights = Rights { environment: "production".into(), ..rights(&gpt, &["read"]) };
    let seconds = |seconds: i64| NOW - seconds * 1_000_000;
    let ended = |not_after| {
        let facts = Facts { not_after, ..facts(&gpt, &rights) };
        verdict(facts, &Question::default(), NOW)
    };
    for over in [-59, 0, 59, 60] {
        assert_eq!(ended(seconds(over)), Ok(()), "{over} s over");
    }
    let refused = ended(seconds(61)).unwrap_err();
    assert_eq!(refused.code, Code::Expired);
    assert!(
        refused.detail.contains("ended 61 s ago") && refused.detail.contains("up to 60 s are tolerated"),
        "{}",
        refused.detail
    );
    let revoked = Facts { status: SecretStatus::Revoked, not_after: seconds(-3600), ..facts(&gpt, &rights) };
    assert_eq!(
        code(revoked, &Question::default()),
        Code::Revoked,
        "nothing is tolerated of what was revoked"
    );
}

#[test]
fn a_secret_is_refused_from_its_last_instant_on() {
    let dialect = nexus();
    let rights = rights(&dialect, &[]);
    for (status, refusal) in
        [(SecretStatus::Current, Code::Expired), (SecretStatus::Superseded, Code::Revoked)]
    {
        let until =
            |not_after| code(Facts { status, not_after, ..facts(&dialect, &rights) }, &Question::default());
        assert_eq!(until(NOW + 1), Code::Valid, "{status:?}");
        assert_eq!(until(NOW), refusal, "{status:?}");
        assert_eq!(until(NOW - 1), refusal, "{status:?}");
        assert_eq!(until(i64::MIN), refusal, "{status:?}");
        assert_eq!(until(i64::MAX), Code::Valid, "{status:?}");
    }
}

#[test]
fn a_revoked_secret_is_refused_at_every_time() {
    let dialect = nexus();
    let rights = rights(&dialect, &["admin:all"]);
    for not_after in [i64::MIN, NOW - 1, NOW, NOW + 1, i64::MAX] {
        let facts = Facts { status: SecretStatus::Revoked, not_after, ..facts(&dialect, &rights) };
        assert_eq!(code(facts, &Question::default()), Code::Revoked);
    }
}

#[test]
fn whose_a_key_is_comes_before_whether_it_lives() {
    let dialect = nexus();
    let rights = rights(&dialect, &[]);
    let question = Question { tenant: Some(TenantId::new(Uuid::from_u128(2))), ..Question::default() };
    for status in [SecretStatus::Current, SecretStatus::Superseded, SecretStatus::Revoked] {
        let foreign =
            Facts { status, not_after: NOW - 1, tenant_suspended: true, ..facts(&dialect, &rights) };
        assert_eq!(code(foreign, &question), Code::TenantMismatch);
    }
}

#[test]
fn a_client_id_must_be_the_secrets_own_where_it_is_given() {
    let dialect = nexpay();
    let own = Rights { client_id: Some("npc_1".into()), ..rights(&dialect, &[]) };
    let none = rights(&dialect, &[]);
    let asked = |rights: &Rights, client_id| {
        code(facts(&dialect, rights), &Question { client_id, ..Question::default() })
    };
    assert_eq!(asked(&own, None), Code::Valid);
    assert_eq!(asked(&own, Some("npc_1")), Code::Valid);
    for wrong in ["npc_2", "NPC_1", "", "npc_1 "] {
        assert_eq!(asked(&own, Some(wrong)), Code::Unknown, "{wrong:?}");
    }
    assert_eq!(asked(&none, Some("npc_1")), Code::Unknown);
    assert_eq!(asked(&none, Some("")), Code::Unknown);
}

#[test]
fn nexus_keys_open_their_own_environment_and_their_realm() {
    let dialect = nexus();
    let served = ["live", "production", "test", "sandbox", "development", "staging", "qa", "Live", ""];
    for (of, opens) in [
        ("live", &["live", "production"][..]),
        ("test", &["test", "sandbox"]),
        ("development", &["test", "sandbox", "development"]),
        ("staging", &["test", "sandbox", "staging"]),
    ] {
        let rights = Rights { environment: of.into(), ..rights(&dialect, &[]) };
        for asked in served {
            let expected = if opens.contains(&asked) { Code::Valid } else { Code::WrongEnvironment };
            let question = Question { environment: Some(asked), ..Question::default() };
            assert_eq!(
                code(facts(&dialect, &rights), &question),
                expected,
                "a {of} key where {asked:?} is served"
            );
        }
    }
}

#[test]
fn without_a_served_environment_every_key_is_in_its_place() {
    let dialect = nexus();
    for environment in ["live", "test", "development", "staging"] {
        let rights = Rights { environment: environment.into(), ..rights(&dialect, &[]) };
        assert_eq!(code(facts(&dialect, &rights), &Question::default()), Code::Valid);
    }
}

#[test]
fn a_realm_without_an_environment_of_its_name_stands_for_all_its_environments() {
    let text = include_str!("../../../dialects/nexus.toml").replace("\"live\"", "\"eu\"").replace(
        "[[environments]]\nname = \"eu\"",
        "[[environments]]\nname = \"paris\"\nrealm = \"eu\"\n\n[[environments]]\nname = \"berlin\"\nrealm = \"eu\"",
    );
    let dialect = Dialect::parse("cities.toml", &text).unwrap();
    assert!(dialect.environment_admits("paris", "eu") && dialect.environment_admits("berlin", "eu"));
    assert!(!dialect.environment_admits("paris", "berlin") && !dialect.environment_admits("test", "eu"));
}

#[test]
fn the_allow_list_admits_an_address_in_whichever_spelling() {
    let dialect = nexus();
    let allowed = |list: &[&str], ip: &str| {
        let ip_allowlist = list.iter().map(|network| network.parse().unwrap()).collect();
        let rights = Rights { ip_allowlist, ..rights(&dialect, &[]) };
        code(facts(&dialect, &rights), &Question { ip: Some(ip.parse().unwrap()), ..Question::default() })
    };
    for (list, ip, expected) in [
        (&["192.0.2.0/24"][..], "192.0.2.0", Code::Valid),
        (&["192.0.2.0/24"], "192.0.2.255", Code::Valid),
        (&["192.0.2.0/24"], "192.0.3.0", Code::IpNotAllowed),
        (&["192.0.2.0/24"], "::ffff:192.0.2.9", Code::Valid),
        (&["192.0.2.0/24"], "::ffff:c000:209", Code::Valid),
        (&["192.0.2.0/24"], "::ffff:192.0.3.9", Code::IpNotAllowed),
        (&["192.0.2.0/24"], "::192.0.2.9", Code::IpNotAllowed),
        (&["192.0.2.0/24"], "2002:c000:209::", Code::IpNotAllowed),
        (&["192.0.2.0/24"], "64:ff9b::c000:209", Code::IpNotAllowed),
        (&["192.0.2.7/32"], "192.0.2.7", Code::Valid),
        (&["192.0.2.7/32"], "192.0.2.8", Code::IpNotAllowed),
        (&["2001:db8::/64"], "2001:DB8:0:0:ffff::1", Code::Valid),
        (&["2001:db8::/64"], "2001:db8:0:1::1", Code::IpNotAllowed),
        (&["2001:db8::/64"], "192.0.2.1", Code::IpNotAllowed),
        (&["2001:db8::/64"], "::ffff:192.0.2.1", Code::IpNotAllowed),
        (&["::/0"], "2001:db8::1", Code::Valid),
        (&["::/0"], "192.0.2.1", Code::IpNotAllowed),
        (&["::/0"], "::ffff:192.0.2.1", Code::IpNotAllowed),
        (&["0.0.0.0/0"], "::ffff:192.0.2.1", Code::Valid),
        (&["0.0.0.0/0"], "2001:db8::1", Code::IpNotAllowed),
        (&["10.0.0.0/8", "2001:db8::/32"], "2001:db8:1::1", Code::Valid),
        (&[], "203.0.113.9", Code::Valid),
    ] {
        assert_eq!(allowed(list, ip), expected, "{ip} on {list:?}");
    }
}

#[test]
fn a_key_with_an_allow_list_needs_a_callers_address() {
    let dialect = nexus();
    let rights = Rights { ip_allowlist: vec!["0.0.0.0/0".parse().unwrap()], ..rights(&dialect, &[]) };
    assert_eq!(code(facts(&dialect, &rights), &Question::default()), Code::IpNotAllowed);
}

#[test]
fn a_publishable_key_reads_and_does_nothing_else() {
    let dialect = nexus();
    let rights = Rights { key_type: KeyType::Publishable, ..rights(&dialect, &["read:users"]) };
    let asked = |method, scopes: &[&str]| {
        let required_scopes = &texts(scopes);
        code(facts(&dialect, &rights), &Question { method, required_scopes, ..Question::default() })
    };
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(asked(Some(method), &["read:users"]), Code::Valid, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY", "get", ""] {
        assert_eq!(asked(Some(method), &["read:users"]), Code::ReadOnly, "{method}");
    }
    assert_eq!(asked(None, &["read:users"]), Code::Valid);
    assert_eq!(asked(None, &["read:users", "write:users"]), Code::ReadOnly);
    assert_eq!(asked(Some("GET"), &["admin:all"]), Code::ReadOnly);
    assert_eq!(asked(Some("GET"), &["read:payments"]), Code::InsufficientScope);
}

/// However the scopes of a publishable key came about, they let it do nothing but read.
#[test]
fn a_publishable_key_that_holds_everything_still_only_reads() {
    let dialect = nexus();
    let rights = Rights { key_type: KeyType::Publishable, ..rights(&dialect, &["admin:all"]) };
    let required_scopes = &texts(&["write:payments"]);
    assert_eq!(
        code(facts(&dialect, &rights), &Question { required_scopes, ..Question::default() }),
        Code::ReadOnly
    );
}

#[test]
fn a_secret_key_may_use_every_method() {
    let dialect = nexus();
    let rights = rights(&dialect, &["write:users"]);
    for method in ["GET", "POST", "DELETE", "anything"] {
        assert_eq!(
            code(facts(&dialect, &rights), &Question { method: Some(method), ..Question::default() }),
            Code::Valid
        );
    }
}

#[test]
fn all_required_scopes_must_be_granted_or_contained_in_a_granted_one() {
    let (nexus, management, nexpay) = (nexus(), management(), nexpay());
    for (dialect, granted, required, expected) in [
        (&nexus, &["read:users"][..], &["read:users"][..], Code::Valid),
        (&nexus, &["read:users"], &["write:users"], Code::InsufficientScope),
        (&nexus, &["write:users"], &["read:users"], Code::InsufficientScope),
        (&nexus, &["read:users"], &["read:users", "read:payments"], Code::InsufficientScope),
        (&nexus, &["read:users", "read:payments"], &["read:payments", "read:users"], Code::Valid),
        (&nexus, &["admin:all"], &["write:payments", "read:messages"], Code::Valid),
        (&nexus, &["write:users"], &["admin:all"], Code::InsufficientScope),
        (&nexus, &[], &["read:users"], Code::InsufficientScope),
        (&nexus, &[], &[], Code::Valid),
        (&nexus, &["read:users"], &["READ:USERS"], Code::InsufficientScope),
        (&nexus, &["read:users"], &["read:user"], Code::InsufficientScope),
        (&nexus, &["read:users"], &[""], Code::InsufficientScope),
        (&management, &["keys:write"], &["keys:read"], Code::Valid),
        (&management, &["keys:read"], &["keys:write"], Code::InsufficientScope),
        (&management, &["keys:write"], &["tenants:read"], Code::InsufficientScope),
        (&management, &["admin:all"], &["projections:write"], Code::Valid),
        (&nexpay, &[], &["anything"], Code::Valid),
    ] {
        let required_scopes = &texts(required);
        let question = Question { required_scopes, ..Question::default() };
        assert_eq!(
            code(facts(dialect, &rights(dialect, granted)), &question),
            expected,
            "{granted:?} for {required:?}"
        );
    }
}

#[test]
fn a_restricted_key_touches_only_what_it_names() {
    let dialect = management();
    let values = |values: &[&str]| values.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let rights = Rights {
        restrictions: [
            ("brand".to_owned(), values(&["acme", "apex"])),
            ("region".to_owned(), values(&["eu"])),
        ]
        .into(),
        ..rights(&dialect, &[])
    };
    let touching = |pairs: &[(&str, &str)]| {
        let given = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        code(facts(&dialect, &rights), &Question { restrictions: Some(&given), ..Question::default() })
    };
    assert_eq!(touching(&[("brand", "acme"), ("region", "eu")]), Code::Valid);
    assert_eq!(touching(&[("brand", "apex"), ("region", "eu"), ("shop", "7")]), Code::Valid);
    assert_eq!(touching(&[("brand", "other"), ("region", "eu")]), Code::Restricted);
    assert_eq!(touching(&[("brand", "acme")]), Code::Restricted);
    assert_eq!(touching(&[("brand", "acme"), ("region", "EU")]), Code::Restricted);
    assert_eq!(touching(&[]), Code::Restricted);
    assert_eq!(code(facts(&dialect, &rights), &Question::default()), Code::Restricted);
}

#[test]
fn what_a_key_is_not_restricted_by_is_not_asked_about() {
    let dialect = management();
    let given = touching("brand", "acme");
    let question = Question { restrictions: Some(&given), ..Question::default() };
    assert_eq!(code(facts(&dialect, &rights(&dialect, &[])), &question), Code::Valid);
}

#[test]
fn details_say_what_to_do_and_quote_no_credential() {
    let dialect = nexus();
    let rights = Rights { client_id: Some("own-id".into()), ..rights(&dialect, &[]) };
    let question = Question { client_id: Some("given-id"), ..Question::default() };
    let refused = verdict(facts(&dialect, &rights), &question, NOW).unwrap_err();
    assert!(!refused.detail.contains("own-id") && !refused.detail.contains("given-id"));
    let environment = Question { environment: Some("test"), ..Question::default() };
    let refused = verdict(facts(&dialect, &rights), &environment, NOW).unwrap_err();
    assert_eq!(refused.detail, "a live key cannot be used where test is served");
}

#[test]
fn codes_have_one_name_and_one_number() {
    for (index, code) in Code::ALL.into_iter().enumerate() {
        assert_eq!(Code::parse(code.as_str()), Some(code));
        assert_eq!(usize::from(code.number()), index);
        assert_eq!(Code::from_number(code.number()), Some(code));
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        assert_eq!(code.to_string(), code.as_str());
    }
    assert_eq!(Code::from_number(16), None);
    assert_eq!(Code::parse("valid"), None);
}
